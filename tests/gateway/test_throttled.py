"""Rates at the front door: statuses and fields of the answers, and what a refusal does not touch (threats O1, O2)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
from tests.gateway.platforms import picture, play

from imagemill import assembly

WRONG = {"x-api-key": "imk_not-the-key"}


def test_over_its_rate_a_client_is_told_429_and_when(tmp_path: Path) -> None:
    """A burst passes from every tier, the next is 429 with Retry-After, RateLimit and RateLimit-Policy."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answers = [await client.get("/img/w=64,fm=png/a.png") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert "ratelimit" not in answers[0].headers  # a picture is cached by others, its headers with it
        refused = answers[3]
        wait = int(refused.headers["retry-after"])
        assert 20 < wait <= 50  # less what the four have taken
        assert refused.headers["ratelimit"] == f'"delivery_client";r=0;t={wait}'
        assert refused.headers["ratelimit-policy"] == '"delivery_client";q=3;w=150'
        assert refused.headers["cache-control"] == "no-store"
        assert refused.json()["code"] == "too_many_requests"
        for path in ("/img/w=65/a.png", "/info/a.png", "/img/nonsense=1/none.png"):
            assert (await client.get(path)).status_code == 429
        assert (await client.get("/healthz/live")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'imagemill_refusals_total{limit="delivery_client"} 4.0' in metrics

    play(tmp_path, scene, **{"throttle.delivery_client": "0.02/s burst 3"})


def test_answers_of_the_control_api_say_what_is_left(tmp_path: Path) -> None:
    """Structured fields with one item for each limit of the route."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        key = {"x-api-key": (tmp_path / "admin.key").read_text().strip()}
        answer = await client.get("/v1/originals", headers=key)
        told = re.fullmatch(r'"account";r=98;t=(\d+), "control_client";r=9;t=1', answer.headers["ratelimit"])
        assert told is not None, answer.headers["ratelimit"]
        assert 1900 < int(told[1]) <= 2000  # two of a hundred, less what has come back since the first
        assert answer.headers["ratelimit-policy"] == '"account";q=100;w=100000, "control_client";q=10;w=10'
        limits = (await client.get("/v1/limits", headers=key)).json()
        assert limits["throttle"]["control_client"] == "1/s burst 10"
        assert limits["upload_bytes"] == platform.settings.limits.upload_bytes
        assert "nodes" not in limits["throttle"]

    play(tmp_path, scene, **{"throttle.account": "0.001/s burst 100", "throttle.control_client": "1/s burst 10"})


def test_a_flood_of_wrong_keys_is_refused_before_the_key_is_looked_at(tmp_path: Path) -> None:
    """401 until the burst is used, then 429, for the right key at that address too; others are not affected (O2)."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        key = {"x-api-key": (tmp_path / "admin.key").read_text().strip()}
        for _ in range(20):
            assert (await client.get("/v1/originals", headers=key)).status_code == 200
        statuses = [(await client.get("/v1/originals", headers=WRONG)).status_code for _ in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        refused = await client.get("/v1/originals", headers=key)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        transport = httpx.ASGITransport(app=platform.app, client=("127.0.0.9", 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as other:
            assert (await other.get("/v1/originals", headers=key)).status_code == 200
        assert (await client.get("/img/w=64/a.png")).status_code == 200

    play(tmp_path, scene, **{"throttle.wrong_keys": "0.01/s burst 5"})


def test_a_refused_upload_is_not_read(tmp_path: Path) -> None:
    """Its body stays where it is: nothing is stored, and no byte of it is asked for."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        key = (tmp_path / "admin.key").read_text().strip()
        headers = {"x-api-key": key}
        assert (await client.put("/v1/originals/b.png", content=picture(), headers=headers)).status_code == 201
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            raise AssertionError("the body was read")

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "PUT",
            "raw_path": b"/v1/originals/c.png",
            "path": "/v1/originals/c.png",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-length", b"10000000"), (b"x-api-key", key.encode())],
            "client": ("127.0.0.1", 1),
        }
        await platform.app(scope, receive, send)  # type: ignore[arg-type]  # plain dictionaries are ASGI's messages
        assert sent[0]["status"] == 429
        assert json.loads(b"".join(one.get("body", b"") for one in sent[1:]))["code"] == "too_many_requests"  # type: ignore[misc]  # the bodies are bytes
        assert (await client.get("/img/_/c.png")).status_code == 404

    play(tmp_path, scene, **{"throttle.uploads_client": "0.001/s burst 2"})


def test_a_full_queue_refuses_only_what_would_have_to_be_made(tmp_path: Path) -> None:
    """From memory and from the store everything is answered; a refusal leaves nothing behind (O4)."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        assert (await client.get("/img/w=64,fm=png/a.png")).status_code == 200
        await platform.maker.drain()
        async with platform.slots.slot("127.0.0.1", 1e6):
            assert (await client.get("/img/w=64,fm=png/a.png")).status_code == 200
            platform.cache.forget("default", "a.png")
            stored = await client.get("/img/w=64,fm=png/a.png")
            assert stored.headers["cache-status"] == "imagemill; hit; detail=store"
            for width in range(70, 90):
                refused = await client.get(f"/img/w={width},fm=png/a.png")
                assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
                assert int(refused.headers["retry-after"]) >= 1
            assert platform.maker.under_way == 0
            assert platform.slots.waiting == 0
        assert (await client.get("/img/w=70,fm=png/a.png")).status_code == 200

    play(tmp_path, scene)
