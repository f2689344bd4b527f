"""The purges of all processes and nodes, in one document: each applies those of the others within two seconds.

Separate from `purging`, which removes things: here is only who has to be told what. Each purge has a number, counted
upwards for ever; the newest `KEPT` are in the document. A disk cache that was away for longer than they reach back
cannot know what it missed (`missed`).

`told` remembers for which state of an original the CDN was purged, because every process that notices a change would
otherwise purge once more.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagemill.delivery.purge_target import PurgeTarget
from imagemill.errors import ImagemillError, InvalidRequest
from imagemill.object_store.document import StoredDocument
from imagemill.object_store.port import ObjectStore

KEY = "purges.json"
KEPT = 500
RECEIPTS = 200
"""Receipts that every process can tell of; each is some 200 bytes."""
TOLD = 1000
"""Originals of which we remember for which state the CDN was purged; forgetting one costs one more purge."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One purge of the log: its number, which process did it, and what went."""

    number: int
    by: str
    target: PurgeTarget


@dataclass(frozen=True, slots=True)
class _State:
    last: int = 0
    purges: tuple[Logged, ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    receipts: tuple[tuple[str, dict[str, Any]], ...] = ()


class PurgeLog:
    """The log as one process sees it; `apply` is called with each purge of another process, in order."""

    def __init__(
        self,
        store: ObjectStore,
        site: str,
        apply: Callable[[PurgeTarget], None],
        *,
        copy: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`copy` is where the last good log is kept for a start while the store is away; `clock` as `time.time`."""
        self._site = site
        self._apply = apply
        self._clock = clock
        self._me = secrets.token_hex(8)
        self._state = _State()
        self._seen: int | None = None
        self._stored = StoredDocument(store, KEY, self._take, copy=copy)

    @property
    def last(self) -> int:
        """The number of the newest purge known here."""
        return self._state.last

    async def load(self) -> None:
        """Read the log; purges of the past are not applied, for this process holds nothing yet."""
        await self._stored.load()

    async def refresh(self) -> bool:
        """Look for purges of others and apply them; say whether there were news. Raises what the store raises."""
        return await self._stored.refresh()

    def since(self, number: int) -> tuple[PurgeTarget, ...] | None:
        """Return what was purged after `number`, None where the log does not reach back so far."""
        if number >= self._state.last:
            return ()
        missing = [one.target for one in self._state.purges if one.number > number]
        return tuple(missing) if len(missing) == self._state.last - number else None

    async def append(self, target: PurgeTarget) -> None:
        """Tell every other process of a purge; durable when this returns. Raises what the store raises."""

        def edit(data: bytes | None) -> bytes:
            state = self._decoded(data)
            one = Logged(state.last + 1, self._me, target)
            return _encoded(replace(state, last=one.number, purges=(*state.purges, one)[-KEPT:]), self._clock())

        await self._stored.change(edit)

    async def note(self, number: str, receipt: dict[str, Any]) -> None:
        """Let every process tell what became of the purge `number`; raises what the store raises."""

        def edit(data: bytes | None) -> bytes:
            state = self._decoded(data)
            receipts = dict(state.receipts) | {number: receipt}
            return _encoded(replace(state, receipts=tuple(receipts.items())[-RECEIPTS:]), self._clock())

        await self._stored.change(edit)

    def receipt(self, number: str) -> dict[str, Any] | None:
        """Return what was noted of a purge, by whichever process."""
        return dict(self._state.receipts).get(number)

    def told(self, key: str) -> str | None:
        """Return the state of `key` for which the CDN was last purged, as far as is known here."""
        return dict(self._state.told).get(key)

    async def claim(self, key: str, state: str) -> bool:
        """Say whether we are the first to notice that `key` is in this `state` (its version, or "gone")."""
        first = False

        def edit(data: bytes | None) -> bytes | None:
            nonlocal first
            known = self._decoded(data)
            told = dict(known.told)
            first = told.pop(key, None) != state
            if not first:
                return None
            told[key] = state
            return _encoded(replace(known, told=tuple(told.items())[-TOLD:]), self._clock())

        await self._stored.change(edit)
        return first

    def _take(self, data: bytes | None) -> None:
        self._state = self._decoded(data)
        seen, self._seen = self._seen, self._state.last
        if seen is None:
            return
        news = [one for one in self._state.purges if one.number > seen]
        if len(news) < self._state.last - seen:
            self._apply(PurgeTarget(site=self._site, prefix=""))  # more than the log holds: nothing here is sure
            return
        for one in news:
            if one.by != self._me:
                self._apply(one.target)

    def _decoded(self, data: bytes | None) -> _State:
        """Return the log; one that cannot be understood is begun anew, with a number that nobody has seen."""
        if data is None:
            return _State()
        try:
            found = json.loads(data)
            return _State(
                last=int(found["last"]),
                purges=tuple(self._logged(one) for one in found["purges"]),
                told=tuple((str(key), str(state)) for key, state in found["told"]),
                receipts=tuple((str(number), dict(one)) for number, one in found.get("receipts", [])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, ImagemillError):
            raise InvalidRequest(
                f"The log of purges ({KEY} among Imagemill's own files) is damaged; remove it to begin a new one.",
                code="bad_purge_log",
            ) from None

    def _logged(self, one: dict[str, Any]) -> Logged:
        target = PurgeTarget(site=self._site, key=one.get("key"), prefix=one.get("prefix"), leaf=one.get("leaf"))
        return Logged(int(one["number"]), str(one["by"]), target)


def _encoded(state: _State, now: float) -> bytes:
    purges = [
        {
            "number": one.number,
            "by": one.by,
            **{name: value for name in ("key", "prefix", "leaf") if (value := getattr(one.target, name)) is not None},
        }
        for one in state.purges
    ]
    document = {
        "last": state.last,
        "written": int(now),
        "purges": purges,
        "told": [list(one) for one in state.told],
        "receipts": [list(one) for one in state.receipts],
    }
    return json.dumps(document, ensure_ascii=False).encode()
