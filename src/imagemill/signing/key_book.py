"""The signing keys in force: those of the settings, and those that the control API keeps in one document.

Separate from `keys`, which says what a key is. As with presets, every change is durable before it is in force, and
readers take a snapshot (`ring`) that is replaced as a whole; a key of the settings hides one of the same name in the
document. The document holds secrets, so it lies where only the owner of the server's process may read.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from imagemill.errors import Conflict, ImagemillError, InvalidRequest, NotFound, shown
from imagemill.object_store.condition import demand
from imagemill.object_store.document import StoredDocument
from imagemill.object_store.port import ALWAYS, Condition, ObjectStore
from imagemill.signing.keys import KeyRing, Kind, SigningKey, check_key, new_kid, new_secret

KEY = "signing-keys.json"
MAX_KEYS = 100
"""Keys of the API; rotation needs two at a time."""

_Document = dict[str, dict[str, Any]]


class KeyBook:
    """All signing keys of one site; one book for each process."""

    def __init__(
        self,
        written: Iterable[SigningKey],
        store: ObjectStore,
        *,
        clock: Callable[[], float] = time.time,
        copy: Path | None = None,
    ) -> None:
        """`written` are those of the settings, the signing one first; `copy` as in `StoredDocument`."""
        self._written = {key.kid: key for key in written}
        self._clock = clock
        self._stored = StoredDocument(store, KEY, self._take, copy=copy)
        self._document: _Document = {}
        self._listeners: list[Callable[[], None]] = []
        self.unreadable: tuple[str, ...] = ()
        self.ring = KeyRing(self._written.values())

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever other keys are in force."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Read the document; raise ImagemillError where it cannot be read."""
        await self._stored.load()

    async def refresh(self) -> bool:
        """Look whether another process has changed the document; say whether it had. Raises what the store raises."""
        return await self._stored.refresh()

    def get(self, kid: str) -> SigningKey:
        """Return a key in force; raise NotFound (`no_such_signing_key`)."""
        key = self.ring.keys.get(kid)
        if key is None:
            raise NotFound(f"There is no signing key “{shown(kid)}”.", code="no_such_signing_key")
        return key

    async def create(
        self,
        kind: Kind,
        *,
        kid: str | None = None,
        secret: str | None = None,
        public_key: str = "",
        retires: float | None = None,
    ) -> SigningKey:
        """Make a key and return it; without `kid` or `secret` they are made up.

        Raises InvalidRequest (`bad_signing_key`), Conflict (`signing_key_exists`, `managed_by_file`,
        `too_many_signing_keys`).
        """
        if kind == "hmac" and secret is None:
            secret = new_secret()
        key = check_key(
            SigningKey(
                kid=new_kid(self.ring.keys) if kid is None else kid,
                kind=kind,
                secret=secret or "",
                public_key=public_key,
                created=float(int(self._clock())),
                retires=retires,
            )
        )

        def change(document: _Document) -> bool:
            self._refuse_written(key.kid)
            if key.kid in document:
                raise Conflict(f"There is a signing key “{key.kid}” already.", code="signing_key_exists")
            if len(document) >= MAX_KEYS:
                raise Conflict(
                    f"There are {MAX_KEYS} signing keys already; remove one first.", code="too_many_signing_keys"
                )
            document[key.kid] = _stored(key)
            return True

        await self._change(change)
        return self.get(key.kid)

    async def retire(self, kid: str, retires: float | None, condition: Condition = ALWAYS) -> SigningKey:
        """Say when a key stops to count (None: not by itself); raise as `delete`."""

        def change(document: _Document) -> bool:
            present = self._own(kid, condition)
            document[kid] = {**document[kid], "retires": retires}
            return present.retires != retires

        await self._change(change)
        return self.get(kid)

    async def delete(self, kid: str, condition: Condition = ALWAYS) -> None:
        """Remove a key, and end every link of it; raise NotFound, Conflict (`managed_by_file`), PreconditionFailed."""

        def change(document: _Document) -> bool:
            self._own(kid, condition)
            del document[kid]
            return True

        await self._change(change)

    # --- the document ------------------------------------------------------------------------------------------------

    def _refuse_written(self, kid: str) -> None:
        if kid in self._written:
            raise Conflict(
                f"The signing key “{kid}” stands in the settings; change it there and start the server again.",
                code="managed_by_file",
            )

    def _own(self, kid: str, condition: Condition) -> SigningKey:
        self._refuse_written(kid)
        key = self.get(kid)
        demand(condition, kid, etag_of(key))
        return key

    async def _change(self, change: Callable[[_Document], bool]) -> None:
        """Write the document as `change` makes it, again from the newest one where somebody else wrote meanwhile."""

        def edit(_: bytes | None) -> bytes | None:
            document = dict(self._document)
            if not change(document):
                return None
            return json.dumps({"keys": document}, indent=1).encode()

        await self._stored.change(edit)

    def _take(self, data: bytes | None) -> None:
        """Put new keys in force. A key that this version cannot use stays in the document and opens nothing."""
        self._document = {} if data is None else _decoded(data)
        kept: dict[str, SigningKey] = {}
        unreadable: list[str] = []
        for kid, one in self._document.items():
            try:
                kept[kid] = check_key(_read(kid, one))
            except (ImagemillError, KeyError, TypeError, ValueError):
                unreadable.append(kid)
        self.unreadable = tuple(unreadable)
        self.ring = KeyRing((self._written | {k: v for k, v in kept.items() if k not in self._written}).values())
        for listener in self._listeners:
            listener()


def _stored(key: SigningKey) -> dict[str, Any]:
    return {
        "kind": key.kind,
        "secret": key.secret,
        "public_key": key.public_key,
        "created": key.created,
        "retires": key.retires,
    }


def _read(kid: str, one: dict[str, Any]) -> SigningKey:
    if one["kind"] not in ("hmac", "cloudfront"):
        raise ValueError("a kind of a later version")
    return SigningKey(
        kid=kid,
        kind=one["kind"],
        secret=str(one["secret"]),
        public_key=str(one["public_key"]),
        created=float(one["created"]),
        retires=None if one["retires"] is None else float(one["retires"]),
    )


def _decoded(data: bytes) -> _Document:
    """Return the keys of a document; raise InvalidRequest (`bad_signing_keys_document`) for what is none."""
    try:
        return {str(kid): dict(one) for kid, one in json.loads(data)["keys"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidRequest(
            f"The document of signing keys ({KEY} among Imagemill's own files) is damaged; put back a good copy, or "
            "remove it to start without the keys of the API.",
            code="bad_signing_keys_document",
        ) from None


def etag_of(key: SigningKey) -> str:
    """Return the entity tag of what the API says of `key`, without quotes; the secret is in it only as a digest."""
    parts = (key.kid, key.kind, key.secret, key.public_key, key.managed_by, str(key.created), str(key.retires))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
