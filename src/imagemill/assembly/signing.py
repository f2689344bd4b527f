"""Which signing keys count, and the judge of signatures over them."""

from __future__ import annotations

from pathlib import Path

from imagemill.errors import InvalidRequest
from imagemill.object_store.port import ObjectStore
from imagemill.settings import Settings, SettingsError
from imagemill.signing.gate import Gate
from imagemill.signing.key_book import KeyBook
from imagemill.signing.written_keys import written_keys


def build_signing_keys(settings: Settings, documents: ObjectStore, copy: Path | None) -> KeyBook:
    """Return the keys of the settings and of the control API; raise SettingsError for one that cannot be used."""
    try:
        return KeyBook(written_keys(settings.signing), documents, copy=copy)
    except InvalidRequest as error:
        raise SettingsError(error.sentence) from None


def build_signatures(settings: Settings, keys: KeyBook, edge_secret: str = "") -> Gate:
    """Return the judge of signatures; `edge_secret` is shared with a CDN that judges some itself, empty: none does."""
    return Gate(lambda: keys.ring, settings.signing, settings.server.public_url, edge_secret=edge_secret)
