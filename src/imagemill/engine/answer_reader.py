"""A worker's answer, put together from the pieces that a socket gives, and checked before anything of it is believed.

Separate from `protocol`, which both ends read: this is the server's side alone, where the other is not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from imagemill.engine.port import SET_JOBS, Facts
from imagemill.engine.protocol import (
    ANSWER_PREFIX,
    HEAD_BYTES,
    WORD_LENGTH,
    Answer,
    Failed,
    Garbage,
    Made,
    MadeSet,
    Part,
    Ready,
    Seen,
    Told,
)

FIRST_READ_BYTES = 64 * 1024
"""Room for the first read of an answer: most thumbnails arrive whole in one system call."""

SIDE = 1 << 24
PAGES = 1 << 20
"""More than any picture has of either that a worker may speak of."""

_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def _check(answer: Answer) -> None:
    """Raise Garbage where a number or word of the answer is one that no picture has."""
    if isinstance(answer, Ready):
        return
    cost = answer.cost
    if not (math.isfinite(cost.cpu_seconds) and cost.cpu_seconds >= 0 <= cost.peak_bytes and cost.resting_bytes >= 0):
        raise Garbage("a cost below zero")
    if isinstance(answer, Failed | Told):
        return
    for shape in _shapes(answer):
        if not (0 < shape.width < SIDE and 0 < shape.height < SIDE and 0 < shape.pages < PAGES):
            raise Garbage("a picture of impossible size")
    if isinstance(answer, Seen):
        words = (answer.facts.format, answer.facts.colour, answer.facts.profile or "-")
        if not all(0 < len(word) <= WORD_LENGTH and word.isprintable() for word in words):
            raise Garbage("a word that is none of ours")
        if not all(0 < side < SIDE for size in answer.facts.page_sizes for side in size):
            raise Garbage("a page of impossible size")


def _shapes(answer: Seen | Made | MadeSet) -> Sequence[Facts | Made | Part]:
    """Whatever in an answer has a width, a height and pages."""
    if isinstance(answer, MadeSet):
        return answer.parts
    return (answer.facts,) if isinstance(answer, Seen) else (answer,)


def _check_body(answer: Answer, length: int) -> None:
    """Raise Garbage where the body is longer or shorter than its head says."""
    if isinstance(answer, MadeSet):
        if not 0 < len(answer.parts) <= SET_JOBS or any(part.length <= 0 for part in answer.parts):
            raise Garbage("a set that cannot be")
        if sum(part.length for part in answer.parts) != length:
            raise Garbage("a set whose parts are not its whole")
    elif bool(length) != isinstance(answer, Made | Told):
        raise Garbage("a body where none belongs, or none where one does")


class AnswerReader:
    """Puts one answer together from the pieces a socket gives; does no input or output itself.

    Read into `room()`, say how much came with `advance(count)`; it returns the answer and its body once whole, and is
    then ready for the next. Raises Garbage for anything a healthy worker does not send.
    """

    def __init__(self, body_bytes: int) -> None:
        """`body_bytes` is the longest body that is believed, until `expect` says otherwise."""
        self._body_bytes = body_bytes
        self._first = bytearray(FIRST_READ_BYTES)
        self._view = memoryview(self._first)
        self._reset()

    def _reset(self) -> None:
        self._filled = 0
        self._answer: Answer | None = None
        self._body = b""
        self._large: memoryview | None = None

    def expect(self, body_bytes: int) -> None:
        """Believe a body of at most so many bytes from now on."""
        self._body_bytes = body_bytes

    def room(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return (self._large if self._large is not None else self._view)[self._filled :]

    def advance(self, count: int) -> tuple[Answer, bytes] | None:
        """Take `count` new bytes of `room()`; return the whole answer, or None while some of it is missing."""
        self._filled += count
        if self._large is None and not self._open():
            return None
        answer = self._answer
        if answer is None:
            return None
        if self._large is not None:
            if self._filled < len(self._large):
                return None
            self._body = bytes(self._large)
        body = self._body
        self._reset()
        return answer, body

    def _open(self) -> bool:
        """Read the prefix and the head, and set aside the body; False while they are not all there."""
        if self._filled < ANSWER_PREFIX.size:
            return False
        head_length, body_length = ANSWER_PREFIX.unpack_from(self._first)
        if not 0 < head_length <= HEAD_BYTES or body_length > self._body_bytes:
            raise Garbage(f"an answer of {head_length} and {body_length} bytes")
        body_at = ANSWER_PREFIX.size + head_length
        if self._filled < body_at:
            return False
        try:
            answer = _answers.decode(self._view[ANSWER_PREFIX.size : body_at])
        except msgspec.DecodeError as error:
            raise Garbage(f"an answer that is none of ours: {error}") from error
        _check(answer)
        _check_body(answer, body_length)
        if self._filled > body_at + body_length:
            raise Garbage("more bytes than one answer has")
        self._answer = answer
        if self._filled == body_at + body_length:
            self._body = bytes(self._view[body_at : self._filled])
            return True
        self._large = memoryview(bytearray(body_length))
        here = self._filled - body_at
        self._large[:here] = self._view[body_at : self._filled]
        self._filled = here
        return True
