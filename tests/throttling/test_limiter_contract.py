"""Token buckets in memory and in a table of several processes keep the contract, and what each promises beside it."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from imagemill.testing.contracts.limiter import Clock, LimiterContract, taken
from imagemill.throttling.bucket import Bucket, Demand
from imagemill.throttling.memory import MemoryLimiter
from imagemill.throttling.port import Limiter
from imagemill.throttling.table import STRIPES, TableLimiter

HAMMER = """
import asyncio, sys, time
from pathlib import Path
from imagemill.throttling import table
from imagemill.throttling.bucket import Bucket, Demand
from imagemill.throttling.table import TableLimiter

table.TRIES = 10**9  # a holder that the machine keeps waiting is waited for: going on without admits one too many

async def main():
    limiter = TableLimiter(Path(sys.argv[1]))
    demands = (Demand(Bucket("site", 5.0, 300.0)), Demand(Bucket("client", 5.0, 9000.0), "a"))
    print("ready", flush=True)
    sys.stdin.readline()
    met = 0
    for _ in range(int(sys.argv[2])):
        met += (await limiter.take(demands)).met
    print(met, flush=True)

asyncio.run(main())
"""


HOLD = """
import fcntl, os, struct, sys, time
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0, int(sys.argv[2]), 0))
print("held", flush=True)
time.sleep(60)
"""
"""Locks every stripe and keeps them."""


class TestMemoryLimiter(LimiterContract):
    """In one process."""

    @asynccontextmanager
    async def opened(self, clock: Callable[[], float] | None) -> AsyncIterator[Limiter]:
        """Return an empty one."""
        yield MemoryLimiter(clock=clock or time.monotonic)


class TestTableLimiter(LimiterContract):
    """Shared by the processes of a node."""

    @asynccontextmanager
    async def opened(self, clock: Callable[[], float] | None) -> AsyncIterator[Limiter]:
        """Return one with a file of its own."""
        with tempfile.TemporaryDirectory() as folder:
            limiter = TableLimiter(Path(folder) / "run" / "throttle", clock=clock or time.monotonic, slots=1024)
            try:
                yield limiter
            finally:
                await limiter.close()


def test_many_more_clients_than_buckets_take_bounded_memory() -> None:
    """The longest unasked are forgotten, and one who is still asked is not."""

    async def scene() -> tuple[int, bool]:
        limiter = MemoryLimiter(clock=Clock(), max_buckets=2000)
        bucket = Bucket("client", 0.001, 1)
        assert (await limiter.take((Demand(bucket, "regular"),))).met
        for number in range(40_000):
            await limiter.take((Demand(bucket, str(number)),))
            if number % 1000 == 0:
                await limiter.give(Demand(bucket, "regular", 0.0))
        return len(limiter), (await limiter.take((Demand(bucket, "regular"),))).met

    kept, again = asyncio.run(scene())
    assert kept == 2000
    assert not again


def test_a_table_of_many_more_clients_than_slots_stays_as_it_is(tmp_path: Path) -> None:
    """Its size never changes, new clients are admitted, and one who is still asked is remembered."""

    async def scene() -> tuple[int, bool]:
        limiter = TableLimiter(tmp_path / "throttle", slots=256)
        bucket = Bucket("client", 0.001, 1)
        assert (await limiter.take((Demand(bucket, "regular"),))).met
        for number in range(5000):
            assert (await limiter.take((Demand(bucket, str(number)),))).met
            if number % 3 == 0:
                await limiter.give(Demand(bucket, "regular", 0.0))
        again = (await limiter.take((Demand(bucket, "regular"),))).met
        await limiter.close()
        return (tmp_path / "throttle").stat().st_size, again

    size, again = asyncio.run(scene())
    assert size == 64 + 256 * 24
    assert not again


def test_processes_of_a_node_admit_one_burst(tmp_path: Path) -> None:
    """Four processes that ask at once get what one would."""
    command = [sys.executable, "-c", HAMMER, str(tmp_path / "throttle"), "1000"]
    started = time.monotonic()
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outs = [process.communicate(timeout=60)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    seconds = time.monotonic() - started
    met = sum(int(out) for out in outs)
    assert 300 <= met <= 300 + 5.0 * seconds + 1


def test_a_stopped_process_does_not_stop_the_others(tmp_path: Path) -> None:
    """A lock that is never given back is waited for briefly, and then done without."""
    path = tmp_path / "throttle"
    limiter = TableLimiter(path, slots=256)

    async def scene() -> int:
        try:
            return await taken(limiter, Demand(Bucket("site", 0.001, 3), "a"), times=5)
        finally:
            await limiter.close()

    command = [sys.executable, "-c", HOLD, str(path), str(STRIPES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            holder.send_signal(signal.SIGSTOP)
            assert asyncio.run(scene()) == 3
        finally:
            holder.kill()


def test_a_dead_process_holds_no_lock(tmp_path: Path) -> None:
    """The kernel frees what a killed process had locked."""
    path = tmp_path / "throttle"
    asyncio.run(TableLimiter(path, slots=256).close())
    command = [sys.executable, "-c", HOLD, str(path), str(STRIPES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, STRIPES, 0)


def test_a_second_process_finds_the_table_and_a_boot_begins_it_anew(tmp_path: Path) -> None:
    """Levels outlive a process, not the clock they were taken by."""

    async def scene() -> list[int]:
        demand = Demand(Bucket("site", 0.001, 3), "a")
        counts = []
        for round_ in range(3):
            limiter = TableLimiter(tmp_path / "throttle", slots=256)
            counts.append(await taken(limiter, demand, times=2))
            await limiter.close()
            if round_ == 1:
                with (tmp_path / "throttle").open("r+b") as file:
                    file.seek(8)
                    file.write(b"another boot 16b")
        return counts

    assert asyncio.run(scene()) == [2, 1, 2]
