"""One serving process as its supervisor sees it: started as a fresh interpreter, ready or failed, ended.

Never forked: the supervisor has threads and an event loop by then, and a fresh interpreter takes the program as it now
is on disk. The settings travel as a sealed file in memory: neither arguments nor environment, which others can read,
hold a secret. The kernel kills the process with its supervisor (`engine.confinement.leave_with_parent`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

from imagemill.observability.snapshot import Snapshot
from imagemill.settings import Settings
from imagemill.supervision.channel import Channel, Message, open_channel
from imagemill.supervision.handover import packed

COMMAND = (sys.executable, "-m", "imagemill.supervision.serving")
POLL_SECONDS = 0.02


class Child:
    """A serving process. `on_ask(child, number)` is called when it wants to know what all have counted."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, on_ask: OnAsk) -> None:
        """Use `start_child`."""
        self.counts = Snapshot()
        self.ended = asyncio.Event()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sentence = ""
        self._process = process
        self._channel = channel
        self._on_ask = on_ask
        self._counted = asyncio.Event()
        self._asking: set[asyncio.Task[None]] = set()
        self._life = asyncio.ensure_future(self._live())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended: the exit code, or minus the signal that killed it; None while it lives."""
        return self._process.poll()

    def say(self, message: Message) -> None:
        """Send it a message."""
        self._channel.say(message)

    def leave(self) -> None:
        """Take no more connections, finish those there are, end."""
        self.say(Message("leave"))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def count(self, seconds: float) -> None:
        """Ask what it has counted and wait for the answer, at most `seconds`; `counts` holds what is known then."""
        if self.ended.is_set():
            return
        self._counted.clear()
        self.say(Message("count"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._counted.wait()

    async def gone(self, seconds: float) -> None:
        """Wait until it has ended, and kill it when it has not after `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        if not self.ended.is_set():
            self.signal(signal.SIGKILL)
            await self.ended.wait()

    async def _live(self) -> None:
        async for message in self._channel:
            if message.word == "ready" and not self.ready.done():
                self.ready.set_result(None)
            elif message.word == "failed":
                self.sentence = message.text
            elif message.word == "counted":
                self.counts = message.snapshot
                self._counted.set()
            elif message.word == "ask":
                task = asyncio.ensure_future(self._on_ask(self, message.number))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
        self._channel.close()
        # It closed its end, so this is a matter of milliseconds; nothing else tells of a process's end on every kernel.
        while self._process.poll() is None:  # noqa: ASYNC110 - there is nobody to set an event
            await asyncio.sleep(POLL_SECONDS)
        self._counted.set()
        self.ended.set()
        if not self.ready.done():
            self.ready.cancel()


OnAsk = Callable[[Child, int], Awaitable[None]]


async def start_child(settings: Settings, cores: int, listener: socket.socket, on_ask: OnAsk) -> Child:
    """Start a process that serves with `settings`, its share, on `listener`; `cores` is what the whole node has.

    Raises OSError where no process can be started.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        given = os.memfd_create("imagemill-settings", os.MFD_CLOEXEC)
        try:
            os.write(given, packed(settings, cores))
            os.lseek(given, 0, os.SEEK_SET)
            numbers = (listener.fileno(), theirs.fileno(), given)
            # A group of its own: Ctrl-C in a terminal reaches the supervisor, which stops all in order.
            process = subprocess.Popen(  # noqa: ASYNC220 - takes a millisecond, and must be this thread's child
                [*COMMAND, *map(str, numbers)], pass_fds=numbers, stdin=subprocess.DEVNULL, process_group=0
            )
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(given)
    return Child(process, await open_channel(ours), on_ask)
