"""The workers of `render`, started before the rest of the command is even imported: both take a tenth of a second.

Separate for that reason; and it is here that the event loop lives from the first worker's start to the last one's end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

import uvloop

from imagemill.errors import ImagemillError
from imagemill.settings import Settings
from imagemill.workers import build_engine

GRACE_SECONDS = 0.2
"""How long Ctrl-C waits for pictures that are being rendered: nothing of them would be written any more."""

_T = TypeVar("_T")


class Workers:
    """Workers on their way; `with` ends them."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError for fonts that cannot be read."""
        self.engine = build_engine(settings, grace_seconds=GRACE_SECONDS, spare=0)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._starting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the processes, and wait for none."""
        self._starting = self._runner.run(self._begin())

    async def _begin(self) -> asyncio.Task[None]:
        starting = asyncio.create_task(self.engine.start())
        await asyncio.sleep(0)
        return starting

    async def ready(self) -> None:
        """Wait until all have started; raises ImagemillError `no_worker` where one cannot."""
        if self._starting is not None:
            await self._starting

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Carry out `work` on the event loop; KeyboardInterrupt after it was cancelled by Ctrl-C."""
        return self._runner.run(work)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C: the processes end with this one
            self._runner.run(self._end())
        self._runner.close()

    async def _end(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, ImagemillError):
                await self._starting
        await self.engine.close()
