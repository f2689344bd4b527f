"""The Python interface: `imagemill.render` and its kin, for scripts that want variants without a server.

Separate from the command line, which ends in the same `offline` code. Decoders run in the same isolated worker
processes as everywhere: a hostile picture cannot harm the calling program. The calls are ordinary blocking ones and may
come from any thread; behind them one thread runs the event loop that the workers belong to.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from imagemill.engine.divided import DividedEngine
from imagemill.engine.port import Job, Rendered, Source
from imagemill.errors import ImagemillError, InvalidRequest
from imagemill.offline.bulk import AHEAD
from imagemill.offline.layers import below, opened_layers
from imagemill.offline.making import Bounds, Made, make
from imagemill.offline.sources import file_source, memory_source
from imagemill.offline.wanted import Wanted, presets_of, wanted
from imagemill.settings import Settings
from imagemill.workers import build_engine

Picture = bytes | bytearray | memoryview | str | os.PathLike[str]
"""An original: its bytes, or the path of its file."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Variant:
    """A made picture.

    `data` are the encoded bytes; `width` and `height` are in pixels of one of its `pages` (1 but for an animation);
    `format` is a word of the option `fm`, such as "webp". Printed, it leaves the bytes out.
    """

    data: bytes = field(repr=False)
    width: int
    height: int
    format: str
    pages: int


@dataclass(frozen=True, slots=True)
class Rendering:
    """What became of one of many originals.

    `variants` are those that could be made, in the order of widths and then formats; `error` is why one is missing, an
    ImagemillError or OSError, None where all are there.
    """

    source: Picture
    variants: tuple[Variant, ...]
    error: Exception | None = None


class Renderer:
    """Workers that stay: start them once, render many pictures, close them.

        with imagemill.Renderer(jobs=2) as renderer:
            thumbnail = renderer.render("cat.jpg", "200x200,fm=webp")

    Limits and presets are those of the settings (`imagemill.toml` here, `IMAGEMILL_…` variables, or `config`).
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        layers: str | os.PathLike[str] = ".",
        config: str | os.PathLike[str] | None = None,
    ) -> None:
        """`jobs` is the number of workers, None for one for each core. They start with the first picture.

        `layers` is the folder in which `wm=logo.png` finds its pictures. Raises SettingsError for wrong settings,
        InvalidRequest for `jobs` below 1.
        """
        if jobs is not None and jobs < 1:
            raise InvalidRequest(f"jobs: expected a number from 1, received {jobs}.")
        self._find = below(Path(layers))
        self._settings = Settings.load({"engine.workers": jobs, "config": config})
        self._presets = presets_of(self._settings.presets, self._settings.limits)
        self._bounds = Bounds(limits=self._settings.limits, engine=self._settings.engine)
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._engine: DividedEngine | None = None
        self._closed = False

    def render(self, source: Picture, to: str = "_") -> Variant:
        """Return one variant of `source`. `to` is an option list as in a URL: `"300x200,fm=webp"`, `"_"` for none.

        `fm=auto`, the default, is JPEG, PNG where there is transparency, GIF where it moves. Raises InvalidRequest for
        wrong options, NotAnImage, Unprocessable (damaged, beyond the limits, too costly), OSError for a file that
        cannot be read.
        """
        return self.render_set(source, to)[0]

    def render_set(
        self, source: Picture, to: str = "_", *, widths: Sequence[int] = (), formats: Sequence[str] = ()
    ) -> tuple[Variant, ...]:
        """Return a variant for each of `widths` (pixels) in each of `formats`, by width and then format.

        The picture is decoded once for all of them; each is what `render` makes with `w=` and `fm=` added to `to`.
        Raises what `render` raises, for the first variant that cannot be made.
        """
        every = self._wanted(to, widths, formats)
        return _variants(self._submit(self._made(source, every)).result())

    def render_all(
        self, sources: Iterable[Picture], to: str = "_", *, widths: Sequence[int] = (), formats: Sequence[str] = ()
    ) -> Iterator[Rendering]:
        """Render many originals with all workers busy; yield each in its order, one that fails with its error.

        `sources` is read a few originals ahead, so it may be endless; so many results are held in memory at once.
        Raises InvalidRequest for wrong options, before anything is read.
        """
        return self._all(sources, self._wanted(to, widths, formats))

    def close(self) -> None:
        """Stop the workers. A renderer that is closed stays closed; a second call does nothing."""
        with self._starting:
            self._closed = True
            loop, thread, engine = self._loop, self._thread, self._engine
            self._loop = self._thread = self._engine = None
        if loop is None or thread is None or engine is None:
            return
        asyncio.run_coroutine_threadsafe(engine.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wanted(self, to: str, widths: Sequence[int], formats: Sequence[str]) -> tuple[Wanted, ...]:
        if isinstance(formats, str):  # which is a sequence of str as well, letter by letter
            raise TypeError(f'formats is a list of words, such as ["webp"]; received {formats!r}')
        return wanted(to, widths=widths, formats=formats, presets=self._presets, limits=self._settings.limits)

    def _all(self, sources: Iterable[Picture], every: tuple[Wanted, ...]) -> Iterator[Rendering]:
        ahead: deque[tuple[Picture, Future[list[Made]]]] = deque()
        try:
            for source in sources:
                ahead.append((source, self._submit(self._made(source, every))))
                if len(ahead) > AHEAD * self._size + AHEAD:
                    yield _rendering(*ahead.popleft())
            while ahead:
                yield _rendering(*ahead.popleft())
        finally:
            for _, future in ahead:
                future.cancel()

    async def _made(self, source: Picture, every: tuple[Wanted, ...]) -> list[Made]:
        assert self._engine is not None
        async with opened_layers(self._engine, every, self._find) as layers:
            with _opened(source) as opened:
                return await make(self._engine, opened, every, self._bounds, layers=layers)

    @property
    def _size(self) -> int:
        return self._engine.size if self._engine is not None else 1

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Hand work to the loop, which is started with the first."""
        try:
            loop = self._running()
        except BaseException:
            work.close()
            raise
        return asyncio.run_coroutine_threadsafe(work, loop)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._closed:
                raise ImagemillError("This renderer is closed; make another one.", code="closed")
            if self._loop is not None:
                return self._loop
            loop = asyncio.new_event_loop()
            # The workers end with the thread that started them, so it lives as long as the renderer.
            thread = threading.Thread(target=loop.run_forever, name="imagemill", daemon=True)
            thread.start()
            engine = build_engine(self._settings, spare=0)
            try:
                asyncio.run_coroutine_threadsafe(engine.start(), loop).result()
            except BaseException:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                loop.close()
                raise
            self._loop, self._thread, self._engine = loop, thread, engine
            return loop


def render(source: Picture, to: str = "_") -> Variant:
    """Return one variant of `source`: see `Renderer.render`.

        import imagemill

        thumbnail = imagemill.render("cat.jpg", "200x200,g=attention,fm=webp")

    The first call starts one worker (0.1 s), which later calls use and which ends with the program.
    """
    return _shared().render(source, to)


def render_set(
    source: Picture, to: str = "_", *, widths: Sequence[int] = (), formats: Sequence[str] = ()
) -> tuple[Variant, ...]:
    """Return many variants of `source` from one decode: see `Renderer.render_set`. Uses the worker of `render`."""
    return _shared().render_set(source, to, widths=widths, formats=formats)


_shared_renderer: Renderer | None = None
_shared_by = 0
_sharing = threading.Lock()


def _shared() -> Renderer:
    """The renderer of the plain functions; a forked child has threads and workers of its own."""
    global _shared_renderer, _shared_by
    with _sharing:
        if _shared_renderer is None or _shared_by != os.getpid():
            _shared_renderer, _shared_by = Renderer(jobs=1), os.getpid()
            atexit.register(_shared_renderer.close)
        return _shared_renderer


def _variants(made: list[Made]) -> tuple[Variant, ...]:
    """The variants of a set; raises the first error."""
    rendering = _sorted_out(b"", made)
    if rendering.error is not None:
        raise rendering.error
    return rendering.variants


def _rendering(source: Picture, future: Future[list[Made]]) -> Rendering:
    """Wait for one of many."""
    try:
        return _sorted_out(source, future.result())
    except (ImagemillError, OSError) as error:
        return Rendering(source, (), error)


def _sorted_out(source: Picture, made: list[Made]) -> Rendering:
    good: list[Variant] = []
    error: Exception | None = None
    for _, job, result in made:
        if isinstance(result, Rendered) and isinstance(job, Job):
            good.append(Variant(result.data, result.width, result.height, job.format.value, result.pages))
        elif error is None and isinstance(result, ImagemillError):
            error = result
    return Rendering(source, tuple(good), error)


def _opened(source: Picture) -> AbstractContextManager[Source]:
    """An original as the workers take it; raises OSError for a file that cannot be read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return memory_source(source)
    return file_source(source)
