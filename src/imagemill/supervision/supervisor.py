"""Several serving processes, kept: started together, replaced when one dies, exchanged one by one, stopped together.

It serves nothing itself and touches no picture, so it has little to die of. It holds what belongs to the node: the data
folder's lock, the listening sockets, and what processes that are no more have counted.

    SIGTERM, SIGINT   all finish what is running, then the end (exit 0)
    SIGHUP            each is replaced by a new one, with the settings as they now are: the new one is ready before the
                      old one takes no more connections, and no request is lost (threat F9)
    a process dies    a new one takes its place, at once the first time, after longer and longer pauses when it goes on
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from imagemill.assembly.nodes import cores_of
from imagemill.errors import ImagemillError
from imagemill.gateway.listener import open_beside
from imagemill.observability.logging import events
from imagemill.observability.snapshot import Snapshot
from imagemill.settings import Settings
from imagemill.supervision.channel import with_counts
from imagemill.supervision.child import Child, start_child
from imagemill.supervision.sharing import share_of

READY_SECONDS = 60.0
"""A process that is not ready by then has failed."""
COUNT_SECONDS = 0.5
"""How long one process may take to say what it has counted; then what it said last is shown."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
STEADY_SECONDS = 30.0
"""One that has lived so long is no sign of trouble when it dies: the pauses start anew."""
STOP_MARGIN = 4.0
"""Beyond `server.drain_seconds`, what closing takes; then a process is killed. In all within 30 s by default."""


class CannotServe(ImagemillError):
    """A serving process could not be started."""

    code = "cannot_serve"


class Supervisor:
    """Keeps `server.processes` processes serving on one port."""

    def __init__(self, settings: Settings, listeners: Sequence[socket.socket], reload: Callable[[], Settings]) -> None:
        """`listeners` are as many as processes, one for each; they stay open, whoever serves on them.

        `reload` reads the settings again, for a rolling restart; raises ImagemillError where they are wrong.
        """
        self._settings = settings
        self._listeners = list(listeners)
        self._reload = reload
        self._places: list[Child | None] = [None] * settings.server.processes
        self._children: set[Child] = set()
        self._buried = Snapshot()
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT; `on_ready` is called once, when all are ready.

        Raises ImagemillError with the first process's own sentence when one cannot be started at the start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._start(self._roll()))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
        try:
            if await self._all_ready():
                on_ready()
                for index in range(len(self._places)):
                    self._start(self._keep(index))
                await self._stopping.wait()
        finally:
            await self._stop()

    # Starting and stopping

    async def _all_ready(self) -> bool:
        """Start all at once; False when a signal came first."""
        starts = asyncio.ensure_future(self._fill_all())
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((starts, stop), return_when=asyncio.FIRST_COMPLETED)
            if starts.done():
                starts.result()
            return not self._stopping.is_set()
        finally:
            stop.cancel()
            starts.cancel()
            with contextlib.suppress(asyncio.CancelledError, ImagemillError):
                await starts

    async def _fill_all(self) -> None:
        self._places = list(await asyncio.gather(*(self._ready_child(index) for index in range(len(self._places)))))

    async def _ready_child(self, index: int) -> Child:
        """Return a new process for a place, ready to serve. Raises CannotServe."""
        child = await self._spawn(index)
        await self._until_ready(child)
        return child

    async def _spawn(self, index: int) -> Child:
        try:
            child = await start_child(
                share_of(self._settings, index), cores_of(self._settings), self._listener_of(index), self._answer
            )
        except OSError as error:
            raise CannotServe(f"A serving process could not be started: {error.strerror or error}.") from None
        self._children.add(child)
        return child

    async def _until_ready(self, child: Child) -> None:
        """Raise CannotServe when `child` ends instead, or takes too long."""
        await asyncio.wait({child.ready}, timeout=READY_SECONDS)
        if child.ready.done() and not child.ready.cancelled():
            return
        child.signal(signal.SIGKILL)
        await child.ended.wait()
        self._bury(child)
        raise CannotServe(child.sentence or f"A serving process ended before it was ready ({_how(child)}).")

    async def _stop(self) -> None:
        """End all, each in its own time; what is late is killed."""
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self._children:
            child.signal(signal.SIGTERM)
        seconds = self._settings.server.drain_seconds + STOP_MARGIN
        await asyncio.gather(*(child.gone(seconds) for child in self._children))

    # While serving

    async def _keep(self, index: int) -> None:
        """Put a new process in the place of one that died, for ever."""
        pause = FIRST_PAUSE
        while True:
            child = self._places[index]
            assert child is not None
            began = asyncio.get_running_loop().time()
            await child.ended.wait()
            if self._places[index] is not child:
                continue  # it was replaced on purpose
            async with self._rolling:  # who replaces this one just now has seen its end as well
                if self._places[index] is not child:
                    continue
                events().error("process.lost", process=index, pid=child.pid, how=_how(child))
                if asyncio.get_running_loop().time() - began > STEADY_SECONDS:
                    pause = FIRST_PAUSE
                pause = await self._replace_dead(index, child, pause)

    async def _replace_dead(self, index: int, child: Child, pause: float) -> float:
        """Start a new process until one is ready; return the pause before the next such try."""
        self._bury(child)
        while True:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                new = await self._ready_child(index)
            except ImagemillError as error:
                events().error("process.not_started", process=index, detail=error.sentence)
                self._send_elsewhere(index)
                continue
            self._places[index] = new
            events().warning("process.replaced", process=index, pid=new.pid)
            return pause

    def _listener_of(self, index: int) -> socket.socket:
        """Return the listening socket of a place, a new one where it was closed. Raises OSError."""
        listener = self._listeners[index]
        if listener.fileno() < 0:
            open_ones = (one for one in self._listeners if one.fileno() >= 0)
            listener = self._listeners[index] = open_beside(next(open_ones))
        return listener

    def _send_elsewhere(self, index: int) -> None:
        """Let no connection wait for a process that will not start: the kernel gives them to the sockets that listen.

        Those that wait already are reset. Where this is the last socket, they may as well wait.
        """
        if sum(one.fileno() >= 0 for one in self._listeners) > 1:
            self._listeners[index].close()

    async def _roll(self) -> None:
        """Replace all by new ones with the settings as they now are; stop at the first that will not start."""
        before = self._settings
        try:
            self._settings = self._renewed(self._reload())
        except ImagemillError as error:
            events().error("restart.refused", detail=error.sentence)
            return
        async with self._rolling:
            events().warning("restart.began", processes=len(self._places))
            for index, old in enumerate(self._places):
                try:
                    self._places[index] = await self._ready_child(index)
                except ImagemillError as error:
                    self._settings = before
                    events().error("restart.stopped", process=index, detail=error.sentence)
                    return
                if old is not None:
                    old.leave()
                    await old.gone(2 * self._settings.server.drain_seconds + STOP_MARGIN)
                    self._bury(old)
            events().warning("restart.done", processes=len(self._places))

    def _renewed(self, new: Settings) -> Settings:
        """Return `new`, but for what the node has opened already: those settings need a real restart."""
        old = self._settings
        server = replace(new.server, host=old.server.host, port=old.server.port, processes=old.server.processes)
        return replace(new, data=old.data, originals=replace(new.originals, url=old.originals.url), server=server)

    # What they count

    async def _answer(self, asking: Child, number: int) -> None:
        """Tell a process what all have counted, those that are no more included."""
        await asyncio.gather(*(child.count(COUNT_SECONDS) for child in self._children))
        total = Snapshot()
        total.add(self._buried)
        for child in self._children:
            total.add(child.counts)
        asking.say(with_counts("total", total, number))

    def _bury(self, child: Child) -> None:
        """Go on counting what a process that is no more has counted."""
        if child in self._children:
            self._children.discard(child)
            self._buried.add(child.counts, living=False)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _how(child: Child) -> str:
    """Return how a process ended, in a word or two."""
    code = child.code
    if code is None or code >= 0:
        return f"exit {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
