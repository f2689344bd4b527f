from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine.worker_pools import HOSTILE, ask, ask_long, job, order, running, until

from imagemill.engine.limits import Limits
from imagemill.engine.pool import WorkerPool
from imagemill.engine.settings import EngineSettings
from imagemill.engine.worker_process import worker_environment
from imagemill.errors import ImagemillError, Overloaded, Unprocessable

SERVER = """
import asyncio, sys
from imagemill.engine.limits import Limits
from imagemill.engine.pool import WorkerPool
from imagemill.engine.settings import EngineSettings

async def serve():
    pool = WorkerPool(EngineSettings(workers=2), Limits(), command=sys.argv[1:])
    await pool.start()
    while pool.ready_workers < 3:
        await asyncio.sleep(0.01)
    print(*pool.pids(), flush=True)
    await asyncio.sleep(60)

asyncio.run(serve())
"""


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie of somebody else's counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def open_descriptors() -> set[str]:
    """What this process has open, by number and target."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{entry.name} {entry.readlink()}")
        except OSError:
            continue
    return {name for name in found if "/proc/" not in name}


def started() -> list[int]:
    """The processes this one has started and not reaped."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


@pytest.fixture(autouse=True)
def others() -> None:
    """Note the servers that other tests keep for the whole session."""
    OTHERS[:] = started()


OTHERS: list[int] = []


def children() -> list[int]:
    """The processes that the test has started and not reaped."""
    return [pid for pid in started() if pid not in OTHERS]


def test_a_worker_gets_nothing_it_does_not_need() -> None:
    """No secret in its environment, no descriptor but its own, no folder but the root."""
    environment = {
        "PATH": "/bin",
        "LANG": "C.UTF-8",
        "VIPS_INFO": "1",
        "MALLOC_ARENA_MAX": "4",
        "IMAGEMILL_ADMIN__KEY": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PYTHONPATH": "/tmp",
        "LD_PRELOAD": "/tmp/x.so",
        "HOME": "/root",
    }
    kept = worker_environment(environment)
    assert set(kept) - set(environment) == {
        "VIPS_CONCURRENCY",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
        "GLIBC_TUNABLES",
    }
    assert set(kept) & set(environment) == {"PATH", "LANG", "VIPS_INFO", "MALLOC_ARENA_MAX", "HOME"}
    assert kept["MALLOC_ARENA_MAX"] == "4"
    assert kept["HOME"] == "/nonexistent"

    async def scene() -> None:
        ours = [socket.socketpair() for _ in range(5)]
        try:
            async with running() as pool:
                with pytest.raises(Unprocessable) as caught:
                    await ask(pool, "environment")
                allowed = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "HOME"}
                names = set(caught.value.sentence.split())
                assert all(name in allowed or name.startswith(("VIPS_", "MALLOC_")) for name in names), names
                with pytest.raises(Unprocessable) as caught:
                    await ask(pool, "descriptors")
                numbers, _space, folder = caught.value.sentence.partition("] ")
                # Three standard ones, its socket, its three views of /proc/self, and the mapped original.
                assert len(numbers.split(",")) == 8
                assert folder == "/"
        finally:
            for pair in ours:
                for end in pair:
                    end.close()

    asyncio.run(scene())


def test_a_worker_can_reach_nothing() -> None:
    """Files, sockets, processes and programs are refused to it by the kernel."""

    async def scene() -> None:
        async with running() as pool:
            assert {"limits", "no_new_privileges", "system_calls"} <= set(pool.confined)
            assert (await ask(pool, "escape")).width == len("escape")

    asyncio.run(scene())


def test_a_worker_that_cannot_start_says_why() -> None:
    """`start` fails at once with the last line that the worker wrote."""
    words = "import sys; sys.stderr.write('first line\\nlibvips is too old\\n'); sys.exit(1)"

    async def scene() -> None:
        pool = WorkerPool(EngineSettings(workers=2), Limits(), command=(sys.executable, "-I", "-c", words))
        with pytest.raises(ImagemillError, match="libvips is too old") as caught:
            await asyncio.wait_for(pool.start(), 60)
        assert caught.value.code == "no_worker"

    before = open_descriptors()
    asyncio.run(scene())
    assert open_descriptors() <= before
    assert children() == []


def test_a_program_that_does_not_exist_is_one_sentence() -> None:
    """A wrong command fails `start` too, and leaves nothing behind."""

    async def scene() -> None:
        pool = WorkerPool(EngineSettings(workers=1), Limits(), command=("/no/such/program",))
        with pytest.raises(ImagemillError, match="No image worker could start: No such file"):
            await asyncio.wait_for(pool.start(), 60)

    before = open_descriptors()
    asyncio.run(scene())
    assert open_descriptors() <= before


def test_a_worker_that_never_says_hello_is_given_up() -> None:
    """A start that hangs ends by the wall clock."""

    async def scene() -> None:
        command = (sys.executable, "-I", "-c", "import time; time.sleep(60)")
        pool = WorkerPool(EngineSettings(workers=1), Limits(), command=command, start_seconds=0.3)
        with pytest.raises(ImagemillError, match="No image worker could start"):
            await asyncio.wait_for(pool.start(), 40)

    asyncio.run(scene())
    assert children() == []


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    """After idle, busy, killed and replaced workers nothing is left."""

    async def scene() -> list[int]:
        async with running(grace_seconds=0.1) as pool:
            for deed in ("hello", "crash", "garbage", "not_an_image"):
                await asyncio.gather(ask(pool, deed), return_exceptions=True)
            pids = pool.pids()
            asked = asyncio.create_task(ask_long(pool, "hang"))
            waiting = [asyncio.create_task(ask_long(pool, f"sleep {number}")) for number in (7, 8, 9)]
            await until(lambda: pool.busy == 2)
            os.kill(pool.pids()[0], signal.SIGKILL)
            await pool.close()
            for task in (asked, *waiting):
                with pytest.raises(Overloaded):
                    await task
        return pids

    before = open_descriptors()
    pids = asyncio.run(scene())
    assert all(gone(pid) for pid in pids)
    assert open_descriptors() <= before
    assert children() == []


def test_closing_lets_a_running_job_end() -> None:
    """A job that is quick enough still answers; no new one is taken."""

    async def scene() -> None:
        async with running() as pool:
            asked = asyncio.create_task(ask_long(pool, "sleep 2.0"))
            await until(lambda: pool.busy == 1)
            closing = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await ask(pool, "hello")
            assert (await asked).width == 9
            await closing
            assert pool.pids() == []

    asyncio.run(scene())


def test_workers_end_with_their_server() -> None:
    """Kill -9 of the server leaves no worker behind, not even one in the middle of a job."""
    server = subprocess.Popen([sys.executable, "-c", SERVER, *HOSTILE], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 3
    assert not any(gone(pid) for pid in pids)
    server.kill()
    server.wait()
    server.stdout.close()
    asyncio.run(until(lambda: all(gone(pid) for pid in pids)))


def test_a_worker_is_replaced_after_its_jobs() -> None:
    """Recycled by count, and there are never fewer workers than slots and the spare."""

    async def scene() -> None:
        async with running(recycle_jobs=5) as pool:
            await until(lambda: pool.ready_workers == 3)
            seen, fewest = set(pool.pids()), 3
            deadline = time.monotonic() + 60
            asked = 0
            while asked < 60 or (len(seen) <= 4 and time.monotonic() < deadline):  # a new process takes its time
                await ask_long(pool, "busy 0.005")
                asked += 1
                fewest = min(fewest, pool.ready_workers)
                seen |= set(pool.pids())
            assert fewest == 3
            assert len(seen) > 4
            await until(lambda: len(pool.pids()) == 3)
            assert pool.stats().kills == {}
            assert pool.stats().jobs == {"done": asked}

    asyncio.run(scene())


def test_a_worker_that_keeps_memory_is_replaced() -> None:
    """Recycled by its resting memory; a peak that is given back does not count."""

    async def scene() -> None:
        async with running(recycle_bytes=100 * 2**20) as pool:
            await until(lambda: pool.ready_workers == 3)
            before = set(pool.pids())
            await ask(pool, "touch 150")
            await ask(pool, "hello")
            assert set(pool.pids()) == before
            await ask(pool, "keep 150")
            await until(lambda: len(pool.pids()) == 3 and len(set(pool.pids()) & before) == 2)
            assert pool.stats().kills == {}

    asyncio.run(scene())


def test_a_caller_who_leaves_does_not_mix_up_answers() -> None:
    """The left job runs to its end unheard; each later caller gets the answer to the own question."""

    async def scene() -> None:
        async with running(workers=1) as pool:
            for round_number in range(20):
                left = asyncio.create_task(ask_long(pool, "busy 0.01" + "0" * 40))
                if round_number % 2:
                    await until(lambda left=left: pool.busy > 0 or left.done())  # type: ignore[misc]  # the default argument binds the loop's value
                else:
                    await asyncio.sleep(0)
                has_left = left.cancel()  # a busy machine may have let it end before
                length = 5 + round_number
                assert (await ask_long(pool, "h" * length)).width == length
                if has_left:
                    with pytest.raises(asyncio.CancelledError):
                        await left
            await until(lambda: pool.busy == 0)
            assert pool.stats().kills == {}

    asyncio.run(scene())


def test_a_waiting_job_whose_caller_left_is_not_begun() -> None:
    """What nobody waits for any more costs no worker."""

    async def scene() -> None:
        async with running(workers=1) as pool:
            first = asyncio.create_task(ask_long(pool, "sleep 2"))
            await until(lambda: pool.busy == 1)
            left = [asyncio.create_task(ask_long(pool, "hang")) for _ in range(3)]
            await until(lambda: pool.stats().waiting == 3)
            for task in left:
                task.cancel()
            await first
            assert (await ask_long(pool, "hello")).width == 5
            assert pool.stats().jobs == {"done": 2}

    asyncio.run(scene())


def test_a_probe_does_not_wait_for_transcodes() -> None:
    """With every slot held by a long job, the spare answers a probe at once."""

    async def scene() -> None:
        async with running(workers=2, wall_seconds=100, grace_seconds=0.1) as pool:
            await until(lambda: pool.ready_workers == 3)
            long = [asyncio.create_task(ask_long(pool, "sleep 90")) for _ in range(4)]
            await until(lambda: pool.busy == 2)
            assert (await ask(pool, "hello")).width == 5
            assert not any(task.done() for task in long)
        await asyncio.gather(*long, return_exceptions=True)

    asyncio.run(scene())


def test_the_books_count_what_workers_used() -> None:
    """CPU-seconds of answers and of killed workers are counted, and never fall."""

    async def scene() -> None:
        async with running(cpu_seconds=0.5) as pool:
            with order("busy 0.2") as source:
                made = await pool.render(source, job())
            assert made.cpu_seconds >= 0.2
            first = pool.stats().cpu_seconds
            assert first >= 0.2
            with pytest.raises(Unprocessable):
                await ask_long(pool, "spin")
            assert pool.stats().cpu_seconds >= first + 0.5
            stats = pool.stats()
            assert (stats.size, stats.busy, stats.waiting) == (2, 0, 0)
            assert stats.jobs == {"done": 1, "lost": 1}

    asyncio.run(scene())


def test_zero_workers_means_one_for_each_core() -> None:
    """The default follows the cores this process may use."""
    pool = WorkerPool(EngineSettings(), Limits())
    assert pool.size == len(os.sched_getaffinity(0))


def test_a_pool_that_was_not_started_refuses() -> None:
    """A job before `start` is told so, and does not hang."""

    async def scene() -> None:
        with pytest.raises(Overloaded):
            await ask(WorkerPool(EngineSettings(), Limits()), "hello")

    asyncio.run(scene())
