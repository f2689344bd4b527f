"""Making the n-th system call of one operation fail, or be the last one of its process.

The operation runs in a forked child; strace attaches to it and injects. Counting starts when the store is open, so the
n-th call is one of the operation's own. strace is part of what a developer and CI need here; without it the tests skip,
but never under CI.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from tests.tools import need

from imagemill.errors import ImagemillError

S = TypeVar("S")

DONE, REFUSED, BROKEN = 0, 3, 4
"""Exit codes of the child: the operation succeeded, raised an error for people, raised anything else."""
PR_SET_PTRACER = 0x59616D61
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Fault:
    """What to inject: a system call as strace names it, and what happens to the n-th."""

    calls: str
    action: str


@dataclass(frozen=True)
class Outcome:
    """How the child ended: `code` is negative for a signal; `injected` whether the fault took place."""

    code: int
    injected: bool


def need_strace() -> None:
    """Skip without strace, by which faults are injected; fail under CI."""
    need("strace", "strace")


def run_with_fault(
    opened: Callable[[], S], operation: Callable[[S], Awaitable[object]], fault: Fault, number: int, log: Path
) -> Outcome:
    """Open a store, then carry out `operation` with the `number`-th call of `fault` going wrong; write a `log`."""
    ready, tell_ready = os.pipe()
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_child(opened, operation, tell_ready, wait)
    os.close(tell_ready)
    os.close(wait)
    try:
        assert os.read(ready, 1) == b"r", "the child could not open its store"
        trace = f"--trace={fault.calls}"
        inject = f"--inject={fault.calls}:{fault.action}:when={number}"
        command = ["strace", "-f", "-y", "-p", str(child), "-o", str(log), trace, inject]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            line = strace.stderr.readline()
            if "attached" not in line:
                os.kill(child, signal.SIGKILL)
                pytest.fail(f"strace could not attach: {line}")
            os.write(go, b"g")
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            strace.wait(WAIT_SECONDS)
    finally:
        os.close(ready)
        os.close(go)
    return Outcome(code, code == -signal.SIGKILL or "(INJECTED)" in log.read_text())


def _be_the_child(
    opened: Callable[[], S], operation: Callable[[S], Awaitable[object]], tell_ready: int, wait: int
) -> None:
    code = BROKEN
    try:
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, -1)  # where only a parent may trace, let anyone trace us
        store = opened()
        os.write(tell_ready, b"r")
        os.read(wait, 1)
        asyncio.run(_carry_out(operation, store))
        code = DONE
    except ImagemillError:
        code = REFUSED
    finally:
        os._exit(code)


async def _carry_out(operation: Callable[[S], Awaitable[object]], store: S) -> None:
    await operation(store)
