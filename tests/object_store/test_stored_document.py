from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.object_store.test_replicated_store import Leaving

from imagemill.errors import Overloaded
from imagemill.object_store.document import StoredDocument


class Reader:
    """One process's view of a document."""

    def __init__(self, store: Leaving, copy: Path | None = None) -> None:
        self.seen: list[bytes | None] = []
        self.document = StoredDocument(store, "d.json", self.seen.append, copy=copy)

    async def append(self, text: bytes) -> None:
        """Add to the document."""
        await self.document.change(lambda data: (data or b"") + text)


def test_a_change_is_in_force_here_at_once_and_there_after_a_look() -> None:
    """Each reader takes each state once."""

    async def run() -> None:
        store = Leaving()
        one, two = Reader(store), Reader(store)
        await one.document.load()
        await two.document.load()
        await one.append(b"a")
        assert (one.seen, two.seen) == ([None, b"a"], [None])
        assert await two.document.refresh()
        assert not await two.document.refresh()
        assert two.seen == [None, b"a"]

    asyncio.run(run())


def test_writers_lose_nothing_of_each_other() -> None:
    """Who changes what somebody else has changed meanwhile begins again from that."""

    async def run() -> None:
        store = Leaving()
        readers = [Reader(store) for _ in range(4)]
        for reader in readers:
            await reader.document.load()
        await asyncio.gather(*(reader.append(b"%d" % number) for number, reader in enumerate(readers)))
        last = Reader(store)
        await last.document.load()
        assert sorted(last.seen[0] or b"") == sorted(b"0123")

    asyncio.run(run())


def test_the_last_good_copy_serves_a_start_while_the_store_is_away(tmp_path: Path) -> None:
    """And is left behind as soon as the store is back; it is for nobody else's eyes."""

    async def run() -> None:
        store, copy = Leaving(), tmp_path / "d.json"
        first = Reader(store, copy)
        await first.document.load()
        await first.append(b"a")
        assert copy.read_bytes() == b"a"
        assert copy.stat().st_mode & 0o777 == 0o600
        store.away = True
        second = Reader(store, copy)
        await second.document.load()
        assert second.seen == [b"a"]
        with pytest.raises(Overloaded):
            await second.document.refresh()
        store.away = False
        await first.append(b"b")
        assert await second.document.refresh()
        await second.append(b"c")
        assert second.seen == [b"a", b"ab", b"abc"]

    asyncio.run(run())


def test_without_a_copy_a_start_says_that_the_store_is_away() -> None:
    """Other presets, keys or purges than those that count are worse than none."""

    async def run() -> None:
        store = Leaving()
        store.away = True
        with pytest.raises(Overloaded):
            await Reader(store).document.load()

    asyncio.run(run())
