"""Signing keys and signed URLs over the control API."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.control.control_kit import Control, assert_problem
from tests.signing.signing_kit import KEY_ID, pem, rsa_key

from imagemill.signing.signature import image_text, signature_of

URL = "/v1/signing-keys"


def run(story: object, public_url: str = "") -> None:
    """Run one story against a control API of its own."""

    async def whole() -> None:
        async with Control(public_url=public_url).client() as client:
            await story(client)  # type: ignore[operator]  # an async function of one client

    asyncio.run(whole())


def test_a_secret_is_shown_once() -> None:
    """In the answer that makes the key, and again to who repeats that request; never after."""

    async def story(client: httpx.AsyncClient) -> None:
        once = {"idempotency-key": "one"}
        made = await client.post(URL, json={"kid": "web"}, headers=once)
        assert made.status_code == 201
        assert made.headers["location"] == f"{URL}/web"
        record = made.json()
        assert (record["kid"], record["kind"], record["managed_by"], record["retires"]) == ("web", "hmac", "api", None)
        assert len(record["secret"]) == 43
        again = await client.post(URL, json={"kid": "web"}, headers=once)
        assert (again.status_code, again.json()) == (201, record)
        assert_problem(await client.post(URL, json={"kid": "web"}), 409, "signing_key_exists")
        got = await client.get(f"{URL}/web")
        listed = await client.get(URL)
        for answer in (got, listed):
            assert answer.status_code == 200
            assert record["secret"] not in answer.text
        assert listed.json()["items"] == [got.json()]
        assert got.headers["etag"] == f'"{record["etag"]}"'
        assert (await client.get(f"{URL}/web", headers={"if-none-match": got.headers["etag"]})).status_code == 304
        assert (await client.head(URL)).status_code == 200

    run(story)


def test_a_key_retires_and_goes_under_conditions() -> None:
    """PATCH and DELETE honour If-Match; what fails changes nothing."""

    async def story(client: httpx.AsyncClient) -> None:
        first = (await client.post(URL, json={})).json()
        address = f"{URL}/{first['kid']}"
        stale = {"if-match": '"other"'}
        later = {"retires": "2030-01-01T02:00:00+02:00"}
        assert_problem(await client.patch(address, json=later, headers=stale), 412, "precondition_failed")
        patched = await client.patch(address, json=later, headers={"if-match": f'"{first["etag"]}"'})
        assert patched.json()["retires"] == "2030-01-01T00:00:00Z"
        assert patched.json()["etag"] != first["etag"]
        assert_problem(await client.delete(address, headers=stale), 412, "precondition_failed")
        assert (await client.patch(address, json={"retires": None})).json()["retires"] is None
        assert (await client.delete(address)).status_code == 204
        assert_problem(await client.get(address), 404, "no_such_signing_key")
        assert_problem(await client.delete(address), 404, "no_such_signing_key")

    run(story)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kid": "a b"}, "bad_signing_key"),
        ({"secret": "too-few-ones"}, "bad_signing_key"),
        ({"kind": "cloudfront"}, "bad_signing_key"),
        ({"kind": "cloudfront", "public_key": "-----BEGIN RSA PRIVATE KEY-----"}, "bad_signing_key"),
        ({"kind": "hmac", "public_key": pem(rsa_key())}, "bad_signing_key"),
        ({"kind": "jwt"}, "invalid_body"),
        ({"retires": "2030-01-01T00:00:00"}, "invalid_body"),
        ({"retires": "soon"}, "invalid_body"),
        ({"name": "web"}, "invalid_body"),
    ],
)
def test_a_wrong_key_is_refused(body: dict[str, str], code: str) -> None:
    """In words, without its secret, and nothing is kept."""

    async def story(client: httpx.AsyncClient) -> None:
        told = assert_problem(await client.post(URL, json=body), 400, code)
        assert "too-few-ones" not in told["detail"]
        assert (await client.get(URL)).json()["items"] == []

    run(story)


def test_public_keys_are_kept_as_they_came() -> None:
    """Under the Key-Pair-Id that links name; they cannot sign."""

    async def story(client: httpx.AsyncClient) -> None:
        body = {"kind": "cloudfront", "kid": KEY_ID, "public_key": pem(rsa_key())}
        made = await client.post(URL, json=body)
        assert made.status_code == 201
        assert made.json()["public_key"] == pem(rsa_key())
        assert "secret" not in made.json()
        asked = {"urls": ["/img/_/a.png"]}
        assert_problem(await client.post("/v1/signed-urls", json=asked), 409, "no_signing_key")
        assert_problem(await client.post("/v1/signed-urls", json=asked | {"kid": KEY_ID}), 400, "bad_signing_key")

    run(story)


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ("/img/_/a.png", "https://img.example.com/pics/img/_/a.png?kid="),
        ("/pics/img/_/a.png", "https://img.example.com/pics/img/_/a.png?kid="),
        ("/pics/info/a.png", "https://img.example.com/pics/info/a.png?kid="),
        ("https://other.example/pics/img/_/a.png", "https://other.example/pics/img/_/a.png?kid="),
        ("//other.example/pics/img/_/a.png", "//other.example/pics/img/_/a.png?kid="),
    ],
)
def test_a_signed_path_is_a_whole_link(asked: str, begins: str) -> None:
    """Where `server.public_url` is set, as in every other answer: what is signed is there to be given away."""

    async def story(client: httpx.AsyncClient) -> None:
        await client.post(URL, json={"kid": "web"})
        answer = await client.post("/v1/signed-urls", json={"urls": [asked]})
        assert answer.json()["items"][0]["url"].startswith(begins)

    run(story, public_url="https://img.example.com/pics/")


def test_urls_are_signed_as_they_mean() -> None:
    """Whole ones and paths, with what they had in their query but an older signature; spaces and letters too."""

    async def story(client: httpx.AsyncClient) -> None:
        own = "a-secret-of-ones-own"
        assert "secret" not in (await client.post(URL, json={"kid": "web", "secret": own})).json()
        urls = [
            "/img/w=300/a b/é.png?v=12&utm=x",
            "https://img.example.com/img/w%3D300/a%20b/%C3%A9.png?v=12&utm=x&s=old&exp=1&kid=z#top",
        ]
        answer = await client.post("/v1/signed-urls", json={"urls": urls})
        right = signature_of(own.encode(), image_text("w=300", "a b/é.png", "", "12"))
        assert [one["url"] for one in answer.json()["items"]] == [
            f"/img/w=300/a%20b/%C3%A9.png?v=12&utm=x&kid=web&s={right}",
            f"https://img.example.com/img/w%3D300/a%20b/%C3%A9.png?v=12&utm=x&kid=web&s={right}",
        ]
        assert answer.json()["items"][0]["expires"] is None
        timed = (await client.post("/v1/signed-urls", json={"urls": urls[:1], "expires": 60})).json()["items"][0]
        assert timed["expires"].endswith("Z")
        for body, code in (
            ({"urls": []}, "invalid_body"),
            ({"urls": ["/img/w=0/a.png"]}, "bad_option"),
            ({"urls": ["/img/a.png"]}, "missing_options"),
            ({"urls": ["/v1/originals/a.png"]}, "bad_path"),
            ({"urls": urls, "expires": 8 * 86400}, "bad_lifetime"),
            ({"urls": urls, "expires": 0}, "bad_lifetime"),
        ):
            assert_problem(await client.post("/v1/signed-urls", json=body), 400, code)
        assert_problem(
            await client.post("/v1/signed-urls", json={"urls": urls, "kid": "no"}), 404, "no_such_signing_key"
        )

    run(story)


def test_an_original_is_private_from_its_first_moment_on() -> None:
    """`PUT ?private=true`, and PATCH both ways; the entity tag covers it."""

    async def story(client: httpx.AsyncClient) -> None:
        from tests.gateway.platforms import picture

        made = await client.put("/v1/originals/a.png?private=true", content=picture())
        assert (made.status_code, made.json()["private"], made.json()["url"]) == (201, True, None)
        assert_problem(
            await client.put("/v1/originals/a.png?private=maybe", content=picture()), 400, "invalid_parameters"
        )
        opened = await client.patch("/v1/originals/a.png", json={"private": None})
        assert opened.json()["private"] is False
        assert opened.headers["etag"] != made.headers["etag"]
        assert opened.json()["version"] == made.json()["version"]

    run(story)
