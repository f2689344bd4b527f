"""Which adapters keep originals, variants and our own documents: chosen here, from the settings' URLs.

Each is imported where it is chosen: a cold start waits for every import, and needs one of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagemill.data_folder import DataFolder
from imagemill.object_store.port import ObjectStore
from imagemill.object_store.s3.address import S3Address
from imagemill.settings import OWN_FOLDER, Settings, SettingsError
from imagemill.settings.values import folder_of, s3_address
from imagemill.variants.port import Reads, VariantStore

if TYPE_CHECKING:  # brings in what only a bucket needs
    from imagemill.object_store.s3.trial import Trial

REPLICA = "replica"
"""Where our notes lie on the files of a replica in a folder: nothing is written into it."""
DOCUMENTS = f"{OWN_FOLDER}/site/"
"""Where our own documents lie in a bucket."""
QUARANTINE = f"{OWN_FOLDER}/quarantine/"
"""Where direct uploads wait for their check in the bucket of originals."""
SPOOL = "spool"
"""Where bytes on their way to or from a bucket wait, in files without a name."""
STORE_THREADS = 8
"""Threads that read and write the files of originals."""
VARIANT_SECONDS = 4.0
"""Seconds in which a bucket of variants must answer, retries included."""


def with_replica(store: ObjectStore, settings: Settings, data: DataFolder) -> ObjectStore:
    """Return `store` with the replica of `originals.replica_url` behind it; itself where there is none."""
    url = settings.originals.replica_url
    if not url:
        return store
    from imagemill.object_store.replicated import ReplicatedStore

    address = s3_address(url)
    if address is not None:
        return ReplicatedStore(store, s3_objects(address, settings, data.own / SPOOL))
    folder = folder_of(url)
    if folder is None or not folder.is_dir():
        raise SettingsError(f"originals.replica_url: expected a folder that is there, received {url}.")
    return ReplicatedStore(store, folder_objects(folder, data.own / REPLICA, threads=4))


def build_stores(
    settings: Settings, data: DataFolder, reads: Reads, *, counted: bool = True
) -> tuple[ObjectStore, VariantStore]:
    """Return where originals are and where variants are kept; ours lie apart from people's pictures.

    A bucket's variants that are not `counted` are never trimmed here: a rule of the bucket does that.
    """
    store, own = _originals(settings, data)
    asked = settings.variants
    bounds = {"max_bytes": asked.max_bytes, "max_per_original": asked.max_per_original}
    address = _variants_address(settings)
    if address is not None:
        return store, _remote_variants(address, settings, reads, counted=counted)
    folder = folder_of(asked.url) or (None if own is None or asked.url else own / "variants")
    if folder is None:
        from imagemill.variants.memory import MemoryVariants

        return store, MemoryVariants(**bounds, reads=reads)
    from imagemill.variants.local import LocalVariants

    return store, LocalVariants(folder, **bounds, reads=reads)


def _variants_address(settings: Settings) -> S3Address | None:
    """Return where in a bucket variants are, None where they are not in one."""
    if settings.variants.url:
        return s3_address(settings.variants.url)
    originals = s3_address(settings.originals.url)
    return None if originals is None else originals.below(f"{OWN_FOLDER}/variants/")


def _remote_variants(address: S3Address, settings: Settings, reads: Reads, *, counted: bool) -> VariantStore:
    """Return the store of variants in a bucket. It has less time than that of originals: what it lacks can be made."""
    from imagemill.object_store.s3.connection import S3Connection
    from imagemill.variants.remote import RemoteVariants

    patience = replace(settings.s3, request_seconds=min(settings.s3.request_seconds, VARIANT_SECONDS))
    asked = settings.variants
    return RemoteVariants(
        S3Connection(address, patience),
        max_bytes=asked.max_bytes if counted else None,
        max_per_original=asked.max_per_original,
        room=len(address.prefix.encode()),
        reads=reads,
    )


def build_originals(settings: Settings, data: DataFolder) -> ObjectStore:
    """Return where originals are, alone."""
    return _originals(settings, data)[0]


def build_document_store(settings: Settings, data: DataFolder) -> ObjectStore:
    """Return where our own documents lie (presets, keys, purges): small, changed by the control API, read by all.

    Where originals or variants are in a bucket, other nodes reach it too, and the documents lie there: in the variants'
    one rather, for the originals' may be read-only.
    """
    shared = s3_address(settings.variants.url) or s3_address(settings.originals.url)
    if shared is not None:
        return s3_objects(shared.below(DOCUMENTS), settings, data.own / SPOOL)
    return folder_objects(data.own, data.own / "site", threads=1, secret=True)  # keys of signatures among them


def folder_objects(root: Path, own: Path, *, threads: int = STORE_THREADS, secret: bool = False) -> ObjectStore:
    """Return the store of the files in `root`, with notes of ours in `own` (see `LocalStore`)."""
    from imagemill.object_store.local import LocalStore

    return LocalStore(root, own, threads=threads, secret=secret)


def s3_objects(address: S3Address, settings: Settings, spool: Path) -> ObjectStore:
    """Return the store of the objects at `address`; its client is imported here, where a URL asks for it.

    Bytes under way wait in the folder `spool`.
    """
    from imagemill.object_store.s3.connection import S3Connection
    from imagemill.object_store.s3.store import MOST_BYTES, S3Objects

    most = max(MOST_BYTES, settings.limits.upload_bytes)
    return S3Objects(S3Connection(address, settings.s3), spool, most=most)


def _originals(settings: Settings, data: DataFolder) -> tuple[ObjectStore, Path | None]:
    """Return the store of originals, and the folder of ours that belongs to it, None where there is no disk to use."""
    url = settings.originals.url
    address = s3_address(url)
    if address is not None:
        return s3_objects(address, settings, data.own / SPOOL), data.own
    if url.startswith("memory:"):
        from imagemill.object_store.memory import MemoryStore

        return MemoryStore(), None
    root = folder_of(url) or data.path
    own = data.own_beside(root)
    return folder_objects(root, own), own


def try_stores(settings: Settings) -> Iterator[tuple[str, S3Address, Callable[[], Awaitable[Trial]]]]:
    """Yield each bucket that the settings name, what it is for, and how to try it (for `doctor`)."""
    for name, address in (("originals", s3_address(settings.originals.url)), ("variants", _variants_address(settings))):
        if address is not None:
            yield name, address, partial(_try_bucket, address, settings)


async def _try_bucket(address: S3Address, settings: Settings) -> Trial:
    from imagemill.object_store.s3.connection import S3Connection
    from imagemill.object_store.s3.trial import try_bucket

    return await try_bucket(S3Connection(address, settings.s3))
