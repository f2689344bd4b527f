"""Locks of keys between the processes of a machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from imagemill.object_store.key_locks import NodeKeyLocks

SECONDS = 60.0
HOLDER = """
import asyncio, sys
from pathlib import Path
from imagemill.object_store.key_locks import NodeKeyLocks

async def hold():
    async with NodeKeyLocks(Path(sys.argv[1])).hold("a.jpg"):
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


def test_a_key_is_held_against_another_process_and_free_when_it_is_killed(tmp_path: Path) -> None:
    """Who comes second waits; a killed holder keeps nobody waiting; another key is not held."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "keys")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        async def scenario() -> None:
            locks = NodeKeyLocks(tmp_path / "keys")
            entered = asyncio.Event()

            async def enter() -> None:
                async with locks.hold("a.jpg"):
                    entered.set()

            async with asyncio.timeout(SECONDS), locks.hold("b.jpg"):
                waiting = asyncio.create_task(enter())
                await asyncio.sleep(0.1)
                assert not entered.is_set()
                holder.kill()
                await waiting

        asyncio.run(scenario())


def test_one_at_a_time_within_a_process(tmp_path: Path) -> None:
    """Tasks of one process wait for each other as well, and one that is cancelled leaves nothing held."""
    inside = 0

    async def scenario() -> None:
        nonlocal inside
        locks = NodeKeyLocks(tmp_path)

        async def enter() -> None:
            nonlocal inside
            async with locks.hold("a.jpg"):
                inside += 1
                assert inside == 1
                await asyncio.sleep(0)
                inside -= 1

        cancelled = asyncio.create_task(enter())
        cancelled.cancel()
        await asyncio.gather(cancelled, *(enter() for _ in range(50)), return_exceptions=True)
        assert inside == 0

    asyncio.run(scenario())


def test_where_no_file_can_be_made_the_process_is_kept_in_order(tmp_path: Path) -> None:
    """A lock that cannot be shared is still one of this process."""
    (tmp_path / "file").write_text("")

    async def scenario() -> None:
        began = time.monotonic()
        async with NodeKeyLocks(tmp_path / "file" / "keys").hold("a.jpg"):
            assert time.monotonic() - began < SECONDS

    asyncio.run(scenario())
