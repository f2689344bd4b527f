"""Overload, fairness and clean ends, with the real program (threats 2.9; F2)."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.serving import RunningServer, serving


def large(width: int = 2400, height: int = 1600) -> bytes:
    """Return a JPEG with detail everywhere, so that work takes time."""
    rng = np.random.default_rng(7)
    small = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=88)
    return out.getvalue()


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with one large photo and a budget for the load, however slow the machine is."""
    data: Path = tmp_path_factory.mktemp("load") / "data"
    data.mkdir()
    (data / "large.jpg").write_bytes(large())
    env = {"IMAGEMILL_LIMITS__CLIENT_BURST": "100000", "IMAGEMILL_LIMITS__QUEUE_SECONDS": "600"}
    with serving(data, env=env) as running:
        yield running


async def ask(client: httpx.AsyncClient, url: str) -> tuple[int, float, str]:
    """Return status, seconds and Cache-Status."""
    came = time.monotonic()
    answer = await client.get(url)
    return answer.status_code, time.monotonic() - came, answer.headers.get("cache-status", "")


def client_of(server: RunningServer, address: str = "127.0.0.1", connections: int = 1000) -> httpx.AsyncClient:
    """Return a client that comes from a loopback address of its own."""
    transport = httpx.AsyncHTTPTransport(
        local_address=address, limits=httpx.Limits(max_connections=connections), trust_env=False
    )
    return httpx.AsyncClient(base_url=server.url, transport=transport, timeout=60)


def test_a_thousand_askers_of_a_new_variant_cause_one_transcode(busy: RunningServer) -> None:
    """All get the picture; one made it, the others waited for it."""

    async def scene() -> list[tuple[int, float, str]]:
        async with client_of(busy) as client:
            return await asyncio.gather(*(ask(client, "/img/w=777,fm=webp/large.jpg") for _ in range(1000)))

    before = busy.metric("imagemill_variants_made_total", '{format="webp"}')
    answers = asyncio.run(scene())
    assert [status for status, _, _ in answers] == [200] * 1000
    assert busy.metric("imagemill_variants_made_total", '{format="webp"}') - before == 1


def test_a_page_of_sixty_new_thumbnails_is_all_there(busy: RunningServer) -> None:
    """One browser asking for sixty new variants at once gets every one."""

    async def scene() -> list[tuple[int, float, str]]:
        async with client_of(busy) as client:
            return await asyncio.gather(*(ask(client, f"/img/w={200 + n},fm=jpeg/large.jpg") for n in range(60)))

    assert [status for status, _, _ in asyncio.run(scene())] == [200] * 60


def test_a_flood_by_one_client_costs_another_one_running_job(busy: RunningServer) -> None:
    """With many random sizes waiting for one address, another's make is next in turn."""

    async def scene() -> tuple[list[float], float]:
        async with client_of(busy) as greedy, client_of(busy, "127.0.0.2") as modest:
            # Few and dear: so many connections that this process is busy with them would be over before it looks again.
            flood = [asyncio.ensure_future(ask(greedy, f"/img/w={900 + n},fm=avif/large.jpg")) for n in range(160)]
            while busy_waiting() < 100:
                assert not all(task.done() for task in flood)
                await asyncio.sleep(0.01)
            beside = []
            for number in range(3):
                before = made_of_the_flood()
                assert (await ask(modest, f"/img/w={1100 + number},fm=jpeg/large.jpg"))[0] == 200
                beside.append(made_of_the_flood() - before)
            still_waiting = busy_waiting()
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)
            return beside, still_waiting

    def busy_waiting() -> float:
        return busy.metric("imagemill_queue_waiting")

    def made_of_the_flood() -> float:
        return busy.metric("imagemill_variants_made_total", '{format="avif"}')

    beside, still = asyncio.run(scene())
    assert still > 20, "the flood was over too soon to say anything"
    # Each worker ends what it has, and while one makes the modest picture the others may do one or two of the flood.
    # The best of three, for a machine that makes this process wait; behind the flood it would have been a hundred.
    assert min(beside) <= 3 * len(_workers(busy)), beside


def test_a_client_that_makes_without_end_is_told_to_wait(tmp_path: Path) -> None:
    """Making spends the bucket: 429 with Retry-After; hits stay free and others are not affected (threat A4)."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "large.jpg").write_bytes(large())
    env = {"IMAGEMILL_LIMITS__CLIENT_BURST": "0.05", "IMAGEMILL_LIMITS__CLIENT_RATE": "0.001"}
    with serving(data, env=env) as running, running.client(admin=False) as client:
        answers = [client.get(f"/img/w={100 + n},fm=jpeg/large.jpg") for n in range(30)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[0] == 200
        assert 429 in statuses
        refused = answers[statuses.index(429)]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "too_many_requests"
        assert client.get("/img/w=100,fm=jpeg/large.jpg").status_code == 200

        async def other() -> tuple[int, float, str]:
            async with client_of(running, "127.0.0.3") as second:
                return await ask(second, "/img/w=500,fm=jpeg/large.jpg")

        assert asyncio.run(other())[0] == 200


def test_too_long_a_queue_answers_at_once(tmp_path: Path) -> None:
    """Beyond the waiting time the answer is 503 with Retry-After, quickly, and hits are still served."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "large.jpg").write_bytes(large())
    env = {"IMAGEMILL_LIMITS__QUEUE_SECONDS": "0.05", "IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}
    with serving(data, env=env) as running:

        async def scene() -> list[tuple[int, float, str]]:
            async with client_of(running) as client:
                await ask(client, "/img/w=99,fm=jpeg/large.jpg")
                asks = [ask(client, f"/img/w={1500 + n},fm=avif/large.jpg") for n in range(100)]
                hits = [ask(client, "/img/w=99,fm=jpeg/large.jpg") for _ in range(20)]
                return await asyncio.gather(*asks, *hits)

        answers = asyncio.run(scene())
        made = [status for status, _, _ in answers[:100]]
        assert made.count(200) >= 1
        assert made.count(503) >= 50
        assert set(made) == {200, 503}
        assert [status for status, _, _ in answers[100:]] == [200] * 20


def test_a_clean_stop_finishes_what_is_running(tmp_path: Path) -> None:
    """SIGTERM: the running make is answered, the exit code is 0 and every request has its line in the log."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "large.jpg").write_bytes(large())
    with serving(data) as running:

        async def scene() -> tuple[int, float, str]:
            async with client_of(running) as client:
                making = asyncio.ensure_future(ask(client, "/img/w=2000,fm=avif/large.jpg"))
                while running.metric("imagemill_makes_running") < 1 and not making.done():
                    await asyncio.sleep(0.005)
                running.process.send_signal(signal.SIGTERM)
                return await making

        status, _, _ = asyncio.run(scene())
        assert status == 200
        assert running.process.wait(60) == 0
        lines = [json.loads(line) for line in running.log.read_text().splitlines() if line.startswith("{")]
        logged = [line for line in lines if line.get("event") == "request" and "w=2000" in line["path"]]
        assert len(logged) == 1
        assert logged[0]["status"] == 200


def test_workers_killed_under_load_cost_nobody_a_picture(busy: RunningServer) -> None:
    """Killing workers while others work: every request is answered with its picture (T13, D18)."""

    async def scene() -> list[tuple[int, float, str]]:
        async with client_of(busy, connections=8) as client:
            asks = [asyncio.ensure_future(ask(client, f"/img/w={1200 + n},fm=jpeg/large.jpg")) for n in range(120)]
            for turn in range(1, 6):
                # A job is given to three workers in all: who lost one has its picture before the next is killed.
                while sum(one.done() for one in asks) < 16 * turn or not (pids := _workers(busy)):
                    await asyncio.sleep(0.01)
                _kill(pids[turn % len(pids)])
            return await asyncio.gather(*asks)

    assert {status for status, _, _ in asyncio.run(scene())} == {200}


def _workers(server: RunningServer) -> list[int]:
    """Return the worker processes of this very server."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
