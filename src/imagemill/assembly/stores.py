"""Which adapters keep originals, variants and our own documents: chosen here, from the settings' URLs."""

from __future__ import annotations

from imagemill.data_folder import DataFolder
from imagemill.object_store.local import LocalStore
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ObjectStore
from imagemill.settings import Settings
from imagemill.settings.values import folder_of
from imagemill.variants.local import LocalVariants
from imagemill.variants.memory import MemoryVariants
from imagemill.variants.port import Reads, VariantStore


def build_stores(settings: Settings, data: DataFolder, reads: Reads) -> tuple[ObjectStore, VariantStore]:
    """Return where originals are and where variants are kept; ours lie apart from people's pictures."""
    asked = settings.variants
    bounds = {"max_bytes": asked.max_bytes, "max_per_original": asked.max_per_original}
    if settings.originals.url.startswith("memory:"):
        store: ObjectStore = MemoryStore()
        own = None
    else:
        root = folder_of(settings.originals.url) or data.path
        own = data.own_beside(root)
        store = LocalStore(root, own)
    folder = folder_of(asked.url) or (None if own is None or asked.url else own / "variants")
    if folder is None:
        return store, MemoryVariants(**bounds, reads=reads)
    return store, LocalVariants(folder, **bounds, reads=reads)


def build_document_store(data: DataFolder) -> ObjectStore:
    """Return where our own documents lie (presets, keys, purges): small, changed by the control API, read by all."""
    return LocalStore(data.own, data.own / "site", threads=1)
