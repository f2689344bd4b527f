"""What the server and a worker say to each other, and how the bytes are framed.

Separate from `worker` and `worker_process`, the two ends, so that both read one definition. The two directions are not
alike. A request comes from the server and is trusted. An answer comes from a process that has fed a stranger's bytes to
a decoder, so each length is bounded before memory is set aside, each field is checked, and nothing in it is code (no
pickle). One request at a time travels on a socket, so bytes beyond an answer mean a broken worker.

    request   length (4 bytes, network order) · msgpack of a `Request`; the originals' descriptors ride with it
    answer    length of the head (4) · length of the body (4) · msgpack of an `Answer` · the variant's bytes
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence

import msgspec

from imagemill import errors
from imagemill.engine.findings import MAX_BYTES, Findings, decode_findings, encode_findings
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job
from imagemill.recipe.canonical import parse_canonical, text_of
from imagemill.recipe.model import FocalPoint
from imagemill.recipe.vocabulary import Format

REQUEST_PREFIX = struct.Struct("!I")
ANSWER_PREFIX = struct.Struct("!II")

REQUEST_BYTES = 64 * 1024
"""A request's longest frame. A URL is at most 8 KB, so a recipe's text is far below; a socket buffer holds it whole."""

HEAD_BYTES = 32 * 1024
"""The longest head of an answer: an error with every fault of a recipe is a few KB."""

FINDINGS_BYTES = MAX_BYTES
"""The longest body of an answer to `Inspect`; what a picture says of itself is cut long before."""

SET_BYTES = 256 * 1024 * 1024
"""The most bytes that the variants of one set have together."""

SENTENCE_LENGTH = 1000
FAULT_COUNT = 64
WORD_LENGTH = 64


class Garbage(Exception):
    """A worker said something that no healthy worker says; it is killed."""


class Setup(msgspec.Struct, frozen=True, tag="setup", array_like=True):
    """The first message to a worker: the rules that hold for all its jobs; `fonts` is the operator's folder.

    `rare` makes it a worker of rare formats, which may draw (an SVG) within the last two limits.
    """

    limits: Limits
    cpu_seconds: float
    memory_bytes: int
    quality: int
    fonts: str = ""
    rare: bool = False
    drawing_cpu_seconds: float = 2.0
    drawing_memory_bytes: int = 256 * 1024 * 1024
    linear_light: bool = False


class Probe(msgspec.Struct, frozen=True, tag="probe", array_like=True):
    """Read the header of an original of `size` bytes."""

    size: int


class Verify(msgspec.Struct, frozen=True, tag="verify", array_like=True):
    """Decode every pixel of an original of `size` bytes."""

    size: int


class Inspect(msgspec.Struct, frozen=True, tag="inspect", array_like=True):
    """Tell everything of an original of `size` bytes and these `facts`."""

    size: int
    facts: Facts


class Layer(msgspec.Struct, frozen=True, array_like=True):
    """One image layer's original: its size in bytes and what is known of it."""

    size: int
    facts: Facts


class Order(msgspec.Struct, frozen=True, array_like=True):
    """A job in writing; `recipe` is the canonical text, the one spelling that is tested to be lossless."""

    recipe: str
    format: Format
    facts: Facts
    focal: FocalPoint | None
    estimate: float
    layers: list[Layer]


class Render(msgspec.Struct, frozen=True, tag="render", array_like=True):
    """Make a variant of an original of `size` bytes; the layers' descriptors follow the original's."""

    size: int
    order: Order


class RenderSet(msgspec.Struct, frozen=True, tag="set", array_like=True):
    """Make many variants of one original of `size` bytes."""

    size: int
    orders: list[Order]


Request = Setup | Probe | Verify | Inspect | Render | RenderSet


class Cost(msgspec.Struct, frozen=True, array_like=True):
    """What one job took: CPU-seconds of all threads, the highest and the resting resident memory in bytes."""

    cpu_seconds: float
    peak_bytes: int
    resting_bytes: int


class Ready(msgspec.Struct, frozen=True, tag="ready", array_like=True):
    """A worker's first words: the engine's revision, what confines it (words of `confinement`), resting memory.

    `reads` are the formats that this installation reads, whichever class of worker reads them (words of `sniff`).
    """

    revision: str
    confined: list[str]
    resting_bytes: int
    reads: list[str] = []


class Seen(msgspec.Struct, frozen=True, tag="seen", array_like=True):
    """The answer to `Probe` and `Verify`."""

    facts: Facts
    cost: Cost


class Made(msgspec.Struct, frozen=True, tag="made", array_like=True):
    """The answer to `Render`; the variant's bytes follow as the body."""

    width: int
    height: int
    pages: int
    cost: Cost


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One variant of a set: its size in pixels, its frames, how many of the body's bytes are its own."""

    width: int
    height: int
    pages: int
    length: int


class MadeSet(msgspec.Struct, frozen=True, tag="madeset", array_like=True):
    """The answer to `RenderSet`; the variants' bytes follow as the body, one after the other."""

    parts: list[Part]
    cost: Cost


class Told(msgspec.Struct, frozen=True, tag="told", array_like=True):
    """The answer to `Inspect`; the findings follow as the body, in JSON."""

    cost: Cost


class Failed(msgspec.Struct, frozen=True, tag="failed", array_like=True):
    """The job ended in one of our errors, or in a surprise (`error` is then "ImagemillError").

    `faults` are (option, expected, received). `exhausted` says that memory ran out inside the worker: a broken limit,
    like a kill from outside. `detail` is for the log only.
    """

    error: str
    code: str
    sentence: str
    faults: list[tuple[str, str, str]]
    row: str
    exhausted: bool
    detail: str
    cost: Cost


Success = Seen | Made | MadeSet | Told
Answer = Ready | Success | Failed

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)

_RAISED: dict[str, type[errors.ImagemillError]] = {
    kind.__name__: kind for kind in (errors.InvalidRequest, errors.NotFound, errors.NotAnImage, errors.Unprocessable)
}
"""The errors a worker may speak for. Any other word from it becomes a plain failure of ours."""


def order_of(job: Job, layer_sizes: Sequence[int] = ()) -> Order:
    """Return `job` in writing; ValueError where there are not as many layers' originals as facts of them."""
    layers = [Layer(size, facts) for size, facts in zip(layer_sizes, job.layers, strict=True)]
    return Order(text_of(job.recipe), job.format, job.facts, job.focal, job.estimate, layers)


def job_of(order: Order) -> Job:
    """Return the job that `order_of` wrote down."""
    return Job(
        recipe=parse_canonical(order.recipe),
        format=order.format,
        facts=order.facts,
        focal=order.focal,
        estimate=order.estimate,
        layers=tuple(layer.facts for layer in order.layers),
    )


def findings_body(findings: Findings) -> bytes:
    """Return findings as the body of an answer."""
    return encode_findings(findings)


def findings_of(body: bytes) -> Findings:
    """Return the findings in a body; Garbage where they are none."""
    try:
        return decode_findings(body)
    except ValueError as error:
        raise Garbage(f"findings that are none of ours: {error}") from error


def pieces(parts: Sequence[Part], body: bytes) -> list[bytes]:
    """Return the variants of a set; `parts` and `body` have been checked against each other."""
    ends = list(itertools.accumulate(part.length for part in parts))
    return [body[end - part.length : end] for part, end in zip(parts, ends, strict=True)]


def request_frame(request: Request) -> bytes:
    """Return the bytes of a request; ValueError where it is longer than any recipe can be."""
    body = _encoder.encode(request)
    if len(body) > REQUEST_BYTES:
        raise ValueError(f"expected a request of at most {REQUEST_BYTES} bytes, received {len(body)}")
    return REQUEST_PREFIX.pack(len(body)) + body


def parse_request(body: bytes | bytearray) -> Request:
    """Return the request in a frame's body."""
    return _requests.decode(body)


def answer_head(answer: Answer, body_length: int = 0) -> bytes:
    """Return the prefix and head of an answer whose body of `body_length` bytes follows."""
    head = _encoder.encode(answer)
    return ANSWER_PREFIX.pack(len(head), body_length) + head


def failed_with(error: BaseException, cost: Cost, *, detail: str = "") -> Failed:
    """Return the message for an exception; only our own errors may show their sentence."""
    if isinstance(error, MemoryError):
        sentence = "The image needs more memory than one job may use."
        return Failed("Unprocessable", "too_complex", sentence, [], "", True, detail, cost)
    if not isinstance(error, errors.ImagemillError):
        return Failed("ImagemillError", "internal", "The image could not be processed.", [], "", False, detail, cost)
    faults = [(fault.option, fault.expected, fault.received) for fault in error.faults[:FAULT_COUNT]]
    row = error.row if isinstance(error, errors.NotBuilt) else ""
    sentence = error.sentence[:SENTENCE_LENGTH]
    return Failed(type(error).__name__, error.code, sentence, faults, row, False, detail, cost)


def error_of(failed: Failed) -> errors.ImagemillError:
    """Return the error that a worker named, of the class it had there."""
    sentence = failed.sentence[:SENTENCE_LENGTH]
    faults = tuple(errors.Fault(*parts) for parts in failed.faults[:FAULT_COUNT])
    if failed.error == "NotBuilt":
        return errors.NotBuilt(sentence, row=failed.row[:WORD_LENGTH], faults=faults)
    kind = _RAISED.get(failed.error)
    if kind is None:
        return errors.ImagemillError("The image could not be processed.")
    return kind(sentence, code=failed.code[:WORD_LENGTH], faults=faults)
