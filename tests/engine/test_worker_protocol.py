from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagemill import errors
from imagemill.engine import answer_reader, protocol
from imagemill.engine.answer_reader import AnswerReader
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job
from imagemill.engine.protocol import Answer, Cost, Failed, Garbage, Made, Ready, Seen
from imagemill.recipe.model import FocalPoint, Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Fit, Format

COST = Cost(0.5, 1000, 900)
FACTS = Facts(format="jpeg", width=640, height=480, profile="sRGB")


def read(reader: AnswerReader, data: bytes, cuts: Sequence[int] = ()) -> list[tuple[Answer, bytes]]:
    """Feed bytes in pieces of the given sizes (the last size repeats for ever); return the answers."""
    found: list[tuple[Answer, bytes]] = []
    at, piece = 0, 0
    while at < len(data):
        room = reader.room()
        size = cuts[min(piece, len(cuts) - 1)] if cuts else len(room)
        chunk = data[at : at + min(size, len(room))]
        room[: len(chunk)] = chunk
        whole = reader.advance(len(chunk))
        if whole is not None:
            found.append(whole)
        at += len(chunk)
        piece += 1
    return found


@settings(deadline=None)  # the machine is shared; time is not what is tested
@given(
    length=st.sampled_from([1, 100, 65_500, 65_536, 70_000, 200_000]),
    cuts=st.lists(st.integers(1, 70_000), min_size=1, max_size=20),
)
def test_an_answer_is_the_same_however_the_socket_cuts_it(length: int, cuts: list[int]) -> None:
    """An answer and its body come out whole from pieces of any size, one after the other."""
    body = bytes(range(256)) * (length // 256 + 1)
    body = body[:length]
    made = Made(3, 2, 1, COST)
    reader = AnswerReader(1 << 20)
    cuts = [*cuts, max(*cuts, 1000)]
    for _ in range(2):
        assert read(reader, protocol.answer_head(made, length) + body, cuts) == [(made, body)]
        assert read(reader, protocol.answer_head(Seen(FACTS, COST)), cuts) == [(Seen(FACTS, COST), b"")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(protocol.ANSWER_PREFIX.pack(0, 0), id="an empty head"),
        pytest.param(protocol.ANSWER_PREFIX.pack(protocol.HEAD_BYTES + 1, 0), id="a head beyond the bound"),
        pytest.param(protocol.ANSWER_PREFIX.pack(10, 1001), id="a body beyond the bound"),
        pytest.param(protocol.ANSWER_PREFIX.pack(4, 0) + b"\xff\xff\xff\xff", id="a head that is no message"),
        pytest.param(protocol.answer_head(Seen(FACTS, COST), 4) + b"abcd", id="a body after facts"),
        pytest.param(protocol.answer_head(Made(3, 2, 1, COST)), id="no body after a variant"),
        pytest.param(protocol.answer_head(Made(3, 2, 1, COST), 2) + b"abc", id="a byte too many"),
        pytest.param(protocol.answer_head(Made(0, 2, 1, COST), 2) + b"ab", id="no width"),
        pytest.param(protocol.answer_head(Made(3, 1 << 24, 1, COST), 2) + b"ab", id="a height beyond any picture"),
        pytest.param(protocol.answer_head(Made(3, 2, 0, COST), 2) + b"ab", id="no page"),
        pytest.param(protocol.answer_head(Made(3, 2, 1, Cost(math.nan, 0, 0)), 2) + b"ab", id="a cost of no number"),
        pytest.param(protocol.answer_head(Made(3, 2, 1, Cost(0, -1, 0)), 2) + b"ab", id="a negative peak"),
        pytest.param(protocol.answer_head(Seen(replace(FACTS, width=-5), COST)), id="a negative width"),
        pytest.param(protocol.answer_head(Seen(replace(FACTS, format="x" * 65), COST)), id="a long word"),
        pytest.param(protocol.answer_head(Seen(replace(FACTS, profile="\x1b[2J"), COST)), id="a control character"),
        pytest.param(protocol.ANSWER_PREFIX.pack(9, 0) + b"\x94\xa4seen\x01\x02\x03", id="a message of another shape"),
    ],
)
def test_what_no_healthy_worker_sends_is_garbage(data: bytes) -> None:
    """Lengths, numbers and words from a worker are believed only within bounds."""
    with pytest.raises(Garbage):
        read(AnswerReader(1000), data)


def test_no_memory_is_set_aside_for_a_length_that_is_only_claimed() -> None:
    """A claimed body beyond the bound is refused from the first eight bytes."""
    reader = AnswerReader(1000)
    room = reader.room()
    room[:8] = protocol.ANSWER_PREFIX.pack(20, 0xFFFFFFFF)
    with pytest.raises(Garbage):
        reader.advance(8)


@pytest.mark.parametrize(
    "error",
    [
        errors.NotAnImage("Not one."),
        errors.Unprocessable("Too many.", code="too_many_pixels"),
        errors.InvalidRequest("Wrong.", faults=(errors.Fault("w", "1…8192", "0"), errors.Fault("q", "1…100", "x"))),
        errors.NotFound("No page 7."),
        errors.NotBuilt("Later.", row="T5", faults=(errors.Fault("g", "", "faces"),)),
    ],
)
def test_an_error_crosses_the_socket_unchanged(error: errors.ImagemillError) -> None:
    """Class, code, sentence, faults and row of our errors survive."""
    encoded = protocol.answer_head(protocol.failed_with(error, COST))
    ((failed, _body),) = read(AnswerReader(0), encoded)
    assert isinstance(failed, Failed)
    back = protocol.error_of(failed)
    assert type(back) is type(error)
    assert (back.code, back.kind, back.sentence, back.faults) == (error.code, error.kind, error.sentence, error.faults)
    assert getattr(back, "row", None) == getattr(error, "row", None)


def test_a_surprise_shows_no_detail() -> None:
    """An exception that is not ours becomes a plain sentence; its text is for the log."""
    failed = protocol.failed_with(KeyError("/srv/secret"), COST, detail="KeyError: /srv/secret")
    error = protocol.error_of(failed)
    assert "secret" not in error.sentence
    assert error.code == "internal"
    assert "secret" in failed.detail


@pytest.mark.parametrize("word", ["Refused", "Unauthenticated", "StorageFull", "SystemExit", ""])
def test_a_worker_cannot_speak_for_other_parts(word: str) -> None:
    """Only errors about the picture may come from a worker; others become a plain failure."""
    error = protocol.error_of(Failed(word, "x", "y", [], "", False, "", COST))
    assert type(error) is errors.ImagemillError


def test_running_out_of_memory_is_too_complex() -> None:
    """MemoryError is a broken limit of the job, not a bug of ours."""
    failed = protocol.failed_with(MemoryError(), COST)
    assert failed.exhausted
    assert protocol.error_of(failed).code == "too_complex"


def test_a_job_crosses_the_socket_unchanged() -> None:
    """Recipe, format, facts, focal point and estimate survive."""
    recipe = Recipe(resize=Resize(width=Pixels(300), height=Pixels(200), fit=Fit.COVER), blur=2.5)
    job = Job(recipe=recipe, format=Format.AVIF, facts=FACTS, focal=FocalPoint(0.25, 0.5), estimate=0.125)
    frame = protocol.request_frame(protocol.Render(77, protocol.order_of(job)))
    request = protocol.parse_request(frame[protocol.REQUEST_PREFIX.size :])
    assert isinstance(request, protocol.Render)
    assert request.size == 77
    assert protocol.job_of(request.order) == job


def test_the_layers_of_a_job_cross_the_socket_with_it() -> None:
    """The facts come back in the job, the sizes stand beside them."""
    job = Job(
        recipe=Recipe(), format=Format.PNG, facts=FACTS, layers=(replace(FACTS, width=8), replace(FACTS, width=9))
    )
    order = protocol.order_of(job, [5, 6])
    assert protocol.job_of(order) == job
    assert [layer.size for layer in order.layers] == [5, 6]
    with pytest.raises(ValueError, match="longer"):
        protocol.order_of(job, [5])


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5, answer_reader.SIDE)])
def test_pages_of_impossible_size_are_garbage(size: tuple[int, int]) -> None:
    """What a worker says of later pages is held to the same bounds as the first."""
    with pytest.raises(Garbage):
        read(AnswerReader(0), protocol.answer_head(Seen(replace(FACTS, page_sizes=((3, 2), size)), COST)))


def test_a_set_comes_out_in_its_parts() -> None:
    """The variants of a set are cut out of the body in their order."""
    parts = [protocol.Part(3, 2, 1, 4), protocol.Part(6, 4, 1, 3)]
    made = protocol.MadeSet(parts, COST)
    reader = AnswerReader(0)
    reader.expect(7)
    ((answer, body),) = read(reader, protocol.answer_head(made, 7) + b"fourthr")
    assert answer == made
    assert protocol.pieces(parts, body) == [b"four", b"thr"]


@pytest.mark.parametrize(
    ("parts", "length"),
    [([], 0), ([(3, 2, 1, 4)], 5), ([(3, 2, 1, 0)], 0), ([(3, 2, 1, 9), (3, 2, 1, -4)], 5), ([(0, 2, 1, 5)], 5)],
    ids=["no part", "too short", "an empty part", "a part below zero", "no width"],
)
def test_a_set_that_cannot_be_is_garbage(parts: list[tuple[int, int, int, int]], length: int) -> None:
    """The parts of a set are its whole."""
    made = protocol.MadeSet([protocol.Part(*part) for part in parts], COST)
    with pytest.raises(Garbage):
        read(AnswerReader(10), protocol.answer_head(made, length) + bytes(length))


@pytest.mark.parametrize(
    "request_",
    [protocol.Probe(5), protocol.Verify(6), protocol.Inspect(7, FACTS), protocol.Setup(Limits(frames=3), 1.5, 99, 70)],
    ids=lambda request: type(request).__name__,
)
def test_a_request_crosses_the_socket_unchanged(request_: protocol.Request) -> None:
    """The other requests survive too."""
    frame = protocol.request_frame(request_)
    assert protocol.REQUEST_PREFIX.unpack_from(frame) == (len(frame) - 4,)
    assert protocol.parse_request(frame[4:]) == request_


def test_a_request_longer_than_any_recipe_is_a_mistake() -> None:
    """A frame that would not fit into the socket at once is refused before it is sent."""
    request = protocol.Render(1, protocol.Order("x" * protocol.REQUEST_BYTES, Format.JPEG, FACTS, None, 0, []))
    with pytest.raises(ValueError, match="at most"):
        protocol.request_frame(request)


def test_hello_crosses_the_socket_unchanged() -> None:
    """The first words of a worker survive."""
    hello = Ready("vips 8.18", ["limits"], 5)
    assert read(AnswerReader(0), protocol.answer_head(hello)) == [(hello, b"")]
    assert msgspec.msgpack.decode(protocol.answer_head(hello)[8:])[0] == "ready"
