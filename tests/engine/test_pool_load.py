from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import Any

import pytest
from tests.engine.worker_pools import ask, ask_long, job, order, running, until

from imagemill.engine.pool import WorkerPool
from imagemill.errors import Unprocessable

ORDINARY = 200
CLIENTS = 8


async def ordinary_load(pool: WorkerPool) -> list[object]:
    """200 ordinary jobs of all three kinds by eight clients; returns what went wrong with them."""
    numbers = iter(range(ORDINARY))
    wrong: list[object] = []

    async def client() -> None:
        for number in numbers:
            text = f"busy 0.004 {'x' * number}"
            try:
                if number % 4 == 0:
                    right = (await ask(pool, text)).width == len(text)
                elif number % 4 == 1:
                    right = (await ask_long(pool, text)).width == len(text)
                else:
                    with order(text) as source:
                        made = await pool.render(source, job(100 + number))
                    right = made.data.startswith(f"Pixels(count={100 + number})".encode())
                if not right:
                    wrong.append(f"{text}: another one's answer")
            except Exception as error:  # noqa: BLE001 - every failure of an ordinary job is what is counted
                wrong.append(error)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return wrong


async def one_by_one(pool: WorkerPool, deed: str, times: int) -> list[object]:
    """The same attack with different bytes, again and again; returns the codes it was answered with."""
    codes: list[object] = []
    for number in range(times):
        with pytest.raises(Unprocessable) as caught:
            await ask_long(pool, f"{deed} 1 {number}")
        codes.append(caught.value.code)
    return codes


@pytest.mark.parametrize(
    ("deed", "times", "cause"),
    [
        ("crash", 20, "crashed"),
        ("hang", 2, "wall"),
        ("balloon", 10, "memory"),
        ("garbage", 20, "garbage"),
        ("leave", 20, "crashed"),
    ],
)
def test_an_attack_harms_no_other_request(deed: str, times: int, cause: str) -> None:
    """Beside 200 ordinary jobs, poison files cost their own caller 422 and nobody else anything."""
    settings: dict[str, Any] = {"wall_seconds": 3.0 if deed == "hang" else 60.0, "memory_bytes": 150 * 2**20}

    async def scene() -> None:
        async with running(**settings) as pool:
            wrong, codes = await asyncio.gather(ordinary_load(pool), one_by_one(pool, deed, times))
            assert wrong == []
            assert codes == ["too_complex"] * times
            assert pool.stats().kills == {cause: times}
            assert pool.stats().jobs == {"done": ORDINARY, "lost": times}
            await until(lambda: pool.ready_workers == 3)

    asyncio.run(scene())


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_killing_workers_from_outside_fails_no_request(signal_number: int) -> None:
    """Somebody kills or stops a worker again and again, as soon as all are back: all 200 ordinary jobs are done."""
    chance = random.Random(18)

    async def chaos(pool: WorkerPool) -> int:
        struck = 0
        while True:
            await until(lambda: pool.ready_workers == 3 or pool.busy == 0)
            if pool.busy == 0:
                return struck
            victim = chance.choice(pool.pids())
            os.kill(victim, signal_number)
            struck += 1
            await until(lambda victim=victim: victim not in pool.pids() or pool.busy == 0)  # type: ignore[misc]  # the default argument binds the loop's value

    async def scene() -> None:
        async with running() as pool:
            struck = 0
            while struck < 3:  # workers may start more slowly than the jobs are done
                loaded = asyncio.create_task(ordinary_load(pool))
                await until(lambda: pool.busy > 0)
                struck += await chaos(pool)
                assert await loaded == []
            assert pool.stats().kills.keys() == {"outside"}

    asyncio.run(scene())


def test_a_lost_worker_is_replaced_within_a_second() -> None:
    """From the kill to a new worker's hello, with every slot busy; the best of many, for a machine that others use."""

    async def replace_spare(pool: WorkerPool) -> float:
        (spare,) = [worker for worker in pool._workers if worker.assignment is None]
        os.kill(spare.pid, signal.SIGKILL)
        return await until(lambda: spare.pid not in pool.pids() and pool.ready_workers == 3)

    async def scene() -> None:
        async with running(wall_seconds=100, grace_seconds=0.1) as pool:
            await until(lambda: pool.ready_workers == 3)
            long = [asyncio.create_task(ask_long(pool, f"sleep 9{number}")) for number in range(2)]
            await until(lambda: pool.busy == 2)
            took = [await replace_spare(pool)]
            while took[-1] >= 1.0 and len(took) < 20:
                took.append(await replace_spare(pool))
            assert took[-1] < 1.0, took
        await asyncio.gather(*long, return_exceptions=True)

    asyncio.run(scene())


def test_a_job_costs_the_server_little() -> None:
    """Handing a job over and taking its answer costs the server at most 0.3 ms of CPU."""

    async def scene() -> float:
        async with running() as pool:
            with order("hello") as source:
                await pool.verify(source)
                before = os.times()
                for _ in range(500):
                    await pool.verify(source)
                after = os.times()
        return (after.user + after.system - before.user - before.system) / 500

    assert any(asyncio.run(scene()) < 0.0003 for _ in range(10))
