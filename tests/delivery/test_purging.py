"""Purges through the whole platform: every layer, by tag, the CDN, and the other process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import picture, play, running
from tests.servers.recorder import Recorder, recording

from imagemill import assembly
from imagemill.delivery.fills import Fills
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Purging

URL = "/img/w=20,fm=png/"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Return a CDN's API that takes everything."""
    with recording() as found:
        found.answers = [(200, {}, b'{"success": true}')]
        yield found


def cloudflare(recorder: Recorder) -> dict[str, str]:
    """Return settings of a Cloudflare whose API is the recorder."""
    return {"cdn.kind": "cloudflare", "cdn.url": recorder.url, "cdn.zone": "Z", "cdn.token": "s3cret"}


def admin(folder: Path) -> dict[str, str]:
    """Return the header of who may change things."""
    return {"x-api-key": (folder / "admin.key").read_text().strip()}


async def put(client: httpx.AsyncClient, folder: Path, key: str, colour: tuple[int, int, int]) -> None:
    """Upload a picture of one colour."""
    answer = await client.put(f"/v1/originals/{key}", content=picture(colour), headers=admin(folder))
    assert answer.status_code in (200, 201), answer.text


async def came_by(client: httpx.AsyncClient, key: str) -> str:
    """Return how a variant of `key` came: made, memory, store."""
    answer = await client.get(URL + key)
    assert answer.status_code == 200, answer.text
    return answer.headers["cache-status"].rsplit("=", 1)[-1]


def test_a_purge_by_tag_takes_what_people_tagged(tmp_path: Path) -> None:
    """The variants of tagged originals are made again, those of the others are not."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        keys = ("x/one.png", "x/two.png", "three.png")
        for key in keys:
            await put(client, tmp_path, key, (200, 30, 30))
            assert await came_by(client, key) == "made"
        await platform.maker.drain()
        for key in ("x/one.png", "three.png"):
            answer = await client.patch(
                f"/v1/originals/{key}", json={"tags": ["summer", "sea"]}, headers=admin(tmp_path)
            )
            assert answer.status_code == 200, answer.text
        answer = await client.post("/v1/purges", json={"tag": "summer"}, headers=admin(tmp_path))
        assert answer.status_code == 202
        told = answer.json()
        assert (told["tag"], told["removed"], told["layers"]) == ("summer", 2, {"memory": "done", "store": "done"})
        again = await client.get(answer.headers["location"], headers=admin(tmp_path))
        assert again.json() == told
        assert [await came_by(client, key) for key in keys] == ["made", "memory", "made"]

    play(tmp_path, scene)


def test_an_unknown_purge_is_not_found(tmp_path: Path) -> None:
    """404 that says how long purges are remembered."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get("/v1/purges/0123", headers=admin(tmp_path))
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_purge")

    play(tmp_path, scene)


def test_the_cdn_is_purged_with_the_rest(tmp_path: Path, recorder: Recorder) -> None:
    """By hand it is pending, then done; replacing and deleting an original purge by themselves, each once."""

    async def asked(count: int) -> list[list[str]]:
        async with asyncio.timeout(60):
            while len(recorder.requests) < count:
                await asyncio.sleep(0.01)
        return [json.loads(request.body)["tags"] for request in recorder.requests]

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "x/one.png", (200, 30, 30))
        answer = await client.get(URL + "x/one.png")
        assert answer.headers["cdn-cache-control"] == "public, max-age=500"
        assert answer.headers["cache-tag"] == "default/x/one.png,default/x/,default/"
        purge = await client.post("/v1/purges", json={"prefix": "x/o"}, headers=admin(tmp_path))
        assert purge.json()["layers"]["cdn"] == "pending"
        tags = await asked(1)
        assert "default/x/" in tags[-1]
        async with asyncio.timeout(60):
            while True:
                state = await client.get(purge.headers["location"], headers=admin(tmp_path))
                if state.json()["layers"]["cdn"] != "pending":
                    break
                await asyncio.sleep(0.01)
        assert state.json()["layers"]["cdn"] == "done"
        before = len(recorder.requests)
        await put(client, tmp_path, "x/one.png", (30, 200, 30))
        assert (await asked(before + 1))[-1] == ["default/x/one.png"]
        await client.delete("/v1/originals/x/one.png", headers=admin(tmp_path))
        assert (await asked(before + 2))[-1] == ["default/x/one.png"]
        assert len(recorder.requests) == before + 2

    play(tmp_path, scene, **{**cloudflare(recorder), "cdn.max_age": "500"})


def test_a_versioned_url_tells_the_cdn_nothing_of_its_own(tmp_path: Path, recorder: Recorder) -> None:
    """It is immutable for everyone."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "one.png", (200, 30, 30))
        record = (await client.get("/v1/originals/one.png", headers=admin(tmp_path))).json()
        answer = await client.get(f"{URL}one.png?v={record['version']}")
        assert "immutable" in answer.headers["cache-control"]
        assert "cdn-cache-control" not in answer.headers

    play(tmp_path, scene, **cloudflare(recorder))


def test_another_process_hears_of_a_purge(tmp_path: Path) -> None:
    """What one purges is gone from the memory of the other when it has looked at the log."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await put(client, tmp_path, "one.png", (200, 30, 30))
        await came_by(client, "one.png")
        assert await came_by(client, "one.png") == "memory"
        other = Purging(site="default", variants=platform.variants, fills=Fills(), caches={}, shared=platform.documents)
        await other.load()
        receipt = await other.purge(PurgeTarget(site="default", prefix=""))
        async with asyncio.timeout(60):
            while await came_by(client, "one.png") == "memory":
                await asyncio.sleep(0.05)
        told = (await client.get(f"/v1/purges/{receipt.id}", headers=admin(tmp_path))).json()
        assert (told["prefix"], told["removed"], told["layers"]["store"]) == ("", 1, "done")

    play(tmp_path, scene, **{"server.processes": "2"})


def test_a_new_original_costs_no_purge(tmp_path: Path, recorder: Recorder) -> None:
    """CDNs ask money for purges, and hold nothing of what was never there; what is replaced or deleted is told."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await put(client, tmp_path, "new.png", (200, 30, 30))
        await platform.purging.told(60)
        assert recorder.requests == []
        await put(client, tmp_path, "new.png", (30, 30, 200))
        await platform.purging.told(60)
        assert len(recorder.requests) == 1
        assert (await client.delete("/v1/originals/new.png", headers=admin(tmp_path))).status_code == 204
        await platform.purging.told(60)
        assert len(recorder.requests) == 2

    play(tmp_path, scene, **cloudflare(recorder))


def test_a_change_that_ends_as_the_server_stops_is_told_to_the_cdn(tmp_path: Path, recorder: Recorder) -> None:
    """It runs to its end though its asker has left, and by then everything that could still change is over."""

    async def look_for_ever(platform: assembly.Platform) -> None:
        while True:
            await platform.uploads.quarantine.used()

    async def busy(platform: assembly.Platform, held: asyncio.Event) -> None:
        async with platform.originals._locks.hold("a.png"):
            held.set()
            with pytest.raises(RuntimeError, match="shutdown"):  # uploads are closed, so changes are waited for
                await asyncio.wait_for(look_for_ever(platform), 60)

    async def whole() -> None:
        held = asyncio.Event()
        async with running(tmp_path, **cloudflare(recorder)) as (client, platform):
            holding = asyncio.create_task(busy(platform, held))
            await held.wait()
            deleting = asyncio.create_task(client.delete("/v1/originals/a.png", headers=admin(tmp_path)))
            async with asyncio.timeout(60):
                while platform.originals._locks._entries["a.png"].users < 2:
                    await asyncio.sleep(0.01)
            deleting.cancel()
            await asyncio.wait({deleting})
        await holding

    asyncio.run(whole())
    assert [json.loads(request.body)["tags"] for request in recorder.requests] == [["default/a.png"]]
