"""A serving process of several: `python -m imagemill.supervision.serving LISTENER CHANNEL SETTINGS` (descriptors).

Separate from the command line's `serve`, which holds the data folder and speaks to people. This one is told its share
of the settings, takes connections from the inherited socket, and says to its supervisor what it has counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from imagemill.engine.confinement import leave_with_parent

if TYPE_CHECKING:  # the rest of the program is imported when the kernel knows whose child this is
    from imagemill.assembly.platform import Platform
    from imagemill.gateway.server import Inherited
    from imagemill.observability.snapshot import Snapshot
    from imagemill.settings import Settings
    from imagemill.supervision.channel import Channel

FAILED = 1
PUSH_SECONDS = 1.0
"""How often the supervisor is told what was counted, unasked: so much is lost when this process is killed."""
ANSWER_SECONDS = 5.0
"""How long the sum over all processes is waited for before this one's own counts are shown: counters that go back look
like a restart, and Prometheus itself waits ten seconds."""


class Counting:
    """What this process says of its counts to the supervisor, and asks of the others'."""

    def __init__(self, channel: Channel) -> None:
        """`platform` is set when it is there; until then nothing has been counted."""
        self.platform: Platform | None = None
        self._channel = channel
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Snapshot]] = {}

    async def totals(self) -> Snapshot:
        """Return what all processes of the node have counted, the dead ones too."""
        from imagemill.supervision.channel import Message

        assert self.platform is not None
        number = next(self._numbers)
        answer: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._channel.say(Message("ask", number=number))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            return self.platform.metrics.snapshot()
        finally:
            del self._asked[number]

    def tell(self) -> None:
        """Say what this process has counted."""
        from imagemill.supervision.channel import with_counts

        if self.platform is not None:
            self._channel.say(with_counts("counted", self.platform.metrics.snapshot()))

    async def tell_now_and_then(self) -> None:
        """Say it every second, until cancelled."""
        while True:
            await asyncio.sleep(PUSH_SECONDS)
            self.tell()

    async def listen(self, inherited: Inherited) -> None:
        """Hear what the supervisor says; when it is silent for good there is nobody to serve for."""
        async for message in self._channel:
            if message.word == "count":
                self.tell()
            elif message.word == "leave":
                inherited.replaced.set()
            elif message.word == "total" and message.number in self._asked:
                answer = self._asked[message.number]
                if not answer.done():
                    answer.set_result(message.snapshot)
        signal.raise_signal(signal.SIGTERM)


async def _serve(settings: Settings, cores: int, listener: int, end: socket.socket) -> int:
    """Serve until told to end, and return the exit code."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    from imagemill.errors import ImagemillError
    from imagemill.observability.logging import configure, events
    from imagemill.supervision.channel import Message, open_channel

    configure(form=settings.log.format, level=settings.log.level)
    channel = await open_channel(end)
    counting = Counting(channel)
    try:
        await _platform(settings, cores, listener, channel, counting)
    except ImagemillError as error:
        channel.say(Message("failed", text=error.sentence))
        return FAILED
    except Exception as error:  # noqa: BLE001 - a mistake of ours: the operator's log has the trace, a person the name
        events().error("process.failed", exc_info=error)
        channel.say(Message("failed", text=f"A serving process failed: {type(error).__name__}; the log says where."))
        return FAILED
    finally:
        counting.tell()
        await channel.flush()
        channel.close()
    return 0


async def _platform(settings: Settings, cores: int, listener: int, channel: Channel, counting: Counting) -> None:
    from imagemill import assembly
    from imagemill.assembly.nodes import Beside
    from imagemill.data_folder import DataFolder
    from imagemill.gateway.server import Inherited
    from imagemill.gateway.server import serve as serve_until_told
    from imagemill.supervision.channel import Message

    inherited = Inherited(listener)
    folder = DataFolder(settings.data, None)
    platform = await assembly.build(settings, folder, Beside(cores, counting.totals))
    counting.platform = platform
    tasks = [asyncio.ensure_future(counting.listen(inherited)), asyncio.ensure_future(counting.tell_now_and_then())]
    try:
        await platform.start()
        await serve_until_told(platform.app, settings.server, lambda: channel.say(Message("ready")), inherited)
    finally:
        await platform.close()
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def main() -> None:
    """Serve, and end without the interpreter's farewell: the server's own threads may still be about."""
    leave_with_parent()
    listener, end, given = map(int, sys.argv[1:4])
    for descriptor in (listener, end, given):
        os.set_inheritable(descriptor, False)
    channel = socket.socket(fileno=end)
    channel.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with os.fdopen(given, "rb") as file:
        told = file.read()
    import uvloop

    from imagemill.supervision.handover import unpacked

    settings, cores = unpacked(told)

    # Until the first line of `_serve` nobody can end the half-started loop: a signal waits for that line.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    code = uvloop.run(_serve(settings, cores, listener, channel))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
