"""Private pictures through the whole of delivery: closed and opened at once, in every tier and for all requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.delivery.test_layers_delivery import BLUE, middle
from tests.gateway.platforms import picture, play, running
from tests.signing.signing_kit import KEY_ID, SECRET, cookies, moment, pem, policy, rsa_key, signer

from imagemill import assembly
from imagemill.data_folder import open_data_folder
from imagemill.delivery.samples import samples_of
from imagemill.recipe.wording import to_base64url
from imagemill.settings import Settings
from imagemill.signing.signature import image_text, info_text, signature_of

HOST = "http://localhost"
URL = "/img/w=32,fm=png/a.png"
KEYS = {"signing.keys": f"web:{SECRET}"}
FAR = 4_000_000_000


class Owner:
    """Who runs the site: changes it through the control API, and signs."""

    def __init__(self, client: httpx.AsyncClient, folder: Path) -> None:
        self._client = client
        self._headers = {"x-api-key": (folder / "admin.key").read_text().strip()}

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one control request and return the good answer."""
        answer = await self._client.request(method, path, headers=self._headers | how.pop("headers", {}), **how)
        assert answer.status_code < 300, answer.text
        return answer

    async def close(self, key: str = "a.png", *, private: bool = True) -> dict[str, Any]:
        """Make an original private, or open it again; return its record."""
        record: dict[str, Any] = (await self.call("PATCH", f"/v1/originals/{key}", json={"private": private})).json()
        return record

    async def put(self, key: str, colour: tuple[int, int, int] = BLUE, query: str = "") -> None:
        """Upload a small picture of one colour."""
        await self.call("PUT", f"/v1/originals/{key}{query}", content=picture(colour, size=(40, 40)))


def signed(url: str = URL, seconds: int | None = 60, secret: str = SECRET) -> str:
    """Return the URL signed; every part of it is plain ASCII."""
    path, _, query = url.partition("?")
    version = query.removeprefix("v=")
    until = "" if seconds is None else str(int(time.time()) + seconds)
    kind, _, rest = path[1:].partition("/")
    options, _, key = rest.partition("/")
    text = image_text(options, key, until, version) if kind == "img" else info_text(rest, until, version)
    ends = [f"exp={until}"] if until else []
    return f"{path}?{'&'.join([*([query] if query else []), *ends, f's={signature_of(secret.encode(), text)}'])}"


Story = Callable[[httpx.AsyncClient, assembly.Platform, Owner], Awaitable[None]]


def tell(folder: Path, story: Story, **flags: str) -> None:
    """Run one story on a fresh site with a signing key."""

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        await story(client, platform, Owner(client, folder))

    play(folder, scene, **KEYS, **flags)


def age_of(answer: httpx.Response) -> int:
    """Return for how long a browser may keep a private answer."""
    return int(answer.headers["cache-control"].removeprefix("private, max-age="))


@pytest.mark.parametrize("closed", [{"delivery.access": "signed"}, {"delivery.private": "users/"}])
def test_that_nothing_is_there_is_told_to_the_holder_of_a_link_alone(closed: dict[str, str], tmp_path: Path) -> None:
    """A stranger gets the same 403 as for what is there, so no cache that others share may keep the 404 (C5, G8)."""

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        for path in ("/img/w=32/users/none.png", "/info/users/none.png"):
            assert (await client.get(path)).status_code == 403
            missing = await client.get(signed(path))
            assert (missing.status_code, missing.headers["cache-control"]) == (404, "private, max-age=5"), path

    tell(tmp_path, story, **closed)


def test_that_a_picture_has_just_gone_is_told_to_the_holder_of_a_link_alone(tmp_path: Path) -> None:
    """Also where it was believed to be there, and only its decode finds out (threats C5, G8)."""

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        await owner.put("users/b.png")
        await platform.store.delete("users/b.png")
        missing = await client.get(signed("/info/users/b.png"))
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "private, max-age=5")

    tell(tmp_path, story, **{"delivery.private": "users/"})


def test_private_and_open_again_take_effect_at_once(tmp_path: Path) -> None:
    """Also for a URL that was answered from memory, and for who has a copy to compare with."""

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        for _ in range(3):
            open_answer = await client.get(URL)
            assert open_answer.status_code == 200
        record = await owner.close()
        assert (record["private"], record["url"]) == (True, None)
        for headers in ({}, {"if-none-match": open_answer.headers["etag"]}, {"range": "bytes=0-3"}):
            for method in ("GET", "HEAD"):
                refused = await client.request(method, URL, headers=headers)
                assert refused.status_code == 403
                assert refused.headers["cache-control"] == "no-store"
        assert (await client.get("/img/p=none/a.png")).status_code == 400
        assert (await client.get("/info/a.png")).status_code == 403
        assert (await client.get(signed())).content == open_answer.content
        assert (await owner.close(private=False))["url"]
        assert (await client.get(URL)).headers["cache-control"].startswith("public, ")

    tell(tmp_path, story)


def test_a_signed_answer_is_private_and_no_longer_than_its_link(tmp_path: Path) -> None:
    """From every tier, with and without a version, on 304, 206 and HEAD; never immutable, never for other origins."""

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        version = (await owner.close())["version"]
        seen = set()
        for turn in range(5):
            if turn == 3:
                await platform.maker.drain()
                platform.cache.forget("default", "a.png")
            answer = await client.get(link := signed(seconds=100))
            seen.add(answer.headers["cache-status"])
            assert 40 < age_of(answer) <= 100
            assert "access-control-allow-origin" not in answer.headers
            assert "timing-allow-origin" not in answer.headers
        assert len(seen) == 3  # made, from memory, from the store
        same = await client.get(link, headers={"if-none-match": answer.headers["etag"]})
        part = await client.get(link, headers={"range": "bytes=0-3"})
        head = await client.head(link)
        assert (same.status_code, part.status_code, head.status_code) == (304, 206, 200)
        assert all(40 < age_of(one) <= 100 for one in (same, part, head))
        assert age_of(await client.get(signed(seconds=5000))) == 600
        assert 4900 < age_of(await client.get(signed(f"{URL}?v={version}", 5000))) <= 5000
        assert age_of(await client.get(signed(f"{URL}?v={version}", None))) == 31536000
        other = await client.get(signed(f"{URL}?v=000000000000", 5000))
        assert other.headers["cache-control"] == "private, no-cache"

    tell(tmp_path, story)


def test_a_remembered_link_ends_to_the_second(tmp_path: Path) -> None:
    """A hit in memory is judged like any other, and its lifetime grows shorter."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        await client.get(signed(seconds=5000))  # made, which may take its time
        link = signed(seconds=4)
        end = int(link.partition("exp=")[2].partition("&")[0])
        ages = []
        while True:
            began = time.time()
            answer = await client.get(link)
            if answer.status_code != 200:
                break
            assert began < end
            ages.append(age_of(answer))
            assert ages[-1] <= end - began  # the answer was made after that
            await asyncio.sleep(0.05)
        assert time.time() >= end
        assert (answer.status_code, answer.headers["imagemill-error"]) == (410, "expired")
        assert answer.headers["cache-control"] == "no-store"
        assert ages == sorted(ages, reverse=True)
        assert len(set(ages)) > 1

    tell(tmp_path, story)


def test_removing_a_key_ends_its_links_at_once(tmp_path: Path) -> None:
    """Also those that are remembered; the links of other keys go on."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        made = (await owner.call("POST", "/v1/signing-keys", json={"kid": "spring"})).json()
        link, other = signed(secret=made["secret"]), signed()
        for one in (link, other) * 3:
            assert (await client.get(one)).status_code == 200
        await owner.call("DELETE", "/v1/signing-keys/spring", headers={"if-match": f'"{made["etag"]}"'})
        assert (await client.get(link)).status_code == 403
        assert "detail=memory" in (await client.get(other)).headers["cache-status"]

    tell(tmp_path, story)


def test_cookies_open_for_their_holder_only(tmp_path: Path) -> None:
    """What a cookie opened, from memory too, stays closed for everybody else."""
    key = tmp_path / "public.pem"
    key.write_text(pem(rsa_key()))

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        held = {"cookie": cookies(policy(f"{HOST}/img/*/a.png", FAR))}
        for _turn in range(3):
            assert (await client.get(URL, headers=held)).status_code == 200
            assert (await client.get(URL)).status_code == 403
        mine = {"cookie": cookies(policy(f"{HOST}/*", FAR, IpAddress={"AWS:SourceIp": "127.0.0.1/32"}))}
        link = signer().generate_presigned_url(
            HOST + URL, policy=policy(f"{HOST}/*", FAR, IpAddress={"AWS:SourceIp": "127.0.0.1/32"})
        )
        away = httpx.ASGITransport(app=client._transport.app, client=("192.0.2.9", 1))  # type: ignore[attr-defined]  # the same front door from another place
        async with httpx.AsyncClient(transport=away, base_url=HOST) as stranger:
            for _turn in range(3):
                assert (await client.get(URL, headers=mine)).status_code == 200
                assert (await client.get(link)).status_code == 200
                assert (await stranger.get(URL, headers=mine)).status_code == 403
                assert (await stranger.get(link)).status_code == 403
                assert (await stranger.get(URL, headers=held)).status_code == 200

    tell(tmp_path, story, **{"signing.public_keys": f"{KEY_ID}:{key}"})


def test_a_link_is_for_its_host_when_it_is_remembered_too(tmp_path: Path) -> None:
    """Where no public address is set, Host is part of what was judged (threat G9)."""
    key = tmp_path / "public.pem"
    key.write_text(pem(rsa_key()))

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        link = signer().generate_presigned_url(HOST + URL, date_less_than=moment(FAR))
        for _turn in range(3):
            assert (await client.get(link)).status_code == 200
            assert (await client.get(link, headers={"host": "other.example.com"})).status_code == 403

    tell(tmp_path, story, **{"signing.public_keys": f"{KEY_ID}:{key}"})


def test_a_private_logo_needs_a_signature_that_chose_it(tmp_path: Path) -> None:
    """A signed URL may draw it, a preset of the site's may; a wildcard draws only what it covers by itself."""
    key = tmp_path / "public.pem"
    key.write_text(pem(rsa_key()))
    logo = "/img/w=32,fm=png,{}wmpos=center,wmscale=50p/users/ann/a.png".format(
        f"wm64={to_base64url('users/bob/logo.png')},"
    )

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        for name in ("users/ann/a.png", "users/bob/logo.png", "users/ann/logo.png", "open.png"):
            await owner.put(name)
        on_open = logo.replace("users/ann/a.png", "open.png")
        assert (await client.get(on_open)).status_code == 403
        assert middle(await client.get(signed(on_open))) == BLUE
        await owner.call("PUT", "/v1/presets/branded", json={"options": f"wm64={to_base64url('users/bob/logo.png')}"})
        branded = await client.get("/img/p=branded,fm=png/open.png")
        assert branded.headers["cache-control"].startswith("public")
        assert (await client.get("/img/p=branded,wmop=50,fm=png/open.png")).status_code == 403
        assert (await client.get("/img/p=branded/users/ann/a.png")).status_code == 403
        assert (await client.get(signed(logo))).status_code == 200
        held = {"cookie": cookies(policy(f"{HOST}/img/*/users/ann/*", FAR))}
        assert (await client.get("/img/w=32/users/ann/a.png", headers=held)).status_code == 200
        assert (await client.get(logo, headers=held)).status_code == 403
        own = logo.replace(to_base64url("users/bob/logo.png"), to_base64url("users/ann/logo.png"))
        assert (await client.get(own, headers=held)).status_code == 200
        link = signer().generate_presigned_url(HOST + logo, date_less_than=moment(FAR))
        assert (await client.get(link)).status_code == 200

    tell(tmp_path, story, **{"signing.public_keys": f"{KEY_ID}:{key}", "delivery.private": "users/"})


def test_what_is_known_of_a_private_picture_needs_a_signature_of_its_own(tmp_path: Path) -> None:
    """The link of a picture does not open its facts, nor the other way round."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        assert (await client.get("/info/a.png")).headers["cache-control"].startswith("public")
        await owner.close()
        link = signed("/info/a.png")
        told = await client.get(link)
        assert (told.status_code, told.json()["width"]) == (200, 320)
        assert 20 < age_of(told) <= 60
        assert "access-control-allow-origin" not in told.headers
        assert (await client.get(link, headers={"if-none-match": told.headers["etag"]})).status_code == 304
        assert (await client.get("/info/a.png", headers={"if-none-match": told.headers["etag"]})).status_code == 403
        assert (await client.get(f"/info/a.png?{signed().partition('?')[2]}")).status_code == 403
        assert (await client.get(f"{URL}?{link.partition('?')[2]}")).status_code == 403
        assert (await client.get(signed("/info/a.png", -1))).status_code == 410

    tell(tmp_path, story)


@pytest.mark.parametrize("flags", [{"delivery.access": "signed"}, {"delivery.private": "a"}])
def test_nothing_is_told_of_what_may_be_there(tmp_path: Path, flags: dict[str, str]) -> None:
    """Whether there is such an original is for those with a signature."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.put("open.png")
        for key in ("a.png", "absent.png"):
            for address in (f"/img/w=32/{key}", f"/info/{key}"):
                refused = await client.get(address)
                assert (refused.status_code, refused.json()["code"]) == (403, "needs_signature")
            as_layer = await client.get(f"/img/w=32,wm={key}/open.png")
            assert (as_layer.status_code, as_layer.json()["code"]) == (403, "needs_signature")
        assert (await client.get(signed("/img/w=32/absent.png"))).status_code == 404
        record = (await owner.call("GET", "/v1/originals/a.png")).json()
        listed = (await owner.call("GET", "/v1/originals")).json()["items"]
        assert record["url"] is None
        assert listed[0]["key"] == "a.png"
        assert listed[0]["url"] is None

    tell(tmp_path, story, **flags)


def test_many_askers_of_one_picture_are_judged_each(tmp_path: Path) -> None:
    """Who waits for the same transcode as somebody with a link gets nothing of it without one (threat G8)."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        link = signed()
        answers = await asyncio.gather(*(client.get(link if n % 2 else URL) for n in range(20)))
        assert [one.status_code for one in answers] == [403, 200] * 10

    tell(tmp_path, story)


def test_a_web_server_finds_no_private_file(tmp_path: Path) -> None:
    """Neither by `~/current` nor by the version of a URL; what it found before is gone when PATCH returns."""
    home = tmp_path / ".imagemill" / "variants" / "default" / "a.png" / "~"

    def found() -> set[str]:
        """Everything that can be reached below an original's home."""
        return {str(file.relative_to(home)) for file in home.glob("*/*")}

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        version = (await owner.call("GET", "/v1/originals/a.png")).json()["version"]
        assert (await client.get(URL)).status_code == 200
        await platform.maker.drain()
        assert {name.partition("/")[0] for name in found()} == {version, "current"}
        await owner.close()
        assert found() == set()
        assert not (home / "current").is_symlink()
        assert (await client.get(signed())).status_code == 200
        await platform.maker.drain()
        kept = found()
        assert len(kept) == 1
        assert not any(name.startswith(("current/", f"{version}/")) for name in kept)
        await owner.put("a.png")  # new bytes open nothing
        assert not (home / "current").is_symlink()
        assert (await client.get(URL)).status_code == 403
        await owner.close(private=False)
        assert (home / "current").is_symlink()

    tell(tmp_path, story, **{"originals.url": f"file://{tmp_path}"})


def test_what_a_signature_reveals_is_not_left_for_a_web_server(tmp_path: Path) -> None:
    """The metadata of an open picture are for the holder of the link: the variant stays in memory."""
    home = tmp_path / ".imagemill" / "variants" / "default" / "a.png" / "~"

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        assert (await client.get("/img/meta=all,fm=png/a.png")).status_code == 403
        for _ in range(2):
            assert (await client.get(signed("/img/meta=all,fm=png/a.png"))).status_code == 200
        assert (await client.get(signed("/img/w=9,lossless=1,fm=webp/a.png"))).status_code == 200
        await platform.maker.drain()
        assert ["meta" in file.name for file in home.glob("current/*")] == [False]

    tell(tmp_path, story, **{"originals.url": f"file://{tmp_path}"})


def test_private_outlives_restarts_replacing_and_damage(tmp_path: Path) -> None:
    """What was closed opens on somebody's word only; a new original under a deleted key is a new one."""
    local = {"originals.url": f"file://{tmp_path}"}
    record = tmp_path / ".imagemill" / "variants" / "default" / "a.png" / "~" / "record.json"

    async def run() -> None:
        async with running(tmp_path, **KEYS, **local) as (client, _):
            await Owner(client, tmp_path).close()
        Image.new("RGB", (30, 30), BLUE).save(tmp_path / "a.png")  # behind our back
        for before, after in ((b"", b""), (b"}", b""), (b'"format":1', b'"format":9')):
            record.write_bytes(record.read_bytes().replace(before, after))
            async with again(tmp_path, **KEYS, **local) as client:
                assert (await client.get(URL)).status_code == 403
                assert (await client.get(signed())).status_code == 200
        async with again(tmp_path, **KEYS, **local) as client:
            owner = Owner(client, tmp_path)
            await owner.call("DELETE", "/v1/originals/a.png")
            await owner.put("a.png")
            assert (await client.get(URL)).status_code == 200
            await owner.put("b.png", query="?private=true")
            assert (await client.get("/img/w=9/b.png")).status_code == 403

    asyncio.run(run())


@asynccontextmanager
async def again(folder: Path, **flags: str) -> AsyncIterator[httpx.AsyncClient]:
    """The same site once more, with what is in its folder by now."""
    settings = Settings.load({"data.dir": folder, "server.access_log": "false", **flags}, environ={}, cwd=folder)
    held = open_data_folder(settings.data)
    platform = await assembly.build(settings, held)
    await platform.start()
    try:
        transport = httpx.ASGITransport(app=platform.app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            yield client
    finally:
        await platform.close()
        held.close()


def test_a_server_in_front_asks_before_it_answers(tmp_path: Path) -> None:
    """`/internal/authorize` says yes or no for a URL, and how long the answer is good; never to strangers."""

    async def story(client: httpx.AsyncClient, _: assembly.Platform, owner: Owner) -> None:
        await owner.put("b.png")
        await owner.close()

        async def ask(url: str, who: httpx.AsyncClient = client, **headers: str) -> httpx.Response:
            answer = await who.get("/internal/authorize", headers={"x-original-uri": url, **headers})
            assert answer.content == b"" or answer.status_code == 404
            assert answer.status_code == 404 or answer.headers["cache-control"] == "no-store"
            return answer

        yes = await ask("/img/w=32/b.png?utm=x")
        assert (yes.status_code, yes.headers["imagemill-access"]) == (204, "open")
        signed_yes = await ask(signed(seconds=100))
        assert (signed_yes.status_code, signed_yes.headers["imagemill-access"]) == (204, "signed")
        assert signed_yes.headers["imagemill-cache-control"].startswith("private, max-age=")
        assert (await ask(signed("/info/a.png"))).status_code == 204
        for url, code in (
            (URL, "needs_signature"),
            (signed(seconds=-1), "expired"),
            (signed()[:-1] + "*", "needs_signature"),
            ("/info/a.png", "needs_signature"),
            ("/img/w=0/b.png", "bad_option"),
            ("/img/w=32/absent.png", "no_such_original"),
            ("/v1/originals", "bad_path"),
            ("", "bad_path"),
        ):
            no = await ask(url)
            assert (no.status_code, no.headers["imagemill-error"]) == (403, code)
        away = httpx.ASGITransport(app=client._transport.app, client=("192.0.2.9", 1))  # type: ignore[attr-defined]  # the same front door from another place
        async with httpx.AsyncClient(transport=away, base_url=HOST) as stranger:
            assert (await ask("/img/w=32/b.png", stranger)).status_code == 404

    tell(tmp_path, story)


def test_the_landing_page_and_explanations_know_it(tmp_path: Path) -> None:
    """No sample is private; `explain` tells the verdict, who signed, and never the signature."""

    async def story(client: httpx.AsyncClient, platform: assembly.Platform, owner: Owner) -> None:
        await owner.close()
        assert await samples_of(platform.originals) == []
        told = (await owner.call("GET", "/v1/explain", params={"url": URL})).json()
        assert (told["verdict"], told["reason"]["code"], told["private"]) == ("refused", "needs_signature", True)
        link = signed()
        told = (await owner.call("GET", "/v1/explain", params={"url": link})).json()
        assert told["verdict"] == "allowed"
        assert told["signature"]["kid"] == "web"
        assert told["headers"]["cache-control"].startswith("private, ")
        assert link.rpartition("s=")[2] not in str(told)

    tell(tmp_path, story)
