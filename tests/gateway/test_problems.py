from __future__ import annotations

import json

import pytest

from imagemill.errors import (
    Conflict,
    Fault,
    ImagemillError,
    InvalidRequest,
    Kind,
    MethodNotAllowed,
    NotAnImage,
    NotBuilt,
    NotFound,
    Overloaded,
    PreconditionFailed,
    RangeNotSatisfiable,
    Refused,
    StorageFull,
    StoreTooSlow,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unprocessable,
)
from imagemill.gateway.problems import STATUS, problem_response

ERRORS: list[tuple[ImagemillError, int]] = [
    (InvalidRequest("x"), 400),
    (Unauthenticated("x"), 401),
    (Refused("x"), 403),
    (NotFound("x"), 404),
    (MethodNotAllowed("x", allow=("GET", "PUT")), 405),
    (Conflict("x"), 409),
    (Refused("x", code="expired"), 410),
    (PreconditionFailed("x"), 412),
    (TooLarge("x"), 413),
    (InvalidRequest("x", code="url_too_long"), 414),
    (NotAnImage("x"), 415),
    (RangeNotSatisfiable("x", size=12), 416),
    (ImagemillError("x", kind=Kind.MISDIRECTED), 421),
    (Unprocessable("x"), 422),
    (TooMany("x"), 429),
    (ImagemillError("x"), 500),
    (NotBuilt("x", row="T5"), 501),
    (Overloaded("x"), 503),
    (StoreTooSlow("x"), 504),
    (StorageFull("x"), 507),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_each_error_has_its_status_and_the_members_of_a_problem(error: ImagemillError, status: int) -> None:
    """Every kind of error becomes the status of the contract with all members of RFC 9457 and our header."""
    got, headers, body = problem_response(error, "req1")
    fields = dict(headers)
    document = json.loads(body)
    assert got == status == document["status"]
    assert {"type", "title", "status", "detail", "code", "request_id"} <= document.keys()
    assert fields[b"imagemill-error"].decode() == document["code"] == error.code
    assert fields[b"content-type"] == b"application/problem+json"
    assert int(fields[b"content-length"]) == len(body)
    assert fields[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda value: str(value) if isinstance(value, int) else "")
def test_only_a_404_may_be_kept_and_only_where_that_is_said(error: ImagemillError, status: int) -> None:
    """For as many seconds as the front door says, and for none if that is 0; a refusal or failure never (C4)."""
    fields = dict(problem_response(error, "req1", not_found_max_age=7)[1])
    assert fields[b"cache-control"] == (b"public, max-age=7" if status == 404 else b"no-store")
    assert dict(problem_response(error, "req1", not_found_max_age=0)[1])[b"cache-control"] == b"no-store"


def test_every_kind_has_a_status() -> None:
    """No kind of error is without a number."""
    assert set(STATUS) == set(Kind)


@pytest.mark.parametrize(("seconds", "header"), [(None, b"1"), (0.01, b"1"), (1.0, b"1"), (1.2, b"2"), (30, b"30")])
def test_retry_after_is_a_whole_number_rounded_up(seconds: float | None, header: bytes) -> None:
    """Waiting exactly Retry-After seconds is always long enough."""
    assert dict(problem_response(Overloaded("x", retry_after=seconds), "r")[1])[b"retry-after"] == header


def test_particular_statuses_carry_their_own_header() -> None:
    """401 says how to authenticate, 405 what is allowed, 416 how long the object is."""
    assert dict(problem_response(Unauthenticated("x"), "r")[1])[b"www-authenticate"] == b'Bearer realm="imagemill"'
    assert dict(problem_response(MethodNotAllowed("x", allow=("GET", "PUT")), "r")[1])[b"allow"] == b"GET, PUT"
    assert dict(problem_response(RangeNotSatisfiable("x", size=12), "r")[1])[b"content-range"] == b"bytes */12"


def test_people_read_the_body_as_it_is_meant() -> None:
    """Quotes and letters are plain UTF-8; what a terminal would obey is escaped, and the value is the same for JSON."""
    body = problem_response(NotFound("“Größe 😀”"), "r")[2]
    assert "“Größe 😀”" in body.decode()
    sly = "a\x1b[2J\x9b2J\u202eb\u2028\U000e0001\x7f"
    body = problem_response(NotFound(sly), "r")[2]
    assert body.decode().isprintable()
    assert json.loads(body)["detail"] == sly


def test_several_faults_are_listed_and_no_character_breaks_the_body() -> None:
    """Each fault is listed, also when a received value is not valid Unicode."""
    error = InvalidRequest("x \ud800", faults=(Fault("w", "1…8192", "\ud800"), Fault("h", "1…8192", "0")))
    document = json.loads(problem_response(error, "r")[2])
    assert [one["option"] for one in document["errors"]] == ["w", "h"]
    assert document["errors"][0]["received"] == "\ud800"
