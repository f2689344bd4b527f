from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.control.control_kit import Answer, Control, assert_problem
from tests.cpu import cpu_seconds
from tests.originals.library_kit import picture

FORM = {"content-type": "multipart/form-data; boundary=b"}


def part(name: str, data: bytes) -> bytes:
    """Return one part of a form with the boundary `b`."""
    return f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + data + b"\r\n"


async def post(body: bytes, *, query: bytes = b"", headers: dict[str, str] | None = None, piece: int = 65536) -> Answer:
    """Send `body` to a fresh control API."""
    return await Control().raw("POST", b"/v1/originals", headers=headers or FORM, body=body, query=query, piece=piece)


def test_a_form_of_files_becomes_originals() -> None:
    """Each file is an original under its name below the prefix; 201 tells of all."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            answer = await client.post(
                "/v1/originals",
                params={"prefix": "in/box"},
                files=[("file", ("é a.png", picture())), ("file", ("b.png", picture("blue")))],
            )
            assert answer.status_code == 201
            assert [item["key"] for item in answer.json()["items"]] == ["in/box/é a.png", "in/box/b.png"]
            assert answer.json()["items"][0]["original"]["width"] == 40
            one = await client.post("/v1/originals", files=[("file", ("c.png", picture()))])
            assert one.headers["location"] == "/v1/originals/c.png"
        assert await control.kit.keys() == ["c.png", "in/box/b.png", "in/box/é a.png"]

    asyncio.run(run())


@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_one_refused_file_does_not_stop_the_others(piece: int) -> None:
    """207 has a result for each file, in order, also when the body comes byte by byte."""

    async def run() -> None:
        control = Control()
        body = (
            part("a.png", picture()) + part("../x.png", picture()) + part("t.png", b"hello") + part("d.png", picture())
        )
        answer = await control.raw("POST", b"/v1/originals", headers=FORM, body=body + b"--b--\r\n", piece=piece)
        assert answer.status == 207
        items = answer.json()["items"]
        assert [item["status"] for item in items] == [201, 400, 415, 201]
        assert items[1]["problem"]["code"] == "bad_key"
        assert await control.kit.keys() == ["a.png", "d.png"]

    asyncio.run(run())


def test_a_single_refused_file_is_a_problem() -> None:
    """A form of one bad file answers with that file's own status: nobody reads a 207 for one upload."""

    async def run() -> None:
        assert_problem(await post(part("x.png", b"hello") + b"--b--"), 415, "not_an_image")
        assert_problem(await post(part("x.png", bytes(100_001)) + b"--b--"), 413, "too_large")

    asyncio.run(run())


BAD_FORMS: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "bad_form"),
    "no part": (b"--b--\r\n", 400, "empty_form"),
    "no end": (part("a.png", picture()), 400, "bad_form"),
    "preamble": (b"\r\n" + part("a.png", picture()) + b"--b--", 400, "bad_form"),
    "text before": (b"hello\r\n" + part("a.png", picture()) + b"--b--", 400, "bad_form"),
    "a plain field": (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--', 400, "bad_form"),
    "no disposition": (b"--b\r\nContent-Type: image/png\r\n\r\n1\r\n--b--", 400, "bad_form"),
    "two names": (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"; filename*=UTF-8\'\'b\r\n\r\nx\r\n--b--',
        400,
        "bad_form",
    ),
    "two dispositions": (
        b"--b" + b'\r\nContent-Disposition: form-data; name="f"; filename="a"' * 2 + b"\r\n\r\nx\r\n--b--",
        400,
        "bad_form",
    ),
    "a part without a name": (b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx', 400, "bad_form"),
    "text after": (part("a.png", picture()) + b"--b--" + bytes(70_000), 400, "bad_form"),
    "many headers": (b"--b\r\n" + b"X: y\r\n" * 20 + b"\r\nx\r\n--b--", 413, "form_too_large"),
    "a long header": (b"--b\r\nX: " + b"y" * 10_000 + b"\r\n\r\nx\r\n--b--", 413, "form_too_large"),
    "a header without end": (b"--b\r\nX: " + b"y" * 300_000, 413, "form_too_large"),
}


@pytest.mark.parametrize(("body", "status", "code"), BAD_FORMS.values(), ids=BAD_FORMS.keys())
@pytest.mark.parametrize("piece", [1, 100, 65536])
def test_a_form_that_cannot_be_read_is_refused(body: bytes, status: int, code: str, piece: int) -> None:
    """Each broken form is a 4xx that says why."""

    async def run() -> None:
        assert_problem(await post(body, piece=piece), status, code)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "b" * 201, 400),
        ("multipart/form-data; boundary=" + "b" * 70_000, 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/mixed; boundary=b", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_a_boundary_is_short_and_one(field: str, status: int) -> None:
    """What names no usable boundary is refused before the body is read."""

    async def run() -> None:
        async def untouchable() -> dict[str, Any]:
            raise AssertionError("the body was read")

        answer = await Control().raw("POST", b"/v1/originals", headers={"content-type": field}, receive=untouchable)
        assert_problem(answer, status)

    asyncio.run(run())


def test_more_files_than_allowed() -> None:
    """The 101st file ends the request; those before it are stored, which the code of the error says nothing about."""

    async def run() -> None:
        body = b"".join(part(f"{n}.png", b"x") for n in range(101)) + b"--b--"
        assert_problem(await post(body), 413, "form_too_large")

    asyncio.run(run())


@pytest.mark.parametrize(
    "name", ["multipart_boundary", "multipart_cd", "multipart_parts", "multipart_preamble", "json_deep", "json_bigint"]
)
@pytest.mark.parametrize("place", [b"/v1/originals", b"/v1/purges"])
def test_hostile_bodies_are_refused_quickly(corpus: Any, name: str, place: bytes) -> None:
    """The raw bodies of the corpus end in a 4xx within a CPU-second, with the key too (threats H4, H6)."""
    head, body = (corpus / "hostile" / "raw_http" / f"{name}.bin").read_bytes().split(b"\r\n\r\n", 1)
    headers = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        field, _, text = line.partition(":")
        if field.lower() == "content-type":
            headers[field] = text.strip()

    async def run() -> None:
        control = Control()
        for key in (None, "right"):
            how = {} if key else {"key": None}
            with cpu_seconds() as spent:
                answer = await control.raw("POST", place, headers=headers, body=body, **how)  # type: ignore[arg-type]  # only `key` is passed
            assert spent.seconds < 1
            assert_problem(answer, answer.status)
            assert 400 <= answer.status < 500
            assert (answer.status == 401) == (key is None)
        assert await control.kit.keys() == []

    asyncio.run(run())
