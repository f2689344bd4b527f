from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

import httpx
import pytest
from tests.control.control_kit import OWN_KEY, Control, assert_problem
from tests.originals.library_kit import picture

from imagemill.delivery.access import Access
from imagemill.delivery.settings import DeliverySettings, SizesSettings


def drive(work: Callable[[Control, httpx.AsyncClient], Awaitable[None]], **how: Any) -> None:
    """Run `work` against a fresh control API."""

    async def run() -> None:
        control = Control(**how)
        async with control.client() as client:
            await work(control, client)

    asyncio.run(run())


def test_an_original_is_created_read_replaced_and_deleted() -> None:
    """The life of an original through the API: 201, 200, 200, 204, 404."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        created = await client.put("/v1/originals/a/b c.png", content=picture())
        assert created.status_code == 201
        assert created.headers["location"] == "/v1/originals/a/b%20c.png"
        record = created.json()
        assert record["key"] == "a/b c.png"
        assert (record["width"], record["height"]) == (40, 30)
        assert record["size"] == len(picture())
        assert record["content_type"] == "image/png"
        assert record["url"] == f"/img/_/a/b%20c.png?v={record['version']}"
        assert record["placeholder"].startswith("data:image/webp;base64,")
        assert record["modified"].endswith("Z")
        assert created.headers["etag"] == f'"{record["etag"]}"'
        got = await client.get("/v1/originals/a/b c.png")
        assert got.json() == record
        head = await client.head("/v1/originals/a/b c.png")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == got.headers["etag"]
        assert head.headers["content-length"] == str(len(got.content))
        replaced = await client.put("/v1/originals/a/b c.png", content=picture("blue"))
        assert replaced.status_code == 200
        assert replaced.json()["version"] != record["version"]
        assert (await client.delete("/v1/originals/a/b c.png")).status_code == 204
        assert_problem(await client.get("/v1/originals/a/b c.png"), 404, "no_such_original")
        assert_problem(await client.delete("/v1/originals/a/b c.png"), 404, "no_such_original")

    drive(work)


def test_links_are_built_from_the_public_url() -> None:
    """With `server.public_url` every link begins with it, whatever Host says."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        answer = await client.put("/v1/originals/x.png", content=picture(), headers={"host": "evil.test"})
        assert answer.json()["url"].startswith("https://img.example.com/img/_/x.png?v=")
        assert "evil" not in answer.text

    drive(work, public_url="https://img.example.com/")


@pytest.mark.parametrize(
    ("mode", "sizes", "written", "path"),
    [
        ("sizes", SizesSettings(), {}, "/img/w=48/x.png"),
        ("sizes", SizesSettings(widths=(), heights=()), {"card": "w=9"}, "/img/p=card/x.png"),
        ("presets", SizesSettings(), {"card": "w=9", "page": "w=99"}, "/img/p=page/x.png"),
        ("presets", SizesSettings(), {}, None),
    ],
)
def test_a_link_is_one_that_the_site_answers(
    mode: Literal["sizes", "presets"], sizes: SizesSettings, written: dict[str, str], path: str | None
) -> None:
    """Where not every size is open, `url` is the listed size or the preset that shows most, or null: never a 403."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        record = (await client.put("/v1/originals/x.png", content=picture())).json()
        told = (await client.get("/v1/info/x.png")).json()
        expected = None if path is None else f"{path}?v={record['version']}"
        assert (record["url"], told["url"]) == (expected, expected)

    drive(work, access=Access.of(DeliverySettings(access=mode), sizes), written=written)


def test_conditions_of_a_put() -> None:
    """If-None-Match creates only; If-Match replaces only what was seen, quoted or copied out of the JSON."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        path = "/v1/originals/x.png"
        free = {"if-none-match": "*"}
        assert_problem(await client.put(path, content=picture(), headers={"if-match": "*"}), 412, "precondition_failed")
        created = await client.put(path, content=picture(), headers=free)
        assert created.status_code == 201
        assert_problem(await client.put(path, content=picture(), headers=free), 412)
        etag = created.json()["etag"]
        for field in (etag, f'"{etag}"', f'"no", W/"weak" , "{etag}"'):
            patched = await client.patch(path, json={"alt": "x"}, headers={"if-match": field})
            assert patched.status_code == 200
            assert patched.json()["etag"] != etag
            await client.patch(path, json={"alt": None})
        assert_problem(await client.put(path, content=picture("blue"), headers={"if-match": f'W/"{etag}"'}), 412)
        assert_problem(await client.delete(path, headers={"if-match": '"other"'}), 412)
        for bad in ({"if-match": '"open'}, {"if-none-match": f'"{etag}"'}, {"if-unmodified-since": "x"}):
            assert_problem(await client.put(path, content=picture(), headers=bad), 400, "bad_condition")
        assert (await client.get(path, headers={"if-none-match": f'"{etag}"'})).status_code == 304

    drive(work)


def test_content_digest_is_verified() -> None:
    """A right digest passes, a wrong one is refused and leaves nothing, a malformed one is no silent pass."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        data = picture()
        right256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
        right512 = base64.b64encode(hashlib.sha512(data).digest()).decode()
        wrong = base64.b64encode(bytes(32)).decode()
        path = "/v1/originals/x.png"
        for field, code in {
            f"sha-256=:{wrong}:": "digest_mismatch",
            f"sha-256=:{right256}:, sha-512=:{base64.b64encode(bytes(64)).decode()}:": "digest_mismatch",
            f"sha-256={right256}": "bad_content_digest",
            "sha-256=:AAAA:": "bad_content_digest",
            "nonsense": "bad_content_digest",
        }.items():
            answer = await client.put(path, content=data, headers={"content-digest": field})
            assert_problem(answer, 400, code)
        assert await control.kit.keys() == []
        for field in (f"sha-256=:{right256}:", f"md5=:AAAA:, sha-512=:{right512}:;p=1", "unixsum=:AAAA:"):
            answer = await client.put(path, content=data, headers={"content-digest": field})
            assert answer.status_code in (200, 201)

    drive(work)


@pytest.mark.parametrize(
    ("data", "status"), [(b"", 400), (b"hello", 415), (picture(size=(300, 300), form="JPEG")[:900], 422)]
)
def test_what_is_no_picture_is_refused(data: bytes, status: int) -> None:
    """Nothing, text and damaged pictures have each their status, and nothing is stored."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        answer = await client.put("/v1/originals/x.png", content=data, headers={"content-type": "image/png"})
        assert_problem(answer, status)
        assert await control.kit.keys() == []

    drive(work)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    """413 comes from Content-Length alone, so that `Expect: 100-continue` never gets its 100."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        async def untouchable() -> dict[str, Any]:
            raise AssertionError("the body was read")

        headers = {"content-length": "99999999999", "expect": "100-continue"}
        assert_problem(await control.raw("PUT", b"/v1/originals/x", headers=headers, receive=untouchable), 413)
        for length in ("-1", "1e3", "", "9" * 19):
            answer = await control.raw(
                "PUT", b"/v1/originals/x", headers={"content-length": length}, receive=untouchable
            )
            assert_problem(answer, 400, "bad_content_length")

    drive(work)


def test_an_endless_body_is_cut_at_the_limit() -> None:
    """A chunked body is read up to the limit, then 413."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        read = 0

        async def endless() -> dict[str, Any]:
            nonlocal read
            read += 10_000
            return {"type": "http.request", "body": bytes(10_000), "more_body": True}

        assert_problem(await control.raw("PUT", b"/v1/originals/x", receive=endless), 413)
        assert read == 110_000

    drive(work)


def test_a_compressed_body_is_refused(corpus: Any) -> None:
    """Content-Encoding is 415 before the body is read; inflating strangers' bytes has no end."""
    raw = (corpus / "hostile" / "raw_http" / "gzip_body.bin").read_bytes().split(b"\r\n\r\n", 1)[1]

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        for name in ("gzip", "br", "GZIP", "identity, gzip"):
            answer = await control.raw(
                "PUT", b"/v1/originals/x", headers={"content-encoding": name, "content-type": "image/jpeg"}, body=raw
            )
            assert_problem(answer, 415, "encoded_body")
        same = await client.put("/v1/originals/x", content=picture(), headers={"content-encoding": "identity"})
        assert same.status_code == 201

    drive(work)


def test_a_stalled_upload_is_given_up() -> None:
    """A body that pauses for longer than allowed ends with an answer, and nothing is stored."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        sent: list[dict[str, Any]] = [{"type": "http.request", "body": picture()[:20], "more_body": True}]

        async def receive() -> dict[str, Any]:
            if not sent:
                await asyncio.Event().wait()
            return sent.pop()

        assert_problem(await control.raw("PUT", b"/v1/originals/x", receive=receive), 400, "body_stalled")
        assert await control.kit.keys() == []

    drive(work, body_seconds=0.05)


def test_a_client_that_leaves_is_noticed() -> None:
    """A disconnect in the middle of a body stores nothing and breaks nothing."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": picture()[:20], "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        await control.raw("PUT", b"/v1/originals/x", receive=receive)
        assert await control.kit.keys() == []

    drive(work)


def test_describing_an_original() -> None:
    """PATCH merges; a focal point changes the version; null removes; nothing is forgotten on the way."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        path = "/v1/originals/x.png"
        bare = (await client.put(path, content=picture())).json()
        one = (
            await client.patch(path, json={"tags": ["a", "b"], "alt": "A thing", "custom": {"by": "Ann", "no": "1"}})
        ).json()
        assert one["version"] == bare["version"]
        assert one["etag"] != bare["etag"]
        two = (await client.patch(path, json={"focal": {"x": 0.25, "y": 1}, "custom": {"no": None}})).json()
        assert two["version"] != bare["version"]
        assert two["focal"] == {"x": 0.25, "y": 1.0}
        assert (two["tags"], two["alt"], two["custom"]) == (["a", "b"], "A thing", {"by": "Ann"})
        assert (await client.get(path)).json() == two
        three = await client.patch(
            path,
            content=b'{"focal":null,"tags":null,"alt":null,"custom":null}',
            headers={"content-type": "application/merge-patch+json"},
        )
        assert {**three.json(), "placeholder": 0} == {**bare, "placeholder": 0}
        assert_problem(await client.patch("/v1/originals/none.png", json={}), 404)

    drive(work)


BAD_JSON = {
    "unknown field": (b'{"focus":1}', "invalid_body"),
    "unknown inner field": (b'{"focal":{"x":0,"y":0,"z":0}}', "invalid_body"),
    "missing inner field": (b'{"focal":{"x":0}}', "invalid_body"),
    "text for a number": (b'{"focal":{"x":"0","y":0}}', "invalid_body"),
    "no object": (b"[1]", "invalid_body"),
    "beyond the picture": (b'{"focal":{"x":1.5,"y":0}}', "invalid_description"),
    "twice": (b'{"alt":"a","alt":"b"}', "bad_json"),
    "NaN": (b'{"focal":{"x":NaN,"y":0}}', "bad_json"),
    "infinite": (b'{"focal":{"x":1e999,"y":0}}', "bad_json"),
    "digits": (b'{"focal":{"x":' + b"9" * 21 + b',"y":0}}', "bad_json"),
    "deep": (b'{"alt":' + b"[" * 33 + b"]" * 33 + b"}", "bad_json"),
    "not UTF-8": (b'{"alt":"\xff"}', "bad_json"),
    "lone surrogate": (b'{"alt":"\\ud800"}', "bad_json"),
    "lone surrogate of a name": (b'{"\\uDC00":1}', "bad_json"),
    "NUL": (b'{"tags":["\\u0000"]}', "invalid_description"),
    "cut": (b'{"alt":"', "bad_json"),
    "empty": (b"", "bad_json"),
    "two values": (b"{}{}", "bad_json"),
}


@pytest.mark.parametrize(("body", "code"), BAD_JSON.values(), ids=BAD_JSON.keys())
def test_json_that_is_wrong_is_refused(body: bytes, code: str) -> None:
    """Each way for JSON to be wrong is a 400 that says so, and changes nothing."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        before = (await client.put("/v1/originals/x.png", content=picture())).json()
        answer = await client.patch(
            "/v1/originals/x.png", content=body, headers={"content-type": "application/json; charset=utf-8"}
        )
        assert_problem(answer, 400, code)
        assert (await client.get("/v1/originals/x.png")).json() == before

    drive(work)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/store-events", b'{"changed":["\\ud800"]}'),
        ("/v1/purges", b'{"key":"a\\uDFFF"}'),
        ("/v1/uploads", b'{"key":"x.png","if_match":"\\ud800"}'),
        ("/v1/info", b'{"keys":["\\ud83dx"]}'),
    ],
)
def test_half_of_a_character_is_refused_everywhere(path: str, body: bytes) -> None:
    """What cannot be written as UTF-8 gets no further than the reader; a whole pair is a character like any other."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        assert_problem(await client.post(path, content=body, headers=headers), 400, "bad_json")
        await client.put("/v1/originals/x.png", content=picture())
        said = await client.patch("/v1/originals/x.png", content=b'{"alt":"\\ud83d\\ude00"}', headers=headers)
        assert said.json()["alt"] == "\U0001f600"

    drive(work)


def test_json_has_a_size_and_a_type() -> None:
    """A body over 1 MiB is 413, one of another type 415."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        await client.put("/v1/originals/x.png", content=picture())
        big = json.dumps({"alt": "x" * 2**20})
        bodies: list[str | AsyncIterator[bytes]] = [big, _chunked(big.encode())]
        for content in bodies:
            answer = await client.patch(
                "/v1/originals/x.png", headers={"content-type": "application/json"}, content=content
            )
            assert_problem(answer, 413, "body_too_large")
        plain = await client.patch("/v1/originals/x.png", content=b"{}", headers={"content-type": "text/plain"})
        assert_problem(plain, 415, "unsupported_media_type")

    drive(work)


async def _chunked(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 65536):
        yield data[start : start + 65536]


def test_content_is_the_untouched_file_as_a_download() -> None:
    """The bytes come back as they were, as an attachment that no browser runs, in ranges too."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        data = picture(size=(900, 700))
        await client.put('/v1/originals/a/é".png', content=data)
        got = await client.get('/v1/content/a/é".png')
        assert got.content == data
        assert got.headers["content-disposition"] == "attachment; filename=\"__.png\"; filename*=UTF-8''%C3%A9%22.png"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in got.headers["content-security-policy"]
        assert got.headers["cache-control"].startswith("private")
        assert got.headers["content-length"] == str(len(data))
        assert "access-control-allow-origin" not in got.headers
        etag = got.headers["etag"]
        assert etag == f'"{hashlib.sha256(data).hexdigest()}"'
        path = '/v1/content/a/é".png'
        part = await client.get(path, headers={"range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, data[5:10])
        assert part.headers["content-range"] == f"bytes 5-9/{len(data)}"
        assert (await client.get(path, headers={"range": "bytes=-4"})).content == data[-4:]
        stale = {"range": "bytes=5-9", "if-range": '"other"'}
        assert (await client.get(path, headers=stale)).status_code == 200
        beyond = await client.get(path, headers={"range": f"bytes={len(data)}-"})
        assert_problem(beyond, 416)
        assert beyond.headers["content-range"] == f"bytes */{len(data)}"
        many = await client.get(path, headers={"range": "bytes=" + ",".join(f"{n}-{n}" for n in range(5000))})
        assert (many.status_code, many.content) == (200, data)
        unchanged = await client.get(path, headers={"if-none-match": etag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        head = await client.head(path)
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(data)))
        assert_problem(await client.get("/v1/content/none"), 404, "no_such_original")

    drive(work)


def test_content_of_what_is_no_picture_can_be_fetched_too() -> None:
    """A folder of one's own may hold other files; their bytes are theirs to fetch, their record is a clear refusal."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        await control.kit.lay("notes.txt", b"hello")
        assert (await client.get("/v1/content/notes.txt")).content == b"hello"
        assert_problem(await client.get("/v1/originals/notes.txt"), 415, "not_an_image")

    drive(work)


def test_listing_page_by_page() -> None:
    """Pages are in order, follow each other by cursor and Link, and survive what is put in between."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        for name in ("a/1", "a/2", "b", "c/1"):
            await client.put(f"/v1/originals/{name}.png", content=picture())
        first = await client.get("/v1/originals", params={"limit": 2})
        assert [item["key"] for item in first.json()["items"]] == ["a/1.png", "a/2.png"]
        assert first.json()["items"][0]["width"] == 40
        await client.put("/v1/originals/a/0.png", content=picture())
        await client.put("/v1/originals/b0.png", content=picture())
        link = first.headers["link"]
        assert link.endswith('>; rel="next"')
        second = await client.get(link[1 : link.index(">")])
        assert [item["key"] for item in second.json()["items"]] == ["b.png", "b0.png"]
        last = await client.get("/v1/originals", params={"limit": 2, "cursor": second.json()["next_cursor"]})
        assert [item["key"] for item in last.json()["items"]] == ["c/1.png"]
        assert last.json()["next_cursor"] is None
        assert "link" not in last.headers
        folders = (await client.get("/v1/originals", params={"delimiter": "/"})).json()
        assert folders["prefixes"] == ["a/", "c/"]
        assert [item["key"] for item in folders["items"]] == ["b.png", "b0.png"]
        few = (await client.get("/v1/originals", params={"prefix": "a/", "fields": "key,size"})).json()["items"]
        assert few[0] == {"key": "a/0.png", "size": len(picture())}

    drive(work)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"limit": "0"}, 400, "invalid_parameters"),
        ({"limit": "1001"}, 400, "invalid_parameters"),
        ({"limit": "9" * 5000}, 400, "invalid_parameters"),
        ({"limit": "x"}, 400, "invalid_parameters"),
        ({"cursor": "AAAA"}, 400, "bad_cursor"),
        ({"cursor": "é"}, 400, "bad_cursor"),
        ({"prefix": "../"}, 400, "bad_key"),
        ({"prefix": ".imagemill/"}, 400, "bad_key"),
        ({"prefix": "\0"}, 400, "bad_key"),
        ({"delimiter": "\n"}, 400, "bad_delimiter"),
        ({"fields": "key,secret"}, 400, "bad_field"),
        ({"tag": "x"}, 501, "not_built"),
        ({"sort": "size"}, 501, "not_built"),
    ],
)
def test_a_question_that_cannot_be_answered(query: dict[str, str], status: int, code: str) -> None:
    """A wrong listing is a 400 that names what is wrong; what comes later is 501."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        assert_problem(await client.get("/v1/originals", params=query), status, code)

    drive(work)


def test_a_wrong_parameter_is_told_like_a_wrong_option() -> None:
    """What was expected reads as a part of the sentence, not as a sentence of the framework."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        for value, expected in (("0", "greater than or equal to 1"), ("x", "a valid integer")):
            told = (await client.get("/v1/originals", params={"limit": value})).json()
            assert told["errors"] == [{"option": "limit", "expected": expected, "received": value}]
        assert "url: expected a value, received 'nothing'" in (await client.get("/v1/explain")).json()["detail"]

    drive(work)


def test_prefix_of_a_listing_may_be_as_long_as_a_key() -> None:
    """The longest key is found by itself, a longer prefix is refused, and the refusal repeats what was asked."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        longest = "/".join(["k" * 127] * 8)[:1020] + ".png"
        await client.put(f"/v1/originals/{longest}", content=picture())
        found = (await client.get("/v1/originals", params={"prefix": longest})).json()["items"]
        assert [item["key"] for item in found] == [longest]
        assert_problem(await client.get("/v1/originals", params={"prefix": longest + "x"}), 400, "bad_key")
        told = (await client.get("/v1/originals", params={"prefix": "/a"})).json()
        assert told["detail"] == "No key can begin with “/a”."

    drive(work)


def test_a_cursor_belongs_to_its_listing() -> None:
    """A changed cursor, or one of another prefix, is refused rather than half understood."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        for name in ("a/1", "a/2"):
            await client.put(f"/v1/originals/{name}.png", content=picture())
        cursor = (await client.get("/v1/originals", params={"limit": 1})).json()["next_cursor"]
        assert (await client.get("/v1/originals", params={"cursor": cursor})).status_code == 200
        for other in (cursor[:-2] + "AA", cursor[1:], cursor + "A"):
            assert_problem(await client.get("/v1/originals", params={"cursor": other}), 400, "bad_cursor")
        assert_problem(await client.get("/v1/originals", params={"cursor": cursor, "prefix": "a"}), 400, "bad_cursor")

    drive(work)


def test_the_same_secret_in_neither_answer_nor_error() -> None:
    """No answer repeats the key that was shown."""

    async def work(control: Control, client: httpx.AsyncClient) -> None:
        for answer in (
            await client.get("/v1/originals/none"),
            await client.get("/v1/explain", params={"url": "/img/_/x"}),
            await client.get("/v1/originals"),
        ):
            assert OWN_KEY not in answer.text + str(answer.headers)

    drive(work)
