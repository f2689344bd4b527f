from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.control.control_kit import OWN_KEY, Control, assert_problem

PLACES = [
    ("GET", b"/v1/originals"),
    ("POST", b"/v1/originals"),
    ("PUT", b"/v1/originals/x"),
    ("GET", b"/v1/originals/x"),
    ("HEAD", b"/v1/originals/x"),
    ("PATCH", b"/v1/originals/x"),
    ("DELETE", b"/v1/originals/x"),
    ("GET", b"/v1/content/x"),
    ("GET", b"/v1/variants/x"),
    ("DELETE", b"/v1/variants/x"),
    ("POST", b"/v1/purges"),
    ("GET", b"/v1/presets"),
    ("PUT", b"/v1/presets/x"),
    ("GET", b"/v1/limits"),
    ("GET", b"/v1/explain"),
    ("GET", b"/v1/info/x"),
    ("GET", b"/v1/nothing"),
    ("OPTIONS", b"/v1/originals/x"),
    ("TRACE", b"/v1/originals/x"),
    ("PUT", b"/v1/originals/../x"),
    ("GET", b"/"),
]

WRONG: list[dict[str, str]] = [
    {},
    {"authorization": "Bearer"},
    {"authorization": "Bearer "},
    {"authorization": "Basic " + OWN_KEY},
    {"authorization": OWN_KEY},
    {"authorization": "Bearer " + OWN_KEY + "x"},
    {"authorization": "Bearer " + OWN_KEY[:-1]},
    {"authorization": "Bearer " + OWN_KEY + " " + OWN_KEY},
    {"x-api-key": ""},
    {"x-api-key": OWN_KEY.upper()},
    {"x-api-key": "é" * 40},
    {"cookie": "x-api-key=" + OWN_KEY},
]


async def untouchable() -> dict[str, Any]:
    """Fail when the body is asked for."""
    raise AssertionError("the body was read")


@pytest.fixture(scope="module")
def closed() -> Control:
    """Return an application that these tests never get into, so that all can share it."""
    return Control()


@pytest.mark.parametrize("headers", WRONG, ids=ascii)
@pytest.mark.parametrize(("method", "path"), PLACES)
def test_without_the_key_nothing_is_looked_at(
    closed: Control, method: str, path: bytes, headers: dict[str, str]
) -> None:
    """Every place answers 401 with a challenge to whoever shows no right key; no body is read, nothing is revealed."""

    async def run() -> None:
        everything = {**headers, "content-length": "99999999999999999999", "idempotency-key": "k" * 999}
        answer = await closed.raw(method, path, headers=everything, key=None, receive=untouchable)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="imagemill"'
        if method != "HEAD":
            assert_problem(answer, 401)

    asyncio.run(run())


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer " + OWN_KEY},
        {"authorization": "bearer  " + OWN_KEY},
        {"x-api-key": OWN_KEY},
        {"authorization": "Basic abc", "x-api-key": OWN_KEY},
    ],
)
def test_the_key_opens_in_either_header(headers: dict[str, str]) -> None:
    """Bearer and x-api-key both work."""

    async def run() -> None:
        answer = await Control().raw("GET", b"/v1/limits", headers=headers, key=None)
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers

    asyncio.run(run())


@pytest.mark.parametrize("query", [b"api_key=x", b"a=1&x-api-key=x", b"token=" + OWN_KEY.encode(), b"k=imk_abc"])
def test_a_key_in_the_url_is_refused(query: bytes) -> None:
    """A key in the query is 400 even beside a right header: people must not learn that it works."""

    async def run() -> None:
        answer = await Control().raw("GET", b"/v1/limits", query=query)
        assert_problem(answer, 400, "key_in_url")
        assert OWN_KEY.encode() not in answer.body

    asyncio.run(run())


def test_descriptions_are_open() -> None:
    """The document and its page need no key, and the page loads nothing from elsewhere."""

    async def run() -> None:
        control = Control()
        document = (await control.raw("GET", b"/openapi.json", key=None)).json()
        assert document["openapi"].startswith("3.1")
        assert set(document["paths"]) == {
            "/v1/originals",
            "/v1/originals/{key}",
            "/v1/content/{key}",
            "/v1/variants/{key}",
            "/v1/presets",
            "/v1/presets/{name}",
            "/v1/signing-keys",
            "/v1/signing-keys/{kid}",
            "/v1/signed-urls",
            "/v1/purges",
            "/v1/purges/{id}",
            "/v1/uploads",
            "/v1/uploads/{upload}",
            "/v1/uploads/{upload}/complete",
            "/v1/store-events",
            "/v1/limits",
            "/v1/explain",
            "/v1/info",
            "/v1/info/{key}",
        }
        content = document["paths"]["/v1/content/{key}"]["get"]["responses"]
        assert [list(content[status]["content"]) for status in ("200", "206")] == [["*/*"], ["*/*"]]
        put = document["paths"]["/v1/originals/{key}"]["put"]
        assert {"200", "201", "default"} <= put["responses"].keys()
        assert "requestBody" in put
        page = await control.raw("GET", b"/docs", key=None)
        assert page.status == 200
        assert b"http://" not in page.body
        assert b"https://" not in page.body
        assert b"src=" not in page.body
        assert "default-src 'none'" in page.headers["content-security-policy"]

    asyncio.run(run())


def test_every_reference_of_the_document_exists() -> None:
    """No schema is named that the document does not hold."""

    async def run() -> None:
        document = (await Control().raw("GET", b"/openapi.json")).json()
        schemas = document["components"]["schemas"]

        def walk(value: Any) -> None:
            if isinstance(value, dict):
                if "$ref" in value:
                    assert value["$ref"].removeprefix("#/components/schemas/") in schemas
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(document)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "row"),
    [
        (b"/v1/versions/x", "O4"),
        (b"/v1/restores", "O4"),
        (b"/v1/events", "G2"),
        (b"/v1/audit", "G7"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_comes_later_says_so(method: str, path: bytes, row: str) -> None:
    """A resource of the contract that is not here yet is 501 and names its row, whatever the method."""

    async def run() -> None:
        assert assert_problem(await Control().raw(method, path), 501, "not_built")["row"] == row

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", b"/v1/originals/x", "DELETE, GET, HEAD, PATCH, PUT"),
        ("TRACE", b"/v1/originals/x", "DELETE, GET, HEAD, PATCH, PUT"),
        ("OPTIONS", b"/v1/originals", "GET, HEAD, POST"),
        ("PUT", b"/v1/content/x", "GET, HEAD"),
        ("GET", b"/v1/purges", "POST"),
        ("POST", b"/docs", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: bytes, allow: str) -> None:
    """405 lists every method of the place, not only those of the first route."""

    async def run() -> None:
        answer = await Control().raw(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allow
        assert answer.json()["detail"] == f"The method {method} is not for this address, which takes {allow}."

    asyncio.run(run())


@pytest.mark.parametrize(
    "path", [b"/v1", b"/v1/", b"/v1/originals2", b"/v1/limits/", b"/v1/\xff", b"/v2/x", b"/docs/x"]
)
def test_unknown_places_are_404(path: bytes) -> None:
    """What is nowhere in the contract is a problem document too, and never a redirect."""

    async def run() -> None:
        assert_problem(await Control().raw("GET", path), 404, "not_found")

    asyncio.run(run())


def test_a_failure_nobody_foresaw_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An error inside is a 500 without a trace; the log has the trace and the same request id."""

    async def run() -> None:
        control = Control()

        async def broken() -> dict[str, Any]:
            raise RuntimeError("secret detail of /srv/data")

        answer = await control.raw("PUT", b"/v1/originals/x", headers={"x-request-id": "abc-1"}, receive=broken)
        document = assert_problem(answer, 500, "internal")
        assert document["request_id"] == "abc-1"
        assert b"secret" not in answer.body
        assert "abc-1" in caplog.text
        assert "secret detail" in caplog.text

    asyncio.run(run())
