"""Variants made before anybody asks, on a server: behind the answer to a PUT, for nobody's share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import picture, play

from imagemill import assembly
from imagemill.delivery.eager import MOST_LISTS, check_lists
from imagemill.engine.limits import Limits
from imagemill.errors import InvalidRequest

BROWSERS = {"image/avif,image/webp,*/*": "image/avif", "image/webp,*/*": "image/webp", "*/*": "image/png"}


async def kept(platform: assembly.Platform, key: str, count: int) -> set[str]:
    """Return the leaves of a key's kept variants when there are `count`; fail after a while."""
    async with asyncio.timeout(60):
        while True:
            leaves = {one.name.leaf for one in await platform.variants.list("default", key)}
            if len(leaves) >= count:
                return leaves
            await asyncio.sleep(0.02)


def headers(folder: Path) -> dict[str, str]:
    """Return the header of who may change things."""
    return {"x-api-key": (folder / "admin.key").read_text().strip()}


def test_the_first_visitor_meets_a_hit(tmp_path: Path) -> None:
    """After a PUT the lists are made in every format that browsers name; the next picture's after the next PUT."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        for colour in ((200, 0, 0), (0, 0, 200)):
            put = await client.put("/v1/originals/new.png", content=picture(colour), headers=headers(tmp_path))
            assert put.status_code in (200, 201)
            await kept(platform, "new.png", 4)
            for accept, media in BROWSERS.items():
                answer = await client.get("/img/w=20,h=10/new.png", headers={"accept": accept})
                assert answer.headers["cache-status"].startswith("imagemill; hit"), accept
                if media != "image/png":
                    assert answer.headers["content-type"] == media
        assert len(await kept(platform, "new.png", 4)) == 4

    play(tmp_path, scene, **{"originals.eager": "w=20&h=10,w=15&fm=gif"})


def test_private_originals_are_left_alone(tmp_path: Path) -> None:
    """Few may ask for them, and nothing of them is laid where it could be found."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        for key, private in (("hidden.png", "true"), ("open.png", "false")):
            url = f"/v1/originals/{key}?private={private}"
            assert (await client.put(url, content=picture(), headers=headers(tmp_path))).status_code == 201
        await kept(platform, "open.png", 1)  # which came after the other one
        assert await platform.variants.list("default", "hidden.png") == ()

    play(tmp_path, scene, **{"originals.eager": "w=20&fm=webp"})


@pytest.mark.parametrize(
    "lists", [["w=0"], ["nonsense=1"], ["p=card"], ["w=20", ""], ["a/b"], ["w=8000,h=8000,dpr=5"], ["w=1"] * 21]
)
def test_lists_that_can_never_be_made_are_refused(lists: list[str]) -> None:
    """Each is looked at before the platform starts."""
    assert MOST_LISTS == 20
    with pytest.raises(InvalidRequest):
        check_lists(lists, Limits())


def test_lists_may_be_any_options() -> None:
    """Whatever a URL may ask, in either spelling."""
    check_lists(["_", "300x200", "w=400&fm=avif", "w=400,g=attention,q=80", "width=50p"], Limits())
