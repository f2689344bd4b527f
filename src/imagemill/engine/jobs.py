"""One job of the engine: what can be asked, how it is done, and what its end is in words.

Separate from `worker`, the process around it, because the engine also works in the process of a function in the cloud
(`in_process`): both do the same job through `answer_to`, so both give the same bytes and the same refusals.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from imagemill.engine import protocol
from imagemill.engine.findings import Findings
from imagemill.engine.limits import Limits
from imagemill.engine.meter import Meter
from imagemill.engine.port import Facts, Job
from imagemill.errors import ImagemillError, Unprocessable

Data = bytes | memoryview
"""An original's bytes: a view of the mapped file, or a copy where it cannot be mapped."""


class Result(Protocol):
    """What `render` hands back: encoded bytes and the size of one frame in pixels."""

    @property
    def data(self) -> bytes:
        """The encoded variant."""
        ...

    @property
    def width(self) -> int:
        """Pixels across one frame."""
        ...

    @property
    def height(self) -> int:
        """Pixels down one frame."""
        ...

    @property
    def pages(self) -> int:
        """Frames or pages."""
        ...


class RenderFunction(Protocol):
    """The shape of `engine.render.render`."""

    def __call__(
        self,
        data: Data,
        job: Job,
        limits: Limits,
        /,
        *,
        default_quality: int,
        linear_light: bool,
        layers: Sequence[Data],
    ) -> Result:
        """Make the variant."""
        ...


class RenderSetFunction(Protocol):
    """The shape of `engine.render_set.render_set`."""

    def __call__(
        self, data: Data, jobs: Sequence[Job], limits: Limits, /, *, default_quality: int, linear_light: bool
    ) -> Sequence[Result]:
        """Make the variants of a set."""
        ...


def _nothing_rare() -> None:
    """Stand in where there are no rare formats."""


def _unlimited(_cpu_seconds: float | None, _memory_bytes: int) -> None:
    """Stand in where nothing is drawn."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """What a worker can do. Tests start workers whose tasks crash, hang and swell; nothing else differs."""

    start: Callable[[], str]
    """Load the libraries, close what must stay closed, return the engine's revision."""
    probe: Callable[[Data, Limits], Facts]
    verify: Callable[[Data, Limits], Facts]
    inspect: Callable[[Data, Facts, Limits], Findings]
    render: RenderFunction
    render_set: RenderSetFunction
    load_fonts: Callable[[str], object] = str
    """Load our fonts and those of a folder, while files can be opened; by default there is nothing to load."""
    readable: Callable[[], Sequence[str]] = tuple
    """Tell which formats this installation reads."""
    open_rare: Callable[[], None] = _nothing_rare
    """Load the decoders of rare formats."""
    limit_drawings: Callable[[float | None, int], None] = _unlimited
    """Arm the limits of a drawing: CPU-seconds, over which the process dies (None: no such limit), and bytes."""


@contextlib.contextmanager
def originals(descriptors: Sequence[int], sizes: Sequence[int]) -> Iterator[list[Data]]:
    """Map the originals of a job and close their descriptors; raises as `original`, ValueError for a wrong count."""
    with contextlib.ExitStack() as mapped:
        try:
            if len(descriptors) != len(sizes):
                raise ValueError(f"a request for {len(sizes)} originals came with {len(descriptors)} descriptors")
            data = [mapped.enter_context(original(*pair)) for pair in zip(descriptors, sizes, strict=True)]
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        yield data


@contextlib.contextmanager
def original(descriptor: int, size: int) -> Iterator[Data]:
    """Map `size` bytes of the original; read it where it cannot be mapped.

    Mapped read-only and private: a page of it is the page cache's own, and costs no memory of ours. Raises
    Unprocessable where the file has become shorter: touching the missing part of a mapping kills the process.
    """
    if os.fstat(descriptor).st_size < size:
        raise Unprocessable("The original changed while it was being read.", code="damaged")
    try:
        mapped = mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) if size else None
    except OSError:
        mapped = None
    data = memoryview(mapped) if mapped is not None else memoryview(os.pread(descriptor, size, 0))
    try:
        yield data
    finally:
        # A decoder's object may still hold the view (a reference cycle in a traceback); the collector closes it then.
        with contextlib.suppress(BufferError):
            data.release()
            if mapped is not None:
                mapped.close()


def _carry_out(
    tasks: Tasks, setup: protocol.Setup, request: protocol.Request, data: Sequence[Data]
) -> Facts | Findings | Sequence[Result]:
    """Do what `request` asks; `data` are the original and those of its image layers."""
    limits = setup.limits
    if isinstance(request, protocol.Probe):
        return tasks.probe(data[0], limits)
    if isinstance(request, protocol.Verify):
        return tasks.verify(data[0], limits)
    if isinstance(request, protocol.Inspect):
        return tasks.inspect(data[0], request.facts, limits)
    if isinstance(request, protocol.Render):
        job = protocol.job_of(request.order)
        made = tasks.render(
            data[0], job, limits, default_quality=setup.quality, linear_light=setup.linear_light, layers=data[1:]
        )
        return (made,)
    if isinstance(request, protocol.RenderSet):
        jobs = [protocol.job_of(order) for order in request.orders]
        return tasks.render_set(data[0], jobs, limits, default_quality=setup.quality, linear_light=setup.linear_light)
    raise ValueError("a worker is set up once")


def _sizes(request: protocol.Request) -> list[int]:
    """How many bytes each original has, in the order of the descriptors."""
    if isinstance(request, protocol.Setup):
        return []
    layers = request.order.layers if isinstance(request, protocol.Render) else []
    return [request.size, *(layer.size for layer in layers)]


def _in_words(
    request: protocol.Request, outcome: Facts | Findings | Sequence[Result], limits: Limits, cost: protocol.Cost
) -> tuple[protocol.Answer, bytes]:
    """Put what was found or made into an answer and its body."""
    if isinstance(outcome, Facts):
        return protocol.Seen(outcome, cost), b""
    if isinstance(outcome, Findings):
        return protocol.Told(cost), protocol.findings_body(outcome)
    longest = max(len(result.data) for result in outcome)
    whole = sum(len(result.data) for result in outcome)
    if longest > limits.result_bytes or whole > protocol.SET_BYTES:
        sentence = f"The result has {longest} bytes; expected at most {limits.result_bytes}."
        return protocol.failed_with(Unprocessable(sentence, code="too_complex"), cost), b""
    if isinstance(request, protocol.RenderSet):
        parts = [protocol.Part(made.width, made.height, made.pages, len(made.data)) for made in outcome]
        return protocol.MadeSet(parts, cost), b"".join(made.data for made in outcome)
    made = outcome[0]
    return protocol.Made(made.width, made.height, made.pages, cost), made.data


def answer_to(
    tasks: Tasks, setup: protocol.Setup, request: protocol.Request, descriptors: Sequence[int], meter: Meter
) -> tuple[protocol.Answer, bytes]:
    """Do one job and return what to say; every failure becomes words, so that none ends the worker."""
    try:
        with originals(descriptors, _sizes(request)) as data:
            outcome = _carry_out(tasks, setup, request, data)
    except Exception as error:  # noqa: BLE001 - a worker answers whatever a decoder raises
        cost = meter.cost()
        if cost.peak_bytes > setup.memory_bytes:
            # It broke the limit between two looks of the watch, and whatever failed then failed for want of memory.
            return protocol.failed_with(MemoryError(), cost), b""
        detail = "" if isinstance(error, ImagemillError) else "".join(traceback.format_exception(error))[-2000:]
        return protocol.failed_with(error, cost, detail=detail), b""
    return _in_words(request, outcome, setup.limits, meter.cost())


def production_tasks() -> Tasks:
    """The real engine; imported here, so that a test's worker need not load libvips."""
    from imagemill.engine import inspect, libvips, probe, render, render_set
    from imagemill.engine.rare import budget, decoder
    from imagemill.engine.steps import text

    def start() -> str:
        libvips.start()
        return libvips.revision()

    return Tasks(
        start=start,
        probe=probe.probe,
        verify=probe.verify,
        inspect=inspect.inspect,
        render=render.render,
        render_set=render_set.render_set,
        load_fonts=text.load_fonts,
        readable=decoder.readable,
        open_rare=decoder.load_all,
        limit_drawings=budget.DRAWING.arm,
    )
