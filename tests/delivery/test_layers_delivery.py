"""Pictures of several originals: found, named by all their versions, remembered only while all are the same."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from tests.gateway.platforms import picture, play

from imagemill import assembly
from imagemill.delivery.cache_tags import tag_of
from imagemill.delivery.layers import superseded, version_of_layers
from imagemill.engine.port import Facts
from imagemill.errors import InvalidRequest
from imagemill.object_store.port import ObjectInfo
from imagemill.originals.values import Original
from imagemill.recipe.canonical import leaf_of, without_layers
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format
from imagemill.recipe.wording import to_base64url

BLUE, GREEN = (20, 20, 220), (20, 200, 20)
URL = "/img/w=80,fm=png,wm=logo.png,wmpos=center,wmscale=50p/a.png"


async def put(client: httpx.AsyncClient, folder: Path, key: str, colour: tuple[int, int, int]) -> dict[str, str]:
    """Upload a picture of one colour and return its record."""
    headers = {"x-api-key": (folder / "admin.key").read_text().strip()}
    answer = await client.put(f"/v1/originals/{key}", content=picture(colour, size=(40, 40)), headers=headers)
    assert answer.status_code in (200, 201), answer.text
    record: dict[str, str] = answer.json()
    return record


def middle(answer: httpx.Response) -> tuple[int, ...]:
    """The colour in the middle of a picture, where the logo is."""
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content)).convert("RGB")
    colour = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(colour, tuple)
    return tuple(int(level) for level in colour)


def test_a_replaced_logo_is_seen_at_once(tmp_path: Path) -> None:
    """In every tier: after the PUT the next answer has the new logo, whatever was kept, and other validators."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await put(client, tmp_path, "logo.png", BLUE)
        first = await client.get(URL)
        assert middle(first) == BLUE
        for _ in range(2):
            assert "detail=memory" in (await client.get(URL)).headers["cache-status"]
        await platform.maker.drain()
        await put(client, tmp_path, "logo.png", GREEN)
        second = await client.get(URL, headers={"if-none-match": first.headers["etag"]})
        assert middle(second) == GREEN
        assert "detail=made" in second.headers["cache-status"]
        assert second.headers["etag"] != first.headers["etag"]
        seen = await client.get(URL, headers={"if-modified-since": second.headers["last-modified"]})
        assert seen.status_code == 200  # a copy of that second may be the old one
        assert (await client.get(URL, headers={"if-none-match": second.headers["etag"]})).status_code == 304
        await platform.maker.drain()
        await put(client, tmp_path, "logo.png", BLUE)
        assert middle(await client.get(URL)) == BLUE

    play(tmp_path, scene)


def test_what_was_made_with_an_old_logo_is_removed(tmp_path: Path) -> None:
    """Of one picture with one logo one variant is kept, however often the logo changes; others stay."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        for colour in (BLUE, GREEN, BLUE, GREEN):
            await put(client, tmp_path, "logo.png", colour)
            assert middle(await client.get(URL)) == colour
            assert (await client.get(URL.replace("50p", "40p"))).status_code == 200
            assert (await client.get("/img/w=80,fm=png/a.png")).status_code == 200
            await platform.maker.drain()
        kept = [info.name.leaf for info in await platform.variants.list("default", "a.png")]
        assert len(kept) == 3
        assert sum(",~" in leaf for leaf in kept) == 2

    play(tmp_path, scene)


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    """404 says which option names what is not there; deleting a logo makes its pictures 404."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get("/img/wm=a.png,wm2=none.png/a.png")
        assert answer.status_code == 404
        problem = answer.json()
        assert problem["code"] == "no_such_layer"
        assert problem["errors"][0]["option"] == "wm2"
        assert "none.png" in problem["detail"]
        assert answer.headers["cache-control"] == "public, max-age=5"
        await put(client, tmp_path, "logo.png", BLUE)
        for _repeat in range(3):
            assert middle(await client.get(URL)) == BLUE
        headers = {"x-api-key": (tmp_path / "admin.key").read_text().strip()}
        assert (await client.delete("/v1/originals/logo.png", headers=headers)).status_code == 204
        assert (await client.get(URL)).status_code == 404

    play(tmp_path, scene)


@pytest.mark.parametrize("key", [".imagemill/admin.key", ".imagemill", "b\u202ei.png", "a\u2028b"])
def test_a_layers_key_is_a_key_like_any_other(tmp_path: Path, key: str) -> None:
    """What could not be asked as a picture cannot be asked as a layer: 400."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        answer = await client.get(f"/img/wm={quote(key, safe='')}/a.png")
        if "/" in key:  # a value holds no slash: then it comes as base64url
            answer = await client.get(f"/img/wm64={to_base64url(key)}/a.png")
        assert answer.status_code == 400, answer.text

    play(tmp_path, scene)


def test_a_picture_may_be_its_own_layer(tmp_path: Path) -> None:
    """The same key twice is two descriptors of one file."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        assert (
            await client.get("/img/w=80,wm=a.png,wmscale=20p,wm2=a.png,wm3=a.png,wm4=a.png/a.png")
        ).status_code == 200

    play(tmp_path, scene)


def test_a_picture_with_layers_is_never_immutable(tmp_path: Path) -> None:
    """`?v=` speaks of the picture and not of its logo; the logo's tag is among the cache tags."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        logo = await put(client, tmp_path, "logo.png", BLUE)
        record = await put(client, tmp_path, "a.png", GREEN)
        plain = await client.get(f"/img/w=80/a.png?v={record['version']}")
        assert "immutable" in plain.headers["cache-control"]
        for _round in range(3):
            layered = await client.get(f"{URL}?v={record['version']}")
            assert layered.headers["cache-control"].startswith("public, max-age=600")
        assert (await client.get(f"{URL}?v={logo['version']}")).headers["cache-control"] == "no-cache"
        tags = layered.headers["cache-tag"].split(",")
        assert tag_of("default", "logo.png") in tags
        assert tag_of("default", "a.png") in tags

    play(tmp_path, scene)


def test_many_askers_cost_one_transcode(tmp_path: Path) -> None:
    """A picture with layers is made once too."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        await put(client, tmp_path, "logo.png", BLUE)
        answers = await asyncio.gather(*(client.get(URL) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert sum("detail=made" in answer.headers["cache-status"] for answer in answers) == 1

    play(tmp_path, scene)


def test_text_needs_leave_and_a_font_that_is_here(tmp_path: Path) -> None:
    """Unsigned text is 403 unless the site allows it; an unknown font is 400 with the list, before anything is made."""

    async def allowed(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        assert (await client.get("/img/w=80,text=Hi/a.png")).status_code == 200
        answer = await client.get("/img/text=Hi,textfont=Papyrus/a.png")
        assert answer.status_code == 400
        assert answer.json()["code"] == "unknown_font"
        assert "DejaVuSans-Bold" in answer.json()["detail"]
        huge = await client.get("/img/text=HelloWorld,textsize=4000/a.png")
        assert huge.status_code == 400
        assert huge.json()["errors"][0]["option"] == "textsize"

    async def closed(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        assert (await client.get("/img/text=Hi/a.png")).json()["code"] == "needs_signature"

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    play(tmp_path / "one", allowed, **{"delivery.allow": "text"})
    play(tmp_path / "two", closed)


def test_explain_knows_the_layers(tmp_path: Path) -> None:
    """The name that it shows is the one under which the variant is kept."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await put(client, tmp_path, "logo.png", BLUE)
        headers = {"x-api-key": (tmp_path / "admin.key").read_text().strip()}
        before = (await client.get("/v1/explain", params={"url": URL}, headers=headers)).json()
        assert middle(await client.get(URL)) == BLUE
        await platform.maker.drain()
        after = (await client.get("/v1/explain", params={"url": URL}, headers=headers)).json()
        assert (before["kept"], after["kept"]) == (False, True)
        assert before["variant"] == after["variant"]

    play(tmp_path, scene)


# --- names ---------------------------------------------------------------------------------------------------------


def original(etag: str) -> Original:
    """An original with these bytes."""
    info = ObjectInfo(key="logo.png", size=3, etag=etag, modified=0.0, content_type="image/png")
    return Original(site="default", key="logo.png", info=info, facts=Facts(format="png", width=1, height=1))


def test_the_layers_version_depends_on_each_and_their_order() -> None:
    """12 hex digits; none without layers."""
    one, other = original("1" * 64), original("2" * 64)
    versions = {version_of_layers(layers) for layers in ((one,), (other,), (one, other), (other, one), (one, one))}
    assert len(versions) == 5
    assert all(len(version) == 12 and int(version, 16) >= 0 for version in versions)
    assert version_of_layers(()) == ""


def test_only_the_same_options_with_other_layers_are_superseded() -> None:
    """Neither other options, nor other formats, nor pictures without layers."""
    recipe = parse_options("w=80,wm=logo.png").recipe
    longer = parse_options(f"w=80,wm=logo.png,text={'a' * 300}").recipe
    leaf = leaf_of(recipe, Format.WEBP, "webp", "0" * 12)
    same = leaf_of(recipe, Format.WEBP, "webp", "f" * 12)
    others = [
        leaf_of(recipe, Format.WEBP, None, "f" * 12),
        leaf_of(recipe, Format.AVIF, "avif", "f" * 12),
        leaf_of(longer, Format.WEBP, "webp", "f" * 12),
        leaf_of(parse_options("w=80").recipe, Format.WEBP, "webp"),
        leaf_of(recipe, Format.WEBP, "webp"),
    ]
    assert superseded(leaf, [leaf, same, *others[:4]]) == [same]
    assert without_layers(leaf) == without_layers(same) == others[4]
    assert without_layers(others[3]) == others[3]


def test_no_url_can_name_the_file_of_a_variant_with_layers() -> None:
    """A web server that maps a URL's options to a file finds nothing for any list of options that is one."""
    leaf = leaf_of(parse_options("w=80,wm=logo.png").recipe, Format.WEBP, None, "0" * 12)
    with pytest.raises(InvalidRequest, match="name=value"):
        parse_options(leaf.removesuffix(".webp"))
