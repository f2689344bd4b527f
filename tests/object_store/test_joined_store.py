"""One store out of several: whose key it is, one listing, nothing written into a source."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagemill.errors import Refused
from imagemill.object_store.joined import JoinedStore, Mount
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ALWAYS, ObjectStore
from imagemill.testing.contracts.object_store import ObjectStoreContract, keys, put


def filled(*names: str) -> MemoryStore:
    """Return a store that has these keys; each object's bytes are its key."""
    store = MemoryStore()
    for name in names:
        store.put(name, name.encode(), "image/png", ALWAYS, None)
    return store


def mount(prefix: str, store: ObjectStore, *, listed: bool = True) -> Mount:
    """Attach `store`."""
    return Mount(name=prefix.strip("/") or "web", prefix=prefix, store=store, listed=listed)


async def read(store: ObjectStore, key: str) -> bytes | None:
    """Return the bytes of `key`."""
    opened = await store.open(key, known=await store.head(key))
    if opened is None:
        return None
    try:
        assert opened.info.key == key
        return os.pread(opened.fileno(), 1000, 0)
    finally:
        opened.close()


class TestJoinedStoreKeepsTheContract(ObjectStoreContract):
    """Beside a source the main store is what it was."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ObjectStore]:
        """Return an empty store with a source that has something and is not listed."""
        store = JoinedStore(MemoryStore(), [mount("a source of nobody/", filled("x"), listed=False)])
        yield store
        await store.close()


def test_the_prefix_decides_and_the_longest_wins() -> None:
    """A source's keys are below its prefix, whatever the main store or a shorter prefix has there."""
    main = filled("a.png", "press/hidden.png", "pressed.png")
    store = JoinedStore(main, [mount("press/", filled("b.png", "big/no.png")), mount("press/big/", filled("c.png"))])

    async def scenario() -> None:
        assert await read(store, "a.png") == b"a.png"
        assert await read(store, "press/b.png") == b"b.png"
        assert await read(store, "press/big/c.png") == b"c.png"
        assert await read(store, "pressed.png") == b"pressed.png"
        for absent in ("press/hidden.png", "press/big/no.png", "b.png", "press/"):
            assert await read(store, absent) is None
            assert await store.stamp(absent) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("inner", ["admin.key", ".imagemill/record.json", "imagemill.toml"])
def test_our_own_files_are_shown_through_no_prefix(inner: str) -> None:
    """A source that is somebody's data folder does not show its keys."""
    store = JoinedStore(filled(), [mount("press/", filled(inner))])
    assert asyncio.run(read(store, f"press/{inner}")) is None


def test_nothing_is_written_into_a_source() -> None:
    """PUT and DELETE are refused with `read_only`, also in an upload that began without a key."""
    source = filled("b.png")
    store = JoinedStore(filled(), [mount("press/", source)])

    async def scenario() -> None:
        for key in ("press/b.png", "press/new.png"):
            with pytest.raises(Refused) as refused:
                await put(store, key, b"x")
            assert refused.value.code == "read_only"
            with pytest.raises(Refused):
                await store.delete(key)
        await put(store, "own.png", b"x")
        assert await keys(store) == ["own.png", "press/b.png"]

    asyncio.run(scenario())


def test_a_source_of_addresses_takes_those_alone() -> None:
    """A whole address goes to the source as it is, and no prefix is needed for it."""
    web = filled("https://h/x.png")
    taking = Mount(name="web", prefix="", store=web, listed=False, takes=lambda key: key.startswith("https://"))
    store = JoinedStore(filled("a.png"), [taking])

    async def scenario() -> None:
        assert await read(store, "https://h/x.png") == b"https://h/x.png"
        assert await read(store, "a.png") == b"a.png"
        assert await keys(store) == ["a.png"]

    asyncio.run(scenario())


NAMES = st.lists(
    st.text("ab/-", min_size=1, max_size=5).filter(lambda text: not ({"", "."} & set(text.split("/")))), max_size=8
)


@given(
    main=NAMES,
    first=NAMES,
    second=NAMES,
    prefix=st.sampled_from(["", "a", "a/", "a/b", "a/b/", "a/b/a", "b", "-", "a-/"]),
    delimiter=st.sampled_from(["", "/", "-", "/b", "b/"]),
    limit=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
def test_a_joined_listing_is_that_of_one_store(
    main: list[str], first: list[str], second: list[str], prefix: str, delimiter: str, limit: int
) -> None:
    """Page by page the same as one store that has everything, with what is hidden left out."""
    visible = {name for name in main if not name.startswith("a/")}
    visible |= {f"a/{name}" for name in first if not name.startswith("b/")} | {f"a/b/{name}" for name in second}
    joined = JoinedStore(filled(*main), [mount("a/b/", filled(*second)), mount("a/", filled(*first))])

    async def scenario() -> None:
        wanted = await keys(filled(*visible), prefix, delimiter)
        assert await keys(joined, prefix, delimiter, limit) == wanted

    asyncio.run(scenario())
