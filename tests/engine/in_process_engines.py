"""Engines in this very process for tests, and work for them that does not end by itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.engine.hostile_worker import tasks as obedient
from tests.engine.worker_pools import FACTS

from imagemill.engine.in_process import InProcessEngine
from imagemill.engine.jobs import Data, Tasks, production_tasks
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings

SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><rect width="120" height="80" fill="#08f"/>'
    b'<text x="10" y="50" font-size="30">Words</text></svg>'
)


class Endless:
    """Tasks whose looks last until the test says otherwise, as a decoder does that does not listen."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.end = threading.Event()

    def tasks(self) -> Tasks:
        """A worker's tasks but for that."""
        return replace(obedient(), verify=self._verify)

    def _verify(self, _data: Data, _limits: Limits) -> Any:
        self.began.set()
        assert self.end.wait(60)
        return FACTS


@contextlib.asynccontextmanager
async def working(
    tasks: Callable[[], Tasks] | None = None, *, limits: Limits | None = None, **options: Any
) -> AsyncIterator[InProcessEngine]:
    """A started engine, closed at the end."""
    settings = EngineSettings(**{name: options.pop(name) for name in tuple(options) if hasattr(EngineSettings, name)})
    engine = InProcessEngine(settings, limits or Limits(), tasks=tasks or production_tasks, **options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


@contextlib.contextmanager
def endless() -> Iterator[Endless]:
    """Tasks that end with the test at the latest, and with them the threads that did them: they lift their limits."""
    before = set(threading.enumerate())
    tasks = Endless()
    try:
        yield tasks
    finally:
        tasks.end.set()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "engine":
                thread.join(60)
                assert not thread.is_alive()
