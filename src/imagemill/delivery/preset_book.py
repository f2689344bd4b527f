"""The presets in force: those of the settings, and those that the control API keeps in one document in the store.

Separate from `recipe.presets`, which says what a preset is. Every change is durable before it is in force, and in force
at once: readers take the snapshot `current`, which is replaced as a whole. The document is written with If-Match, so
that a second writer of the same store is noticed and nothing of his is lost.

A preset of the settings hides one of the same name in the document. Presets of the document that this version cannot
read (written by a later one) stay in it untouched, and are unknown to URLs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagemill.errors import Conflict, ImagemillError, InvalidRequest, NotFound, Overloaded, shown
from imagemill.object_store.condition import demand
from imagemill.object_store.document import StoredDocument
from imagemill.object_store.port import Condition, ObjectStore
from imagemill.recipe.presets import Preset, Presets, read_preset

KEY = "presets.json"
MAX_PRESETS = 500
"""Presets of the API; each is at most some 2 kB, and all are written at once."""
_ABANDONED = 3600.0
"""Seconds after which an unfinished write was left by a crash, whoever else writes."""

_Document = dict[str, dict[str, Any]]


class PresetBook:
    """All presets; one for each process."""

    def __init__(
        self,
        written: Mapping[str, str],
        store: ObjectStore,
        *,
        side: int,
        pixels: int,
        clock: Callable[[], float] = time.time,
        copy: Path | None = None,
    ) -> None:
        """`written` are those of the settings, already checked; `side` and `pixels` bound the results of new ones.

        `copy` is where the last good document is kept for a start while the store is away.
        """
        self._written = {name: read_preset(name, options) for name, options in written.items()}
        self._store = store
        self._side = side
        self._pixels = pixels
        self._clock = clock
        self._stored = StoredDocument(store, KEY, self._take, copy=copy)
        self._document: _Document = {}
        self._listeners: list[Callable[[], None]] = []
        self.unreadable: tuple[str, ...] = ()
        self.current: Presets = dict(self._written)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever another snapshot is in force."""
        self._listeners.append(listener)

    async def load(self) -> None:
        """Read the document; raise ImagemillError where it cannot be read, rather than serve other presets."""
        with contextlib.suppress(Overloaded):  # what is left over can wait; `load` says whether the store is away
            if self._store.writable:
                await self._store.sweep(_ABANDONED)
        await self._stored.load()

    async def put(self, name: str, options: str, condition: Condition) -> tuple[Preset, bool]:
        """Create or replace a preset and return it with whether it is new.

        Raises InvalidRequest (`bad_preset`), Conflict (`managed_by_file`, `too_many_presets`), PreconditionFailed.
        """
        preset = read_preset(
            name,
            options,
            managed_by="api",
            modified=float(int(self._clock())),
            side=self._side,
            pixels=self._pixels,
        )
        present: Preset | None = None

        def change(document: _Document) -> bool:
            nonlocal present
            present = self._own(name, condition)
            if present is None and len(document) >= MAX_PRESETS:
                raise Conflict(f"There are {MAX_PRESETS} presets already; remove one first.", code="too_many_presets")
            if present is not None and present.options == options:
                return False
            document[name] = {"options": options, "modified": preset.modified}
            return True

        await self._change(change)
        return self.current[name], present is None

    async def delete(self, name: str, condition: Condition) -> None:
        """Remove a preset; raise NotFound, Conflict (`managed_by_file`), PreconditionFailed."""

        def change(document: _Document) -> bool:
            if self._own(name, condition) is None:
                raise no_such_preset(name)
            del document[name]
            return True

        await self._change(change)

    def get(self, name: str) -> Preset:
        """Return the preset in force under `name`; raise NotFound (`no_such_preset`)."""
        preset = self.current.get(name)
        if preset is None:
            raise no_such_preset(name)
        return preset

    def _own(self, name: str, condition: Condition) -> Preset | None:
        """Return the API's preset `name`, None where there is none; raise Conflict, or where `condition` fails."""
        present = self.current.get(name)
        if present is not None and present.managed_by == "file":
            raise Conflict(
                f"The preset “{name}” stands in the settings; change it there and start the server again.",
                code="managed_by_file",
            )
        demand(condition, name, None if present is None else etag_of(present))
        return present

    # --- the document ----------------------------------------------------------------------------------------------

    async def refresh(self) -> bool:
        """Look whether another process has changed the document; say whether it had. Raises what the store raises."""
        return await self._stored.refresh()

    async def _change(self, change: Callable[[_Document], bool]) -> None:
        """Write the document as `change` makes it, again from the newest one where somebody else wrote meanwhile."""

        def edit(_: bytes | None) -> bytes | None:
            document = dict(self._document)
            if not change(document):
                return None
            return json.dumps({"presets": document}, indent=1, sort_keys=True, ensure_ascii=False).encode()

        await self._stored.change(edit)

    def _take(self, data: bytes | None) -> None:
        """Put a new snapshot in force."""
        document = {} if data is None else _decoded(data)
        kept: dict[str, Preset] = {}
        unreadable: list[str] = []
        for name, one in document.items():
            try:
                kept[name] = read_preset(name, one["options"], managed_by="api", modified=one["modified"])
            except ImagemillError:
                unreadable.append(name)
        self._document = document
        self.unreadable = tuple(unreadable)
        self.current = kept | self._written
        for listener in self._listeners:
            listener()


def _decoded(data: bytes) -> _Document:
    """Return the presets of a document; raise InvalidRequest (`bad_presets_document`) for what is none."""
    try:
        found = json.loads(data)["presets"]
        return {
            str(name): {"options": str(one["options"]), "modified": float(one["modified"])}
            for name, one in found.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidRequest(
            f"The document of presets ({KEY} among Imagemill's own files) is damaged; put back a good copy, or remove "
            "it to start without the presets of the API.",
            code="bad_presets_document",
        ) from None


def etag_of(preset: Preset) -> str:
    """Return the entity tag of what the API says of `preset`, without quotes."""
    text = "\0".join((preset.name, preset.options, preset.managed_by, str(preset.modified)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def no_such_preset(name: str) -> NotFound:
    """Return the error for a preset that there is not."""
    return NotFound(f"There is no preset “{shown(name)}”.", code="no_such_preset")
