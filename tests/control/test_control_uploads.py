from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from typing import Any

import pytest
from tests.control.control_kit import Answer, Control, assert_problem
from tests.originals.library_kit import Kit, picture

from imagemill.engine.limits import Limits
from imagemill.errors import Overloaded
from imagemill.originals.description import entity_tag
from imagemill.uploads import resumable
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.tidying import tidy

PICTURE = picture()
OTHER = picture("blue")
TUS = {"tus-resumable": "1.0.0"}
BYTES = {**TUS, "content-type": "application/offset+octet-stream"}


async def ticket(control: Control, **wanted: Any) -> dict[str, Any]:
    """Return a new upload."""
    async with control.client() as client:
        answer = await client.post("/v1/uploads", json={"key": "a/b.png", **wanted})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/uploads/{told['id']}"
    return told


async def send(control: Control, method: str, told: dict[str, Any], body: bytes = b"", /, **headers: str) -> Answer:
    """Ask the address of a token, without any key."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    if body and "content-length" not in fields:
        fields["content-length"] = str(len(body))
    return await control.raw(method, told["url"].encode(), headers=fields, body=body, key=None)


async def state(control: Control, told: dict[str, Any]) -> dict[str, Any]:
    """Return what the holder of the key sees of an upload."""
    async with control.client() as client:
        shown: dict[str, Any] = (await client.get(f"/v1/uploads/{told['id']}")).json()
    return shown


def form(*files: bytes, fields: int = 0, name: str = "file") -> tuple[bytes, str]:
    """Return the body and type of a form."""
    parts = [b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nv\r\n' % number for number in range(fields)]
    parts += [
        b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n' % name.encode() + data + b"\r\n"
        for data in files
    ]
    return b"".join(parts) + b"--x--\r\n", "multipart/form-data; boundary=x"


def test_a_put_with_a_token_stores_the_picture_once() -> None:
    """The token alone lets a stranger store one picture; the second time it is 410, and the first stays."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        assert (told["method"], told["state"], told["fields"]) == ("put", "waiting", {})
        assert told["url"].startswith(f"/v1/uploads/imu_{told['id']}_")
        first = await send(control, "PUT", told, PICTURE)
        assert first.status == 201
        assert first.json()["key"] == "a/b.png"
        assert first.json()["width"] == 40
        assert_problem(await send(control, "PUT", told, OTHER), 410, "upload_over")
        shown = await state(control, told)
        assert shown["state"] == "done"
        assert shown["original"]["sha256"] == hashlib.sha256(PICTURE).hexdigest()
        assert await control.kit.keys() == ["a/b.png"]
        assert await control.quarantine.used() == 0

    asyncio.run(run())


def test_a_form_with_a_token_stores_its_file() -> None:
    """Fields beside the file, as a form made for S3 has them, are read over."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="post")
        data, media = form(PICTURE, fields=7)
        assert (await send(control, "POST", told, data, content_type=media)).status == 201
        assert (await state(control, told))["state"] == "done"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (form(PICTURE, OTHER), "bad_form", 400),
        (form(), "empty_form", 400),
        (form(fields=2), "empty_form", 400),
        (form(PICTURE, fields=25), "bad_form", 400),
        ((form(PICTURE)[0][:-20], form()[1]), "bad_form", 400),
        ((b"x=1", "application/x-www-form-urlencoded"), "unsupported_media_type", 415),
        ((form(PICTURE)[0] + b"--x", "multipart/form-data; boundary=" + "x" * 70_000), "bad_form", 400),
    ],
)
def test_a_form_that_is_none_leaves_the_token_good(data: tuple[bytes, str], code: str, status: int) -> None:
    """Two files, no file, a broken end, a huge boundary: refused, nothing is kept, and the token still works (H4)."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="post")
        assert_problem(await send(control, "POST", told, data[0], content_type=data[1]), status, code)
        assert await control.quarantine.used() == 0
        good, media = form(PICTURE)
        assert (await send(control, "POST", told, good, content_type=media)).status == 201

    asyncio.run(run())


@pytest.mark.parametrize(
    ("wanted", "body", "status", "code"),
    [
        ({}, b"no picture at all", 415, "not_an_image"),
        ({}, PICTURE[: len(PICTURE) // 2], 422, "damaged"),
        ({"content_type": "image/jpeg"}, PICTURE, 415, "other_content_type"),
    ],
)
def test_what_the_check_refuses_is_never_seen(wanted: dict[str, Any], body: bytes, status: int, code: str) -> None:
    """A body that is no picture, half of one, or of another type uses the token up, says why and leaves nothing."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, **wanted)
        document = assert_problem(await send(control, "PUT", told, body), status, code)
        shown = await state(control, told)
        assert shown["state"] == "failed"
        assert shown["problem"]["code"] == document["code"]
        assert shown["problem"]["status"] == status
        assert await control.kit.keys() == []
        assert await control.quarantine.used() == 0
        assert_problem(await send(control, "PUT", told, PICTURE), 410, "upload_over")

    asyncio.run(run())


def test_a_type_may_be_any_picture() -> None:
    """`image/*` binds to nothing but a picture, and the type that is named lets its own through."""

    async def run() -> None:
        control = Control()
        for number, kind in enumerate(("image/*", "image/png")):
            told = await ticket(control, key=f"{number}.png", content_type=kind)
            assert (await send(control, "PUT", told, PICTURE)).status == 201

    asyncio.run(run())


@pytest.mark.parametrize("wanted", [{"length": 100_001}, {"max_bytes": 1000, "length": 1001}])
def test_a_file_announced_as_too_long_gets_no_ticket(wanted: dict[str, Any]) -> None:
    """Whoever says the file's length learns at once that it is over the limit, before a byte is sent."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            answer = await client.post("/v1/uploads", json={"key": "a", **wanted})
        assert_problem(answer, 413, "too_large")

    asyncio.run(run())


@pytest.mark.parametrize(("length", "status"), [(len(PICTURE), 201), (len(PICTURE) + 1, 400), (len(PICTURE) - 1, 413)])
@pytest.mark.parametrize("method", ["put", "post"])
def test_only_as_many_bytes_as_announced_become_an_original(method: str, length: int, status: int) -> None:
    """Where the bytes come to us the announced length binds them as well."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method=method, length=length)
        if method == "put":
            answer = await send(control, "PUT", told, PICTURE)
        else:
            data, media = form(PICTURE)
            answer = await send(control, "POST", told, data, content_type=media)
        assert answer.status == status, answer.body

    asyncio.run(run())


@pytest.mark.parametrize("length", [True, False])
def test_a_body_over_the_limit_stops_at_its_first_byte_too_many(length: bool) -> None:
    """A declared length is refused before a byte is read, an undeclared one when it gets there (H3)."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, max_bytes=1000)
        read = 0

        async def endless() -> dict[str, Any]:
            nonlocal read
            read += 400
            return {"type": "http.request", "body": bytes(400), "more_body": True}

        headers = {"content-length": "1001"} if length else {"transfer-encoding": "chunked"}
        answer = await control.raw("PUT", told["url"].encode(), headers=headers, key=None, receive=endless)
        assert_problem(answer, 413, "too_large")
        assert read == (0 if length else 1200)
        assert await control.quarantine.used() == 0
        assert (await state(control, told))["state"] == "waiting"

    asyncio.run(run())


def test_a_body_that_breaks_off_gives_the_token_back() -> None:
    """A bad line costs no token: what came is dropped, and the same address works again."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": PICTURE[:50], "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def broken() -> dict[str, Any]:
            return messages.pop(0)

        fields = {"content-length": str(len(PICTURE))}
        await control.raw("PUT", told["url"].encode(), headers=fields, key=None, receive=broken)
        assert await control.quarantine.used() == 0
        assert_problem(await send(control, "PUT", told, PICTURE[:50], content_length="100"), 400, "incomplete_body")
        assert (await send(control, "PUT", told, PICTURE)).status == 201

    asyncio.run(run())


def test_a_compressed_body_is_not_inflated() -> None:
    """Content-Encoding is 415 on every way in (H5)."""

    async def run() -> None:
        control = Control()
        for method, verb in (("put", "PUT"), ("post", "POST"), ("tus", "PATCH")):
            told = await ticket(control, method=method)
            answer = await send(
                control, verb, told, PICTURE, content_encoding="gzip", **(TUS if method == "tus" else {})
            )
            assert_problem(answer, 415, "encoded_body")

    asyncio.run(run())


def test_a_digest_of_the_sender_is_checked() -> None:
    """Content-Digest that is not that of the bytes is refused, and the token stays good."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        wrong = base64.b64encode(hashlib.sha256(OTHER).digest()).decode()
        right = base64.b64encode(hashlib.sha256(PICTURE).digest()).decode()
        answer = await send(control, "PUT", told, PICTURE, content_digest=f"sha-256=:{wrong}:")
        assert_problem(answer, 400, "digest_mismatch")
        assert (await send(control, "PUT", told, PICTURE, content_digest=f"sha-256=:{right}:")).status == 201

    asyncio.run(run())


def test_an_original_that_is_there_is_replaced_only_where_that_was_agreed() -> None:
    """Without `replace` the ticket is refused, and so is the upload if one came meanwhile; `if_match` names the one."""

    async def run() -> None:
        control = Control()
        late = await ticket(control)
        original = await control.kit.put("a/b.png", OTHER)
        async with control.client() as client:
            assert_problem(await client.post("/v1/uploads", json={"key": "a/b.png"}), 412)
        assert_problem(await send(control, "PUT", late, PICTURE), 412)
        assert (await state(control, late))["problem"]["code"] == "precondition_failed"
        other = await ticket(control, if_match='"not-this"')
        assert_problem(await send(control, "PUT", other, PICTURE), 412)
        this = await ticket(control, if_match=entity_tag(original.info.etag, original.description))
        assert (await send(control, "PUT", this, PICTURE)).status == 200
        any_ = await ticket(control, replace=True)
        assert (await send(control, "PUT", any_, OTHER)).status == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    "wanted",
    [
        {"key": "../a"},
        {"key": "a", "method": "get"},
        {"key": "a", "expires_in": 0},
        {"key": "a", "expires_in": 700_000},
        {"key": "a", "max_bytes": 0},
        {"key": "a", "length": 0},
        {"key": "a", "length": -1},
        {"key": "a", "max_bytes": 100_001},
        {"key": "a", "method": "tus", "max_bytes": 300_001},
        {"key": "a", "content_type": "text/html"},
        {"key": "a", "surprise": 1},
        {},
    ],
)
def test_a_ticket_that_cannot_be_is_refused(wanted: dict[str, Any]) -> None:
    """Keys, times, sizes and types beyond what is possible are 400 with a reason."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            assert_problem(await client.post("/v1/uploads", json=wanted), 400)

    asyncio.run(run())


def test_a_wrong_token_and_an_unknown_id_are_one_answer() -> None:
    """Nothing tells a guesser whether the id is right; a token opens no other method, and no other resource."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        right = told["url"]
        changed = right[:-1] + ("A" if right[-1] != "A" else "B")
        unknown = right.replace(told["id"], "0" * 24)
        bodies = [
            assert_problem(await send(control, "PUT", {"url": url}, PICTURE), 404, "no_such_upload")["detail"]
            for url in (changed, unknown, right[:40], right + "x", "/v1/uploads/imu_")
        ]
        assert len(set(bodies)) == 1
        answer = await send(control, "POST", told, *[form(PICTURE)[0]], content_type=form()[1])
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "PUT"
        for method, path in (("GET", right), ("GET", f"/v1/uploads/{told['id']}"), ("POST", "/v1/uploads")):
            assert (await control.raw(method, path.encode(), key=None)).status in (401, 404)
        assert (await send(control, "PUT", told, PICTURE)).status == 201

    asyncio.run(run())


def test_the_store_keeps_a_digest_of_the_token() -> None:
    """Whoever reads our files cannot upload: the secret is in no ticket."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        found = await control.tickets.read(told["id"])
        assert found is not None
        secret = told["url"][-43:]
        assert secret not in repr(found[0])
        assert found[0].token == hashlib.sha256(told["url"][-43:].encode()).hexdigest()

    asyncio.run(run())


def test_time_ends_a_token() -> None:
    """After its time a token is 410, the ticket shows it, and the house is kept."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, expires_in=60)
        resumable = await ticket(control, method="tus", key="c", expires_in=60)
        await send(control, "PATCH", resumable, PICTURE[:9], upload_offset="0", upload_length="90", **BYTES)
        control.later = 61
        assert_problem(await send(control, "PUT", told, PICTURE), 410, "upload_expired")
        assert_problem(await send(control, "PATCH", resumable, b"x", upload_offset="9", **BYTES), 410, "upload_expired")
        assert (await state(control, told))["state"] == "expired"
        assert await control.quarantine.used() > 0
        await tidy(control.uploading)
        assert await control.quarantine.used() == 0
        control.later = 61 + 90_000
        await tidy(control.uploading)
        assert [one async for one in control.tickets.all()] == []
        async with control.client() as client:
            assert_problem(await client.get(f"/v1/uploads/{told['id']}"), 404, "no_such_upload")

    asyncio.run(run())


def test_the_issuer_can_forget_an_upload() -> None:
    """After DELETE neither the token nor the id is known, and its bytes are gone; conditional GET and HEAD work."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        await send(control, "PATCH", told, PICTURE[:9], upload_offset="0", upload_length="90", **BYTES)
        path = f"/v1/uploads/{told['id']}"
        async with control.client() as client:
            shown = await client.get(path)
            assert (shown.json()["state"], shown.json()["offset"], shown.json()["length"]) == ("receiving", 9, 90)
            again = await client.get(path, headers={"if-none-match": shown.headers["etag"]})
            assert again.status_code == 304
            assert (await client.head(path)).headers["etag"] == shown.headers["etag"]
            assert (await client.delete(path)).status_code == 204
            assert_problem(await client.delete(path), 404, "no_such_upload")
        assert await control.quarantine.used() == 0
        assert (await send(control, "HEAD", told, **TUS)).status == 404

    asyncio.run(run())


def test_no_more_uploads_may_be_open_than_agreed() -> None:
    """One over `uploads.most_open` is 429; a finished one makes room, and so does time."""

    async def run() -> None:
        control = Control(uploads=UploadsSettings(max_bytes=300_000, most_open=2))
        first = await ticket(control, key="1")
        await ticket(control, key="2", expires_in=30)
        async with control.client() as client:
            refused = await client.post("/v1/uploads", json={"key": "3"})
            assert_problem(refused, 429)
            assert int(refused.headers["retry-after"]) > 0
        assert (await send(control, "PUT", first, PICTURE)).status == 201
        await ticket(control, key="3", expires_in=30)
        control.later = 31
        await ticket(control, key="4")

    asyncio.run(run())


def test_the_quarantine_has_an_end() -> None:
    """More unfinished bytes than agreed are 507, before they are read where their number is known."""

    async def run() -> None:
        control = Control(uploads=UploadsSettings(max_bytes=300_000, quarantine_bytes=2000))
        told = await ticket(control, method="tus")
        answer = await send(control, "POST", told, upload_length="3000", **TUS)
        assert_problem(answer, 507, "quarantine_full")
        put = await ticket(control, key="p")
        assert_problem(await send(control, "PUT", put, bytes(2500)), 507, "quarantine_full")

    asyncio.run(run())


def test_a_busy_platform_leaves_the_token_good() -> None:
    """Where the check cannot be made now, the browser is told to come again, and may."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        verify = control.kit.engine.verify

        async def busy(source: Any) -> Any:
            raise Overloaded("No worker is free.", retry_after=3)

        control.kit.engine.verify = busy  # type: ignore[method-assign]  # a worker that is not there
        answer = await send(control, "PUT", told, PICTURE)
        assert_problem(answer, 503)
        assert answer.headers["retry-after"] == "3"
        control.kit.engine.verify = verify  # type: ignore[method-assign]  # back again
        assert (await state(control, told))["state"] == "waiting"
        assert await control.quarantine.used() == 0
        assert (await send(control, "PUT", told, PICTURE)).status == 201

    asyncio.run(run())


def test_a_token_is_in_one_request_at_a_time() -> None:
    """A second request with a token whose body is coming is 409; so is one while the first is being checked."""

    async def run() -> None:
        control = Control()
        told = await ticket(control)
        control.kit.engine.gate.clear()
        first = asyncio.create_task(send(control, "PUT", told, PICTURE))
        async with asyncio.timeout(10):
            while not control.kit.engine.verifications:
                await asyncio.sleep(0)
        assert_problem(await send(control, "PUT", told, OTHER), 409, "upload_under_way")
        assert (await state(control, told))["state"] == "checking"
        control.kit.engine.gate.set()
        assert (await first).status == 201

    asyncio.run(run())


def test_other_origins_may_use_a_token_and_nothing_else() -> None:
    """A preflight for a token's address allows any origin and no credentials; the resource itself allows none."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        asked = {"origin": "https://shop.example", "access-control-request-method": "PATCH"}
        allowed = await control.raw("OPTIONS", told["url"].encode(), headers=asked, key=None)
        assert allowed.status == 204
        assert allowed.headers["access-control-allow-origin"] == "*"
        assert "PATCH" in allowed.headers["access-control-allow-methods"]
        assert "Upload-Offset" in allowed.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in allowed.headers
        created = await send(control, "POST", told, upload_length="90", origin="https://shop.example", **TUS)
        assert created.headers["access-control-allow-origin"] == "*"
        assert {"Location", "Upload-Offset", "Tus-Resumable"} <= set(
            created.headers["access-control-expose-headers"].split(", ")
        )
        for path in ("/v1/uploads", f"/v1/uploads/{told['id']}", "/v1/originals/a"):
            answer = await control.raw("OPTIONS", path.encode(), headers=asked)
            assert answer.headers.get("access-control-allow-methods") is None

    asyncio.run(run())


def test_origins_can_be_named() -> None:
    """With `uploads.origins` only their pages may, errors included, and caches are told."""

    async def run() -> None:
        control = Control(uploads=UploadsSettings(origins=("https://shop.example",)))
        told = await ticket(control)
        mine = await send(control, "PUT", told, b"x", origin="https://shop.example")
        assert mine.headers["access-control-allow-origin"] == "https://shop.example"
        assert mine.headers["vary"] == "Origin"
        other = await send(control, "PUT", told, b"x", origin="https://evil.example")
        assert other.status == 410
        assert "access-control-allow-origin" not in other.headers

    asyncio.run(run())


# ---- tus 1.0


def test_a_resumable_upload_in_pieces() -> None:
    """Create, ask, send, ask, send: offsets are right, metadata comes back, and the last piece stores the picture."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        meta = f"filename {base64.b64encode(b'cat.png').decode()},is_fine"
        created = await send(control, "POST", told, upload_length=str(len(PICTURE)), upload_metadata=meta, **TUS)
        assert created.status == 201
        assert created.headers["location"] == told["url"]
        assert created.headers["upload-expires"].endswith("GMT")
        first = await send(control, "PATCH", told, PICTURE[:40], upload_offset="0", **BYTES)
        assert (first.status, first.headers["upload-offset"], first.headers["tus-resumable"]) == (204, "40", "1.0.0")
        asked = await send(control, "HEAD", told, **TUS)
        assert asked.status == 200
        assert asked.headers["cache-control"] == "no-store"
        assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("40", str(len(PICTURE)))
        assert asked.headers["upload-metadata"] == meta
        assert await control.kit.keys() == []
        last = await send(control, "PATCH", told, PICTURE[40:], upload_offset="40", **BYTES)
        assert (last.status, last.headers["upload-offset"]) == (204, str(len(PICTURE)))
        assert await control.kit.keys() == ["a/b.png"]
        again = await send(control, "HEAD", told, **TUS)
        assert again.headers["upload-offset"] == again.headers["upload-length"] == str(len(PICTURE))
        assert_problem(await send(control, "PATCH", told, b"x", upload_offset="0", **BYTES), 410, "upload_over")

    asyncio.run(run())


def test_the_server_says_what_it_can() -> None:
    """OPTIONS names version, extensions, checksums and the greatest size."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        answer = await control.raw("OPTIONS", told["url"].encode(), key=None)
        assert answer.status == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-max-size"] == "300000"
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
        assert "creation-with-upload" in answer.headers["tus-extension"].split(",")

    asyncio.run(run())


def test_an_upload_may_come_with_its_creation_or_without_one() -> None:
    """creation-with-upload; a length told later; and no creation at all: the address itself is the upload."""

    async def run() -> None:
        control = Control()
        one = await ticket(control, method="tus", key="1.png")
        created = await send(control, "POST", one, PICTURE, upload_length=str(len(PICTURE)), **BYTES)
        assert (created.status, created.headers["upload-offset"]) == (201, str(len(PICTURE)))
        two = await ticket(control, method="tus", key="2.png")
        assert (await send(control, "POST", two, upload_defer_length="1", **TUS)).headers["upload-defer-length"] == "1"
        await send(control, "PATCH", two, PICTURE[:10], upload_offset="0", **BYTES)
        last = await send(
            control, "PATCH", two, PICTURE[10:], upload_offset="10", upload_length=str(len(PICTURE)), **BYTES
        )
        assert last.status == 204
        three = await ticket(control, method="tus", key="3.png")
        fresh = await send(control, "HEAD", three, **TUS)
        assert (fresh.headers["upload-offset"], fresh.headers["upload-defer-length"]) == ("0", "1")
        done = await send(control, "PATCH", three, PICTURE, upload_offset="0", upload_length=str(len(PICTURE)), **BYTES)
        assert done.status == 204
        assert await control.kit.keys() == ["1.png", "2.png", "3.png"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "headers", "body", "status", "code"),
    [
        ("PATCH", {**BYTES, "upload_offset": "5"}, b"x", 409, "offset_mismatch"),
        ("PATCH", {**BYTES}, b"x", 400, "bad_upload_header"),
        ("PATCH", {**BYTES, "upload_offset": "-1"}, b"x", 400, "bad_upload_header"),
        ("PATCH", {**BYTES, "upload_offset": "9" * 30}, b"x", 400, "bad_upload_header"),
        ("PATCH", {**TUS, "upload_offset": "0", "content_type": "image/png"}, b"x", 415, "unsupported_media_type"),
        ("PATCH", {**BYTES, "upload_offset": "0"}, bytes(91), 413, "too_large"),
        ("PATCH", {**BYTES, "upload_offset": "0", "upload_length": "80"}, b"x", 400, "bad_upload_length"),
        ("PATCH", {**BYTES, "upload_offset": "0", "upload_checksum": "md5 abc="}, b"x", 400, "bad_checksum"),
        (
            "PATCH",
            {**BYTES, "upload_offset": "0", "upload_checksum": f"sha1 {base64.b64encode(bytes(20)).decode()}"},
            b"x",
            460,
            "checksum_mismatch",
        ),
        ("PATCH", {"upload_offset": "0", "content_type": BYTES["content-type"]}, b"x", 412, "tus_version"),
        ("HEAD", {"tus_resumable": "0.2.2"}, b"", 412, None),
        ("POST", {**TUS}, b"", 400, "bad_upload_header"),
        ("POST", {**TUS, "upload_length": "300001"}, b"", 413, "too_large"),
        ("POST", {**TUS, "upload_length": "0"}, b"", 400, "empty_body"),
        ("POST", {**TUS, "upload_length": "5", "upload_defer_length": "1"}, b"", 400, "bad_upload_header"),
        ("POST", {**TUS, "upload_defer_length": "2"}, b"", 400, "bad_upload_header"),
        ("POST", {**TUS, "upload_length": "5", "upload_metadata": "a b c"}, b"", 400, "bad_upload_header"),
        ("POST", {**TUS, "upload_length": "5", "upload_metadata": "a YQ==,a YQ=="}, b"", 400, "bad_upload_header"),
        ("POST", {**TUS, "upload_length": "5", "upload_metadata": "a" * 5000}, b"", 413, "upload_metadata_too_large"),
    ],
)
def test_wrong_tus_requests(method: str, headers: dict[str, str], body: bytes, status: int, code: str | None) -> None:
    """Each has the status that the protocol names, and the upload is as far as it was."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        await send(control, "POST", told, upload_length="90", **TUS)
        answer = await send(control, method, told, body, **headers)
        assert answer.status == status
        if code is not None:
            assert_problem(answer, status, code)
        if status == 412:
            assert answer.headers["tus-version"] == "1.0.0"
        asked = await send(control, "HEAD", told, **TUS)
        assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("0", "90")

    asyncio.run(run())


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_a_checksum_of_a_piece_is_checked(name: str) -> None:
    """The right digest lets the piece in; after a wrong one the same piece can be sent again."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        await send(control, "POST", told, upload_length=str(len(PICTURE)), **TUS)
        digest = base64.b64encode(hashlib.new(name, PICTURE).digest()).decode()
        wrong = await send(
            control,
            "PATCH",
            told,
            OTHER[: len(PICTURE)],
            upload_offset="0",
            upload_checksum=f"{name} {digest}",
            **BYTES,
        )
        assert wrong.status == 460
        right = await send(
            control, "PATCH", told, PICTURE, upload_offset="0", upload_checksum=f"{name} {digest}", **BYTES
        )
        assert right.status == 204
        assert (await state(control, told))["state"] == "done"

    asyncio.run(run())


def test_an_upload_can_be_given_up() -> None:
    """DELETE with the token removes the bytes; the token is used up."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        await send(control, "PATCH", told, PICTURE[:9], upload_offset="0", upload_length="90", **BYTES)
        assert (await send(control, "DELETE", told, **TUS)).status == 204
        assert await control.quarantine.used() == 0
        assert (await send(control, "HEAD", told, **TUS)).status == 410
        assert (await state(control, told))["state"] == "cancelled"

    asyncio.run(run())


def test_a_method_can_be_overridden() -> None:
    """X-HTTP-Method-Override stands for what the client cannot send, as the protocol demands."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        sent = await send(
            control,
            "POST",
            told,
            PICTURE,
            upload_offset="0",
            upload_length=str(len(PICTURE)),
            x_http_method_override="PATCH",
            **BYTES,
        )
        assert sent.status == 204
        assert await control.kit.keys() == ["a/b.png"]

    asyncio.run(run())


def test_a_resumable_upload_that_is_no_picture_fails_at_its_end() -> None:
    """The last piece says why, HEAD is 410 from then on, and nothing is left."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        answer = await send(control, "PATCH", told, bytes(90), upload_offset="0", upload_length="90", **BYTES)
        assert answer.status == 415
        assert (await send(control, "HEAD", told, **TUS)).status == 410
        assert (await state(control, told))["state"] == "failed"
        assert await control.quarantine.used() == 0

    asyncio.run(run())


def test_a_newer_request_takes_over_from_a_dead_line() -> None:
    """What the older request had received is kept, it is told 423, and the newer one goes on from there."""

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        await send(control, "POST", told, upload_length=str(len(PICTURE)), **TUS)
        messages = [{"type": "http.request", "body": PICTURE[:30], "more_body": True}]
        waits = asyncio.Event()

        async def dead() -> dict[str, Any]:
            if messages:
                return messages.pop()
            waits.set()
            await asyncio.Event().wait()
            raise AssertionError

        fields = {**BYTES, "upload-offset": "0"}
        older = asyncio.create_task(control.raw("PATCH", told["url"].encode(), headers=fields, key=None, receive=dead))
        await waits.wait()
        asked = await send(control, "HEAD", told, **TUS)
        assert asked.headers["upload-offset"] == "30"
        assert_problem(await older, 423, "upload_locked")
        last = await send(control, "PATCH", told, PICTURE[30:], upload_offset="30", **BYTES)
        assert last.status == 204

    asyncio.run(run())


def test_another_process_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that another process holds, and goes on holding, are 423 for tus and 409 for the rest."""
    monkeypatch.setattr(resumable, "LET_GO_SECONDS", 0.1)

    async def run() -> None:
        control = Control()
        told = await ticket(control, method="tus")
        put = await ticket(control, key="p")
        held = [await control.quarantine.hold(one["id"]) for one in (told, put)]
        answer = await send(control, "PATCH", told, b"x", upload_offset="0", upload_length="9", **BYTES)
        assert_problem(answer, 423, "upload_locked")
        assert_problem(await send(control, "PUT", put, PICTURE), 409, "upload_under_way")
        for one in held:
            await one.release()
        assert (await send(control, "HEAD", told, **TUS)).status == 200

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(3))
def test_any_pieces_and_any_breaks_give_the_same_picture(seed: int) -> None:
    """Pieces of random size, lines that break at random bytes: what HEAD says is what is kept, to the last byte."""

    async def run() -> None:
        rolls = random.Random(seed)
        control = Control(kit=Kit(limits=Limits(upload_bytes=300_000)))
        data = picture(size=(200, 100), form="BMP") if seed == 9 else picture("teal", (300, 300), "JPEG")
        told = await ticket(control, method="tus", key="r.jpg")
        await send(control, "POST", told, upload_length=str(len(data)), **TUS)
        while True:
            asked = await send(control, "HEAD", told, **TUS)
            offset = int(asked.headers["upload-offset"])
            if offset == len(data):
                break
            piece = data[offset : offset + rolls.randrange(1, 900)]
            cut = rolls.randrange(len(piece) + 1)
            messages: list[dict[str, Any]] = [
                {"type": "http.request", "body": piece[:cut], "more_body": True},
                {"type": "http.disconnect"},
            ]
            if rolls.random() < 0.5:
                messages = [{"type": "http.request", "body": piece, "more_body": False}]

            async def receive(messages: list[dict[str, Any]] = messages) -> dict[str, Any]:
                return messages.pop(0)

            fields = {**BYTES, "upload-offset": str(offset)}
            await control.raw("PATCH", told["url"].encode(), headers=fields, key=None, receive=receive)
        shown = await state(control, told)
        assert shown["original"]["sha256"] == hashlib.sha256(data).hexdigest()

    asyncio.run(run())
