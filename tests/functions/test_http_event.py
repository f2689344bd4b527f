"""What a request says reaches the application as it was written, and what is answered goes back whole."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.functions.http_events import CLIENT, SHAPES, Answered, Event, function_url, gateway_1, gateway_2

from imagemill.functions.bridge import MOST_BODY, Answer, call, problem, result_of, scope_of
from imagemill.functions.http_event import HttpEvent, NotHttp, read_event
from imagemill.gateway.asgi import Receive, Scope, Send

PATH = "/img/w=300,fm=webp/caf%C3%A9/a%20b+c%2Cd.jpg"


@pytest.mark.parametrize("shape", SHAPES)
def test_method_path_query_headers_client_and_body_arrive(shape: str) -> None:
    """In every shape: the raw path, parameters, lower-case header names, the address that Lambda names."""
    event = SHAPES[shape](f"{PATH}?v=0123456789ab&s=a-_b", "POST", {"Accept": "image/webp"}, body=b"\x00\xff")
    request = read_event(event)
    assert request.method == "POST"
    assert request.query == b"v=0123456789ab&s=a-_b"
    assert request.header(b"accept") == "image/webp"
    assert request.client == CLIENT
    assert request.body == b"\x00\xff"
    assert request.from_function_url is (shape == "function URL")
    assert request.header(b"host")


@pytest.mark.parametrize("make", [function_url, gateway_1])
def test_a_raw_path_stays_itself(make: Any) -> None:
    """Byte for byte: escapes stay escapes, in their own spelling."""
    for path in (PATH, "/img/_/%2e%2E/x", "/img/_/a%2Fb", "/img/_/%ff", "/img/_/a//b", "/img/w=1,h=2&q=3/x", "/"):
        assert read_event(make(path)).path == path.encode(), path


@pytest.mark.parametrize(
    ("decoded", "path"),
    [
        ("/img/_/café/a b.jpg", b"/img/_/caf%C3%A9/a%20b.jpg"),
        ("/img/_/50% off?.jpg", b"/img/_/50%25%20off%3F.jpg"),
        ("/img/_/\x00\x7f\\|", b"/img/_/%00%7F%5C%7C"),
        ("img/_/x.jpg", b"/img/_/x.jpg"),
        ("/img/_/\ud800.jpg", b"/img/_/%ED%A0%80.jpg"),
    ],
)
def test_what_was_decoded_on_the_way_is_encoded_again(decoded: str, path: bytes) -> None:
    """An HTTP API shows a decoded path: what no URL can hold is escaped, so that it means the same."""
    event = function_url("/")
    event["rawPath"] = decoded
    assert read_event(event).path == path


def test_the_stage_of_an_api_is_no_part_of_the_path() -> None:
    """`/prod` stands before the path of a stage with a name."""
    assert read_event(gateway_2("/img/w=1/a.jpg")).path == b"/img/w=1/a.jpg"


def test_decoded_parameters_are_written_again() -> None:
    """Names, values, several of a name, none: API Gateway 1.0 has decoded them."""
    event = gateway_1("/x?a=1&a=2&b=%26%3D%2B&c=&d=%20")
    assert read_event(event).query == b"a=1&a=2&b=%26%3D%2B&c=&d=%20"
    event["multiValueQueryStringParameters"] = None
    event["queryStringParameters"] = {"v": "ab"}
    assert read_event(event).query == b"v=ab"


def test_cookies_and_headers_that_came_twice() -> None:
    """Payload 2.0 has cookies apart; payload 1.0 names each value, and two Hosts stay two."""
    request = read_event(function_url("/", cookies=("a=1", "b=2")))
    assert request.header(b"cookie") == "a=1; b=2"
    event = gateway_1("/")
    event["multiValueHeaders"]["Host"] = ["a", "b"]
    assert [value for name, value in read_event(event).headers if name == b"host"] == [b"a", b"b"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"version": "2.0"},
        {"version": "2.0", "requestContext": {}},
        {"version": "2.0", "requestContext": {"http": {"method": "GET"}}},
        {"httpMethod": "GET"},
        {"httpMethod": "GET", "path": 7},
        {**function_url("/"), "isBase64Encoded": True, "body": "not base64!"},
        {**function_url("/"), "headers": {"na\u00efve": "x"}},
    ],
)
def test_an_event_that_is_no_request_is_said_to_be_none(event: Event) -> None:
    """With what was expected; nothing of a stranger's event is called."""
    with pytest.raises(NotHttp, match="event"):
        read_event(event)


def test_the_scope_is_that_of_a_server() -> None:
    """Raw path and query, header pairs, client: what our gateway reads of a scope."""
    scope = scope_of(read_event(function_url(f"{PATH}?v=1", headers={"x-request-id": "mine"})))
    assert scope["raw_path"] == PATH.encode()
    assert scope["path"] == "/img/w=300,fm=webp/café/a b+c,d.jpg"
    assert scope["query_string"] == b"v=1"
    assert scope["client"] == (CLIENT, 0)
    assert [value for name, value in scope["headers"] if name == b"x-request-id"] == [b"mine"]


def test_a_request_without_an_id_gets_lambdas() -> None:
    """So that a log line of ours and one of Lambda's are found together."""
    scope = scope_of(read_event(function_url("/")))
    assert (b"x-request-id", b"e1506fd5-9e7b-434f-bd42-4f8fa224b599") in scope["headers"]


def answered(headers: list[tuple[bytes, bytes]], body: bytes = b"", status: int = 200) -> Answer:
    """Return an answer."""
    return Answer(status, headers, body)


def test_bytes_go_as_base64_and_texts_as_they_are() -> None:
    """A picture is base64, a problem a text, a text that is none base64, nothing an empty text."""
    assert result_of(answered([(b"content-type", b"image/webp")], b"RIFF\xff"), "2.0")["isBase64Encoded"] is True
    shown = result_of(answered([(b"content-type", b"application/problem+json")], b'{"a":"\xc3\xa9"}'), "2.0")
    assert (shown["body"], shown["isBase64Encoded"]) == ('{"a":"é"}', False)
    assert result_of(answered([(b"content-type", b"text/plain")], b"\xff"), "1.0")["isBase64Encoded"] is True
    assert result_of(answered([(b"content-type", b"application/json")], b"1" * 600_000), "1.0")["isBase64Encoded"]
    assert result_of(answered([], b""), "2.0")["body"] == ""


def test_an_answer_without_a_type_gets_none() -> None:
    """304 and 204 have no Content-Type, and nobody adds one."""
    assert result_of(answered([(b"etag", b'"x"')], status=304), "2.0")["headers"] == {"etag": '"x"'}


def test_headers_that_come_twice_are_joined_and_cookies_stay_apart() -> None:
    """Payload 2.0 takes one value of a name, payload 1.0 all of them; any byte survives."""
    pairs = [(b"link", b"a"), (b"link", b"b"), (b"set-cookie", b"x=1"), (b"set-cookie", b"y=2"), (b"x-odd", b"\xe9")]
    two = result_of(answered(pairs), "2.0")
    assert two["headers"] == {"link": "a, b", "x-odd": "é"}
    assert two["cookies"] == ["x=1", "y=2"]
    one = result_of(answered(pairs), "1.0")
    assert one["multiValueHeaders"]["set-cookie"] == ["x=1", "y=2"]
    assert "headers" not in one


def test_the_longest_answer_stays_below_lambdas_limit() -> None:
    """Body in base64, headers and JSON around it: below 6 MB."""
    headers = [(b"content-type", b"image/png"), *((b"x-%d" % n, b"y" * 1000) for n in range(60))]
    text = json.dumps(result_of(answered(headers, b"\xff" * MOST_BODY), "2.0"))
    assert len(text) < 6 * 1024 * 1024


def asked(app: Any, event: Event | None = None) -> Answer:
    """Return what `app` answers."""

    async def run() -> Answer:
        return await asyncio.wait_for(call(app, read_event(event or function_url("/x"))), 60)

    return asyncio.run(run())


def test_an_application_that_fails_is_an_internal_problem() -> None:
    """A problem document, with nothing of the failure in it; before and after its answer had begun."""

    async def before(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret of the inside")

    async def after(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("secret of the inside")

    for app in (before, after):
        answer = asked(app)
        assert answer.status == 500
        assert json.loads(answer.body)["code"] == "internal"
        assert b"secret" not in answer.body


def test_a_body_is_read_once_and_then_nobody_leaves() -> None:
    """The second receive waits: an application that watches for it is not told that its client has gone."""
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        watching = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        seen.append(watching.done())
        watching.cancel()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    answer = asked(app, function_url("/x", "PUT", body=b"whole"))
    assert seen == [{"type": "http.request", "body": b"whole", "more_body": False}, False]
    assert (answer.status, answer.body) == (204, b"ab")


def test_an_answer_that_nothing_can_carry_is_an_error_not_a_broken_invocation() -> None:
    """Lambda would answer 502 with nothing of ours in it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * (MOST_BODY + 1)})

    answer = asked(app)
    assert answer.status == 500
    assert json.loads(answer.body)["code"] == "answer_too_long"


def test_a_problem_outside_of_the_application_is_cut_for_head() -> None:
    """HEAD has the headers of the answer to GET and no body (RFC 9110 section 9.3.2)."""
    from imagemill.errors import NotFound

    request: HttpEvent = read_event(function_url("/x", "HEAD"))
    answer = problem(NotFound("There is nothing at this address."), request)
    assert (answer.status, answer.body) == (404, b"")
    assert Answered(result_of(answer, "2.0")).headers["imagemill-error"] == "not_found"
