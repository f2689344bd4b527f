"""The platform inside a function in the cloud: the same parts as a server's, for one request at a time.

The machine stands still between two invocations, so nothing may run behind an answer: begin each with `awake`, end it
with `settled`. Where the engine is `poisoned` after that, the process must end (`engine.in_process`). Imports are kept
lean, because a cold start waits for each of them: what only a server, or only the control API, needs is not among them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from imagemill.assembly.home import SITE, Home
from imagemill.assembly.parts import Parts
from imagemill.assembly.shared import LOOK_SECONDS, load_all, look_at_all
from imagemill.cdn.port import Backlog
from imagemill.data_folder import DataFolder, open_data_folder
from imagemill.engine.in_process import InProcessEngine
from imagemill.observability.access_log import NullLog
from imagemill.observability.logging import configure_plain
from imagemill.settings import Settings

__all__ = ["DATA", "RUNTIME", "SITE", "FunctionPlatform", "build", "environment"]

DATA = Path("/tmp/imagemill")  # noqa: S108 - a function's only writable folder, and no one else is on its machine
"""The data folder of a function."""
CDN_SECONDS = 8.0
"""For how long the end of an invocation waits for the CDN; an answer of API Gateway's waits with it."""
RUNTIME = "AWS_LAMBDA_RUNTIME_API"
"""The variable by which a process knows that it is a function's (Lambda guide, "Runtime environment variables")."""


class FunctionPlatform(Parts):
    """The parts of a function, connected: `app` is the ASGI application, `originals` and the rest are attributes."""

    def __init__(
        self,
        settings: Settings,
        data: DataFolder,
        *,
        asks_cdn: bool = False,
        edge_secret: str = "",
        most_body: int | None = None,
        key_place: str = "",
        backlog: Backlog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Choose and connect. Raises SettingsError for what is not built.

        `asks_cdn` is for functions that may invalidate; `clock` gives seconds since 1970, for a machine that stood
        still cannot tell by any other clock for how long. The others are as in `Home`.
        """
        self.engine = InProcessEngine(settings.engine, settings.limits, machine_bytes=_machine_bytes(os.environ))
        home = Home(
            engine=self.engine,
            log=NullLog(),
            cores=self.engine.size,
            freezes=True,
            asks_cdn=asks_cdn,
            edge_secret=edge_secret,
            most_body=most_body,
            key_place=key_place,
            backlog=backlog,
        )
        super().__init__(settings, data, home)
        self._clock = clock
        self._looked = float("-inf")

    async def start(self) -> None:
        """Load the documents and the engine; to be called once, on the loop that later serves."""
        await self.engine.start()
        await load_all(self._books)
        self._looked = self._clock()
        self.originals.on_change(self._forget)
        self.originals.before_change(self.purging.changing)  # it may end in the middle, and nobody goes on

    async def awake(self) -> None:
        """Begin an invocation: see the changes of others to our documents, if the last look is over a second old."""
        now = self._clock()
        if not 0 <= now - self._looked <= LOOK_SECONDS:
            await look_at_all(self._books)
            self._looked = now

    async def settled(self) -> bool:
        """End an invocation: finish everything that was begun behind the answer.

        False where the CDN has not been told of every change in `CDN_SECONDS`: what is left is told in the next one.
        """
        await self.maker.drain()
        await self.inspector.drain()
        await self.originals.settled()
        told = await self.purging.told(CDN_SECONDS)
        settle = getattr(self.variants, "settled", None)  # only a store far away begins work of its own
        if settle is not None:
            await settle()
        return told

    async def close(self) -> None:
        """Finish, and let go of connections and files: for tests, as functions just end."""
        await self.settled()
        await self.purging.close()
        await self.originals.close()
        await self.engine.close()
        await self.variants.close()
        await self.store.close()
        await self.documents.close()
        await self.throttling.close()
        await self.turns.close()


def environment() -> dict[str, str]:
    """Return the variables of this process, with the data folder of a function where they name none."""
    return {"IMAGEMILL_DATA__DIR": str(DATA), **os.environ}


def _machine_bytes(environ: Mapping[str, str]) -> int | None:
    """What the function has in all, as Lambda says (in MB); None elsewhere."""
    given = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return int(given) * 1024 * 1024 if given.isdigit() else None


async def build(
    settings: Settings | None = None,
    data: DataFolder | None = None,
    *,
    asks_cdn: bool = False,
    edge_secret: str = "",
    most_body: int | None = None,
    key_place: str = "",
    backlog: Backlog | None = None,
) -> FunctionPlatform:
    """Return the started platform of this function, from the environment's settings unless others are given.

    Raises SettingsError, and Overloaded where the documents cannot be read.
    """
    settings = settings or Settings.load(environ=environment())
    if RUNTIME in os.environ:
        configure_plain(level=settings.log.level)
    held = data or open_data_folder(settings.data)
    platform = FunctionPlatform(
        settings,
        held,
        asks_cdn=asks_cdn,
        edge_secret=edge_secret,
        most_body=most_body,
        key_place=key_place,
        backlog=backlog,
    )
    try:
        await platform.start()
    except BaseException:  # whoever asks next tries again
        await platform.close()
        if data is None:
            held.close()
        raise
    return platform
