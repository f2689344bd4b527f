"""Prefixes that become private by the settings: what was open is purged once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import play
from tests.signing.test_private_content import Owner, again

from imagemill import assembly
from imagemill.delivery.closing import KEY, Closing
from imagemill.errors import Overloaded
from imagemill.object_store.memory import MemoryStore


def test_each_prefix_is_purged_once() -> None:
    """New ones only, one inside another not again, one that was open meanwhile once more."""

    async def run() -> None:
        store = MemoryStore()
        purged: list[str] = []

        async def purge(prefix: str) -> None:
            purged.append(prefix)

        async def start(*prefixes: str) -> list[str]:
            purged.clear()
            told = await Closing(store, purge).close(prefixes)
            assert told == purged
            return told

        assert await start() == []
        assert await start("users/") == ["users/"]
        assert await start("users/") == []
        assert await start("users/", "drafts/", "users/ann/") == ["drafts/"]
        assert await start("drafts/") == []
        assert await start("drafts/", "users/") == ["users/"]

    asyncio.run(run())


def test_what_could_not_be_purged_is_tried_again() -> None:
    """A store that is away keeps nobody from starting, and nothing counts as done."""

    async def run() -> None:
        store = MemoryStore()

        async def fails(_: str) -> None:
            raise Overloaded("away")

        async def works(_: str) -> None:
            return

        with pytest.raises(Overloaded):
            await Closing(store, fails).close(["users/"])
        assert await store.stamp(KEY) is None
        assert await Closing(store, works).close(["users/"]) == ["users/"]

    asyncio.run(run())


def test_a_web_server_loses_what_the_settings_close(tmp_path: Path) -> None:
    """After the start with a private prefix no open variant of it is left in the folder."""
    local = {"originals.url": f"file://{tmp_path}"}
    home = tmp_path / ".imagemill" / "variants" / "default" / "a.png" / "~"

    async def before(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await Owner(client, tmp_path).put("b.png")
        for name in ("a", "b"):
            assert (await client.get(f"/img/w=32,fm=png/{name}.png")).status_code == 200
        await platform.maker.drain()
        assert list(home.glob("current/*"))

    play(tmp_path, before, **local)

    async def after() -> None:
        async with again(tmp_path, **local, **{"delivery.private": "a"}) as client:
            assert list(home.glob("*/w=*")) == []
            assert (await client.get("/img/w=32,fm=png/a.png")).status_code == 403
            kept = await client.get("/img/w=32,fm=png/b.png")
            assert kept.headers["cache-status"].endswith("detail=store")

    asyncio.run(after())
