"""The inside of a worker process: take a job, do it, answer, wait for the next.

A worker is a fresh interpreter (`python -I -m imagemill.engine.worker FD`), never a fork of the server: it starts with
none of the server's memory, secrets or descriptors. Its one descriptor is a socket; the original comes over it as an
open file and the worker opens no path (after `confinement.confine` it cannot). It does one job at a time; the only
threads are libvips' own. The other end is `worker_process`.
"""

from __future__ import annotations

import array
import codecs
import contextlib
import gc
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from imagemill.engine import protocol
from imagemill.engine.confinement import confine, leave_with_parent
from imagemill.engine.findings import Findings
from imagemill.engine.limits import Limits
from imagemill.engine.meter import Heap, Meter
from imagemill.engine.port import Facts, Job
from imagemill.errors import ImagemillError, Unprocessable
from imagemill.recipe.options.layers import MAX_LAYERS

TRIM_BYTES = 64 * 1024 * 1024
"""Growth since the start above which the heap is given back right after a job."""

IDLE_SECONDS = 0.25
"""A worker that has waited this long gives its heap back too: nobody waits for those milliseconds."""

CODECS = (
    *("ascii", "latin-1", "cp1252", "mac-roman", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "unicode-escape"),
    *("cp1250", "cp1251", "iso8859-2", "iso8859-15", "koi8-r"),
)
"""Text encodings that pictures' metadata, SVG files (the second line) and our own error texts use. Python loads a
codec's file at its first use, and by then a worker can open none."""

MOST_DESCRIPTORS = 1 + MAX_LAYERS
"""An original and those of its image layers."""

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


def _nothing_rare(_cpu_seconds: float, _memory_bytes: int) -> None:
    """Stand in where there are no rare formats."""


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
    open_rare: Callable[[float, int], None] = _nothing_rare
    """Load the decoders of rare formats, and arm the limits of a drawing: CPU-seconds and bytes."""


class Closed(Exception):
    """The server has gone away or has no more work for this worker."""


class Channel:
    """The worker's end of the socket: whole requests in (with the original's descriptor), whole answers out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def waiting(self, seconds: float) -> bool:
        """Whether a request comes within `seconds`."""
        return bool(select.select([self._sock], [], [], seconds)[0])

    def receive(self) -> tuple[protocol.Request, list[int]]:
        """Return the next request and the descriptors that came with it; Closed when there is none."""
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        data, ancillary, _flags, _address = self._sock.recvmsg(protocol.REQUEST_BYTES, room)
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        frame = bytearray(data)
        self._fill(frame, protocol.REQUEST_PREFIX.size)
        (length,) = protocol.REQUEST_PREFIX.unpack_from(frame)
        self._fill(frame, protocol.REQUEST_PREFIX.size + length)
        request = protocol.parse_request(frame[protocol.REQUEST_PREFIX.size :])
        return request, list(descriptors)

    def _fill(self, frame: bytearray, length: int) -> None:
        while len(frame) < length:
            more = self._sock.recv(length - len(frame))
            if not more:
                raise Closed
            frame += more

    def send(self, answer: protocol.Answer, body: bytes = b"") -> None:
        """Send an answer and its body; Closed when nobody listens."""
        head = protocol.answer_head(answer, len(body))
        try:
            sent = self._sock.sendmsg([head, body])
            if sent < len(head):
                self._sock.sendall(head[sent:])
                sent = len(head)
            self._sock.sendall(memoryview(body)[sent - len(head) :])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error


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


def allow_cpu(seconds: float) -> None:
    """Move the soft RLIMIT_CPU up to `seconds` from now, rounded up; beyond it SIGXCPU ends the process."""
    soft = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


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


def run(sock: socket.socket, tasks: Tasks) -> None:
    """Serve jobs from `sock` until it closes. The first message is the `Setup`; the first answer is `Ready`."""
    leave_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    channel = Channel(sock)
    with contextlib.suppress(Closed):
        setup, _none = channel.receive()
        if not isinstance(setup, protocol.Setup):
            raise TypeError("the first message to a worker is its setup")
        revision = tasks.start() + ("+linear-light" if setup.linear_light else "")  # the same recipe, other pixels
        tasks.load_fonts(setup.fonts)
        reads = list(tasks.readable())
        if setup.rare:
            tasks.open_rare(setup.drawing_cpu_seconds, setup.drawing_memory_bytes)
        for name in CODECS:
            codecs.lookup(name)
        meter = Meter()
        heap = Heap(meter)
        gc.collect()
        gc.freeze()  # what is loaded by now stays; the collector need not walk it between two pictures
        confined = confine(setup.memory_bytes)
        channel.send(protocol.Ready(revision, confined, meter.resting(), reads))
        while True:
            if not channel.waiting(IDLE_SECONDS):
                heap.give_back(0)
            request, descriptors = channel.receive()
            allow_cpu(setup.cpu_seconds)
            meter.begin()
            answer, body = answer_to(tasks, setup, request, descriptors, meter)
            channel.send(answer, body)
            del answer, body
            heap.give_back(TRIM_BYTES)


def production_tasks() -> Tasks:
    """The real engine; imported here, so that a test's worker need not load libvips."""
    from imagemill.engine import inspect, libvips, probe, render, render_set
    from imagemill.engine.rare import budget, decoder
    from imagemill.engine.steps import text

    def start() -> str:
        libvips.start()
        return libvips.revision()

    def open_rare(cpu_seconds: float, memory_bytes: int) -> None:
        decoder.load_all()
        budget.DRAWING.arm(cpu_seconds, memory_bytes)

    return Tasks(
        start=start,
        probe=probe.probe,
        verify=probe.verify,
        inspect=inspect.inspect,
        render=render.render,
        render_set=render_set.render_set,
        load_fonts=text.load_fonts,
        readable=decoder.readable,
        open_rare=open_rare,
    )


def main(tasks: Callable[[], Tasks] = production_tasks) -> int:
    """Run a worker on the descriptor named by the last argument; its last line on stderr says why it cannot."""
    try:
        run(socket.socket(fileno=int(sys.argv[-1])), tasks())
    except Exception as error:  # noqa: BLE001 - the last thing this process says, whatever went wrong
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    # Not sys.exit: tearing libvips down takes longer than letting the kernel do it, and nothing is left to flush.
    status = main()
    sys.stderr.flush()
    os._exit(status)
