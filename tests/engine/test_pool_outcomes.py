from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import Any

import pytest
from tests.engine.worker_pools import FACTS, ask, ask_long, job, order, running, until

from imagemill.engine.limits import Limits
from imagemill.errors import ImagemillError, InvalidRequest, NotAnImage, NotBuilt, Overloaded, Unprocessable
from imagemill.recipe.vocabulary import Format

LIMITS: dict[str, Any] = {"wall_seconds": 60.0, "cpu_seconds": 1.0, "memory_bytes": 120 * 2**20}


def test_a_pool_looks_and_makes() -> None:
    """Facts and variants come back from a worker, with what they cost."""

    async def scene() -> None:
        async with running(quality=70) as pool:
            assert (await ask(pool, "hello")).width == 5
            assert (await ask_long(pool, "hello you")).width == 9
            with order("touch 30") as source:
                made = await pool.render(source, job(320, format=Format.WEBP))
            assert made.data == b"Pixels(count=320) True None 70"
            assert (made.width, made.height, made.pages) == (3, 2, 1)
            assert 0 < made.cpu_seconds < 1
            assert 30 * 2**20 < made.peak_bytes < 200 * 2**20
            with order("hello") as source:
                assert (await pool.render(source, job())).peak_bytes < 60 * 2**20, "the peak is the job's own"
            assert pool.revision == "hostile 1"
            assert pool.stats().jobs == {"done": 4}

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("deed", "cause", "words"),
    [
        ("hang", "wall", "longer than the 3 seconds"),
        ("spin", "cpu", "more than the 0.2 CPU-seconds"),
        ("balloon", "memory", "more than the 120 MiB"),
        ("crash", "crashed", "broke down"),
        ("leave 0", "crashed", "broke down"),
        ("leave 3", "crashed", "broke down"),
        ("garbage", "garbage", "broke down"),
        ("long_answer", "garbage", "broke down"),
    ],
)
def test_a_broken_limit_or_worker_is_too_complex(deed: str, cause: str, words: str) -> None:
    """Its caller gets 422 with the limit's number, the worker is replaced, others go on."""

    async def scene() -> None:
        settings = LIMITS | {"spin": {"cpu_seconds": 0.2}, "hang": {"wall_seconds": 3.0}}.get(deed, {})
        async with running(**settings) as pool:
            with pytest.raises(Unprocessable, match=words) as caught:
                await ask_long(pool, deed)
            assert caught.value.code == "too_complex"
            assert pool.stats().kills == {cause: 1}
            assert (await ask_long(pool, "hello")).width == 5
            await until(lambda: pool.ready_workers == 3)

    asyncio.run(scene())


def test_two_kills_are_remembered_by_content() -> None:
    """The third asking of a poison file costs no worker; another file is served."""

    async def scene() -> None:
        async with running() as pool:
            for _ in range(2):
                with pytest.raises(Unprocessable, match="broke down"):
                    await ask(pool, "crash")
            for asking in (ask, ask_long):
                with pytest.raises(Unprocessable, match="refused for a while") as caught:
                    await asking(pool, "crash")
                assert caught.value.code == "too_complex"
            assert pool.stats().kills == {"crashed": 2}
            assert (await ask(pool, "hello")).width == 5

    asyncio.run(scene())


def test_an_allocation_beyond_the_limit_is_too_complex() -> None:
    """A leap that the watch cannot see in time is stopped by the kernel, and the worker is replaced."""

    async def scene() -> None:
        async with running(**LIMITS) as pool:
            before = pool.pids()
            for _ in range(2):
                with pytest.raises(Unprocessable, match="more memory") as caught:
                    await ask(pool, "leap")
                assert caught.value.code == "too_complex"
            with pytest.raises(Unprocessable, match="refused for a while"):
                await ask(pool, "leap")
            await until(lambda: len(set(pool.pids()) & set(before)) == 1 and pool.ready_workers == 3)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("deed", "expected"),
    [
        ("not_an_image", NotAnImage),
        ("unprocessable", Unprocessable),
        ("invalid", InvalidRequest),
        ("not_built", NotBuilt),
        ("bug", ImagemillError),
    ],
)
def test_an_error_in_a_worker_is_raised_here(deed: str, expected: type[ImagemillError]) -> None:
    """The same class arrives, no worker is lost, and asking again and again is no strike."""

    async def scene() -> None:
        async with running() as pool:
            before = pool.pids()
            for _ in range(3):
                with pytest.raises(ImagemillError) as caught:
                    await ask(pool, deed)
                assert type(caught.value) is expected
                assert "secret" not in caught.value.sentence
            assert pool.pids() == before
            assert pool.stats().jobs == {"failed": 3}

    asyncio.run(scene())


@pytest.mark.parametrize("length", [1, 65_536 - 20, 65_536, 5_000_000])
def test_results_of_any_size_arrive_whole(length: int) -> None:
    """A small variant comes in one read, a large one in many."""

    async def scene() -> None:
        async with running() as pool:
            with order(f"big {length}") as source:
                assert (await pool.render(source, job())).data == b"B" * length

    asyncio.run(scene())


def test_a_result_beyond_the_limit_is_refused() -> None:
    """An encoded variant has at most `result_bytes`; the worker that made it stays."""

    async def scene() -> None:
        async with running(limits=Limits(result_bytes=1000)) as pool:
            with order("big 1001") as source, pytest.raises(Unprocessable, match="at most 1000"):
                await pool.render(source, job())
            with order("big 1000") as source:
                assert len((await pool.render(source, job())).data) == 1000
            assert pool.stats().kills == {}

    asyncio.run(scene())


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_job_survives_its_workers_killing_from_outside(signal_number: int) -> None:
    """Killed or stopped by somebody else, an innocent job is done by another worker."""

    async def scene() -> None:
        async with running() as pool:
            asked = asyncio.create_task(ask_long(pool, "sleep 2.0"))
            await until(lambda: pool.busy == 1)
            (worker,) = [worker for worker in pool._workers if worker.assignment]
            os.kill(worker.pid, signal_number)
            assert (await asked).width == 9
            assert pool.stats().kills == {"outside": 1}
            await until(lambda: pool.ready_workers == 3)

    asyncio.run(scene())


def test_a_job_whose_workers_are_killed_again_and_again_is_503() -> None:
    """At the third blow we say that we cannot serve now, and do not blame the picture at once."""

    async def scene() -> None:
        async with running(wall_seconds=60) as pool:
            asked = asyncio.create_task(ask_long(pool, "sleep 30"))
            blows = 0
            while not asked.done():
                await until(lambda: pool.busy == 1 or asked.done())
                killed = set() if asked.done() else set(pool.pids())
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
                blows += 1
                await until(lambda killed=killed: not killed & set(pool.pids()) or asked.done())  # type: ignore[misc]  # the default argument binds the loop's value
            with pytest.raises(Overloaded):
                await asked
            assert blows >= 3

    asyncio.run(scene())


def test_a_worker_killed_while_idle_is_replaced() -> None:
    """Nobody has to ask for its loss to be noticed."""

    async def scene() -> None:
        async with running() as pool:
            before = pool.pids()
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            assert (await ask_long(pool, "hello")).width == 5
            await until(lambda: pool.ready_workers == 3 and not set(pool.pids()) & set(before))

    asyncio.run(scene())


def test_the_originals_of_layers_reach_the_worker_in_their_order() -> None:
    """A job's descriptors are the original's and then those of its image layers."""

    async def scene() -> None:
        async with running() as pool:
            with order("hello") as source, order("first") as first, order("second") as second:
                layered = replace(job(), layers=(FACTS, FACTS))
                made = await pool.render(source, layered, [first, second])
                assert made.data == b"first+second"

    asyncio.run(scene())


def test_a_set_is_answered_in_one_go() -> None:
    """Each job of a set has its own bytes, and its share of the cost."""

    async def scene() -> None:
        async with running() as pool:
            with order("hello") as source:
                made = await pool.render_set(source, [job(100), job(200)])
                assert [rendered.data.split()[0] for rendered in made] == [b"Pixels(count=100)", b"Pixels(count=200)"]
                with pytest.raises(ValueError, match="1 to 64"):
                    await pool.render_set(source, [])

    asyncio.run(scene())


def test_a_worker_tells_what_it_found() -> None:
    """Findings come back as they were told."""

    async def scene() -> None:
        async with running() as pool:
            with order("hello") as source:
                findings = await pool.inspect(source, FACTS)
                assert (findings.format, findings.width) == (FACTS.format, FACTS.width)

    asyncio.run(scene())


def test_a_file_that_shrinks_under_its_reader_is_no_poison() -> None:
    """A mapped original cut short kills the worker by SIGBUS; the content gets no strike."""

    async def scene() -> None:
        async with running() as pool:
            for _ in range(3):
                with order(b"sleep 1.0 " + bytes(1 << 20)) as source:
                    asked = asyncio.create_task(pool.verify(source))
                    await until(lambda: pool.busy == 1)
                    os.truncate(source.descriptor, 0)
                    with pytest.raises(Unprocessable, match="changed"):
                        await asked
            assert pool.stats().struck == 0

    asyncio.run(scene())


def test_a_closed_descriptor_fails_its_caller_only() -> None:
    """A source that was closed too early is the caller's mistake; the worker stays free."""

    async def scene() -> None:
        async with running() as pool:
            with order("hello") as source:
                pass
            with pytest.raises(OSError, match="Bad file descriptor"):
                await pool.probe(source)
            assert (await ask(pool, "hello")).width == 5
            assert pool.stats().kills == {}

    asyncio.run(scene())
