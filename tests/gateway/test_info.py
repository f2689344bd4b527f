"""`/info/<key>`: what anyone may know of a picture, found out once, at a price."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.gateway.platforms import picture, play

from imagemill import assembly
from imagemill.delivery.info import public_info
from imagemill.engine.findings import Findings

PUBLIC = {
    "key",
    "version",
    "format",
    "width",
    "height",
    "pages",
    "animated",
    "alpha",
    "colours",
    "blurhash",
    "thumbhash",
    "preview",
}


def located(orientation: int = 1) -> bytes:
    """A JPEG that tells a place and a secret."""
    exif = Image.Exif()
    exif[0x010E] = "a secret word"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 26.0), 3: "W", 4: (0.0, 7.0, 39.0)})
    out = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 40, 40)).save(out, "JPEG", exif=exif)
    return out.getvalue()


async def put(client: httpx.AsyncClient, folder: Path, key: str, data: bytes) -> str:
    """Upload and return the version."""
    secret = (folder / "admin.key").read_text().strip()
    answer = await client.put(f"/v1/originals/{key}", content=data, headers={"x-api-key": secret})
    assert answer.status_code in (200, 201), answer.text
    version: str = answer.json()["version"]
    return version


def inspections(platform: assembly.Platform) -> int:
    """How many pictures were decoded to be told of."""
    return sum(platform.metrics._buckets["inspect"])  # there is no other way to read one stage


def test_everyone_may_know_size_colours_and_placeholders(tmp_path: Path) -> None:
    """Exactly the contract's fields, as JSON that any page may read and keep as long as the picture."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get("/info/a.png")
        assert answer.status_code == 200
        told = answer.json()
        assert set(told) == PUBLIC
        assert (told["format"], told["width"], told["height"], told["pages"]) == ("png", 320, 240, 1)
        assert told["colours"] == {
            "average": "#c82828",
            "dominant": "#c82828",
            "palette": [{"colour": "#c82828", "share": 1.0}],
        }
        assert told["preview"].startswith("data:image/webp;base64,")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == (await client.get("/img/_/a.png")).headers["cache-control"]
        assert "immutable" in (await client.get(f"/info/a.png?v={told['version']}")).headers["cache-control"]
        assert (await client.get("/info/a.png?v=000000000000")).headers["cache-control"] == "no-cache"

    play(tmp_path, scene)


def test_where_it_was_taken_is_not_public(tmp_path: Path) -> None:
    """Neither the place nor any text of the file is in the public answer; the holder of a key gets both."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "me.jpg", located())
        public = await client.get("/info/me.jpg")
        assert "secret" not in public.text
        assert set(public.json()) == PUBLIC
        key = (tmp_path / "admin.key").read_text().strip()
        whole = (await client.get("/v1/info/me.jpg", headers={"x-api-key": key})).json()
        assert whole["located"] is True
        assert whole["location"] == {"latitude": 51.5072222, "longitude": -0.1275, "altitude": None}
        assert whole["exif"]["ImageDescription"] == "a secret word"

    play(tmp_path, scene)


def test_a_gps_block_without_a_place_locates_nothing(tmp_path: Path) -> None:
    """A camera without a receiver writes the block's version alone."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({0: b"\x02\x03\x00\x00"})
    out = io.BytesIO()
    Image.new("RGB", (32, 24)).save(out, "JPEG", exif=exif)

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "me.jpg", out.getvalue())
        key = (tmp_path / "admin.key").read_text().strip()
        whole = (await client.get("/v1/info/me.jpg", headers={"x-api-key": key})).json()
        assert whole["gps"] == {"GPSVersionID": [2, 3, 0, 0]}
        assert whole["located"] is False

    play(tmp_path, scene)


def test_a_new_finding_is_not_public_by_accident() -> None:
    """Every field of the findings is either public by name here, or known to be private."""
    private = {
        *("revision", "bits", "space", "profile", "orientation", "loop", "delays", "perceptual_hash"),
        *("exif", "gps", "iptc", "xmp", "texts", "location"),
    }
    fields = set(Findings.__struct_fields__)
    assert fields - private == (PUBLIC - {"key", "version", "colours"}) | {"average", "dominant", "palette"}
    assert public_info.__doc__


def test_a_picture_is_looked_at_once(tmp_path: Path) -> None:
    """Twenty at once and twenty later cost one decode; so does the answer for the holder of a key."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        answers = await asyncio.gather(*(client.get("/info/a.png") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert inspections(platform) == 1
        again = await client.get("/info/a.png")
        assert again.headers["cache-status"] == "imagemill; hit; detail=store"
        key = (tmp_path / "admin.key").read_text().strip()
        assert (await client.get("/v1/info/a.png", headers={"x-api-key": key})).status_code == 200
        assert inspections(platform) == 1

    play(tmp_path, scene)


def test_another_picture_under_the_key_is_looked_at_anew(tmp_path: Path) -> None:
    """Replaced: other colours, another version and another entity tag, one more decode."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        first = await client.get("/info/a.png")
        await put(client, tmp_path, "a.png", picture((20, 30, 220)))
        second = await client.get("/info/a.png")
        assert second.json()["colours"]["dominant"] == "#141edc"
        assert second.json()["version"] != first.json()["version"]
        assert second.headers["etag"] != first.headers["etag"]
        assert inspections(platform) == 2

    play(tmp_path, scene)


def test_validators_spare_the_body(tmp_path: Path) -> None:
    """304 for the present entity tag, the headers alone for HEAD, 412 where If-Match names another."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        whole = await client.get("/info/a.png")
        same = await client.get("/info/a.png", headers={"if-none-match": whole.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["etag"] == whole.headers["etag"]
        head = await client.head("/info/a.png")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
        other = await client.get("/info/a.png", headers={"if-match": '"x"'})
        assert other.headers["imagemill-error"] == "precondition_failed"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/info/none.png", 404, "no_such_original"),
        ("GET", "/info/", 400, "bad_key"),
        ("GET", "/info/a//b.png", 400, "bad_key"),
        ("GET", "/info/%2e%2e/a.png", 400, "bad_key"),
        ("GET", "/info/a.png?v=a&v=b", 400, "bad_parameter"),
        ("POST", "/info/a.png", 405, "method_not_allowed"),
        ("GET", "/info", 404, "not_found"),
    ],
)
def test_wrong_questions_get_problems(tmp_path: Path, method: str, path: str, status: int, code: str) -> None:
    """The same words as for pictures, as a problem document."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["imagemill-error"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"

    play(tmp_path, scene)


def test_leading_slashes_of_a_key_are_dropped(tmp_path: Path) -> None:
    """As for pictures."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        assert (await client.get("/info//a.png")).json()["key"] == "a.png"

    play(tmp_path, scene)


def test_a_flood_of_questions_is_throttled_like_one_of_makes(tmp_path: Path) -> None:
    """A client whose bucket is empty is told when to come back; what was found out before is still answered."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "b.png", picture((1, 2, 3)))
        assert (await client.get("/info/a.png")).status_code == 200
        refused = await client.get("/info/b.png")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert (await client.get("/info/a.png")).status_code == 200
        key = (tmp_path / "admin.key").read_text().strip()
        assert (await client.get("/v1/info/b.png", headers={"x-api-key": key})).status_code == 200

    play(tmp_path, scene, **{"limits.client_burst": "0.0001", "limits.client_rate": "0.000001"})


def test_a_page_of_another_site_may_ask_with_its_own_headers(tmp_path: Path) -> None:
    """The browser's question before such a request is answered."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.options("/info/a.png", headers={"origin": "https://example.org"})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"

    play(tmp_path, scene)
