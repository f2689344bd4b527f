"""The 49 cases of the collection of attacks on signatures, each asked of the real server (threats G1, G2).

One table: the case as the collection names it, and what is asked and answered. A private prefix is what is asked for,
so without a good signature nothing of it can be seen. Where the contract answers 200 the words beside it say why.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from tests.gateway.platforms import picture
from tests.serving import RunningServer, serving
from tests.signing.signing_kit import KEY_ID, SECRET, Got, ask, cookies, moment, pem, policy, rsa_key, signer

from imagemill.signing.sign import signed_url
from imagemill.signing.signature import image_text, signature_of

HOST = "https://img.example.com"
KEY = "users/ann/cat.png"
OPTIONS = "w=20,fm=png"
PATH = f"/img/{OPTIONS}/{KEY}"


class Asked(NamedTuple):
    """One request and its answer; `headers` as `ask` takes them."""

    target: str
    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    method: str = "GET"


@dataclass
class Site:
    """A running server, and the keys that it knows."""

    server: RunningServer
    retired: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with private prefixes, a short key, one that has retired, and CloudFront's public key."""
    data = tmp_path_factory.mktemp("cases") / "data"
    data.mkdir()
    key = data.parent / "public.pem"
    key.write_text(pem(rsa_key()))
    env = {
        "IMAGEMILL_DELIVERY__PRIVATE": "users/",
        "IMAGEMILL_SIGNING__KEYS": f"web:{SECRET}",
        "IMAGEMILL_SIGNING__PUBLIC_KEYS": f"{KEY_ID}:{key}",
        "IMAGEMILL_SERVER__PUBLIC_URL": HOST,
    }
    with serving(data, "--workers", "1", env=env) as server, server.client() as admin:
        for name in (KEY, "users/bob/cat.png", "users/ann/é.png", "users/ann/a+b.png", "users/ann/a b.png"):
            assert admin.put(f"/v1/originals/{quote(name)}", content=picture()).status_code == 201
        wanted = {"kid": "gone", "retires": "2020-01-01T00:00:00Z"}
        made = admin.post("/v1/signing-keys", json=wanted)
        assert made.status_code == 201, made.text
        yield Site(server, made.json()["secret"])


def now() -> int:
    """The second it is."""
    return int(time.time())


def short(
    options: str = OPTIONS, key: str = KEY, *, exp: object = None, secret: str = SECRET, path: str | None = None
) -> str:
    """A signed URL; `exp` is text as it stands, by default a minute from now."""
    until = str(now() + 60 if exp is None else exp)
    s = signature_of(secret.encode(), image_text(options, key, until))
    return f"{path or f'/img/{options}/{quote(key)}'}?exp={quote(until)}&s={s}"


def with_letter(letters: str) -> str:
    """A signed URL whose signature has one of these letters."""
    return next(link for step in range(100) if set((link := short(exp=now() + 60 + step))[-43:]) & set(letters))


def signature(link: str) -> str:
    """The signature of a link."""
    return link.rpartition("s=")[2]


def canned(path: str = PATH, host: str = HOST, until: int = 60) -> str:
    """A link of CloudFront's, without its host."""
    url = host + path
    query: str = signer().generate_presigned_url(url, date_less_than=moment(now() + until))[len(url) :]
    return path + query


def custom(resource: str = f"{HOST}{PATH}", path: str = PATH, until: int = 60, raw: str = "", **conditions: Any) -> str:
    """A link with a custom policy, without its host."""
    text = raw or policy(resource, now() + until, **conditions)
    query: str = signer().generate_presigned_url(HOST + path, policy=text)[len(HOST + path) :]
    return path + query


def cookie(resource: str, **conditions: Any) -> dict[str, str]:
    """The cookies of a policy."""
    return {"cookie": cookies(policy(resource, now() + 60, **conditions))}


def source_ip(network: str) -> dict[str, Any]:
    """A condition on the client's address."""
    return {"IpAddress": {"AWS:SourceIp": network}}


def starts(seconds: int) -> dict[str, Any]:
    """A condition on the beginning."""
    return {"DateGreaterThan": {"AWS:EpochTime": now() + seconds}}


def upper_hex() -> str:
    """The digest as other platforms write it."""
    digest = hmac.new(SECRET.encode(), image_text(OPTIONS, KEY).encode(), hashlib.sha256).hexdigest()
    return f"{PATH}?s={digest.upper()}"


def jwt(header: dict[str, str]) -> str:
    """A token with a good claim and no signature that anybody made."""
    parts = (header, {"sub": "ann", "exp": now() + 60})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def bits() -> list[Asked]:
    """Each bit of one character of the key, the end and the signature; all others are in test_gate."""
    link = short()
    places = [link.index("cat"), link.index("exp=") + 8, len(link) - 20]
    changed = [link[:at] + chr(ord(link[at]) ^ 1 << bit) + link[at + 1 :] for at in places for bit in range(7)]
    return [Asked(one, 403) for one in changed if set(one) <= set(SAFE)]


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~=/,?&"

CASES: dict[str, Callable[[Site], list[Asked]]] = {
    "no signature": lambda site: [Asked(PATH, 403), Asked("/img/w=20/users/nobody.png", 403)],
    "empty signature": lambda site: [Asked(f"{PATH}?s=", 403), Asked(f"{PATH}?exp={now() + 9}&s=", 403)],
    "signature of another path": lambda site: [Asked(short(path=PATH.replace("20", "21")), 403)],
    "signature of another key": lambda site: [
        Asked(short(path=PATH.replace("ann", "bob")), 403),
        Asked(short(secret="another-key-nobody-knows"), 403),
    ],
    "retired key after its grace": lambda site: [
        Asked(short(secret=site.retired), 403),
        Asked(short(secret=site.retired) + "&kid=gone", 403),
    ],
    "one bit changed": lambda site: bits(),
    "truncated by one character": lambda site: [Asked(short()[:-1], 403)],
    "padded with =": lambda site: [Asked(short() + "=", 403), Asked(short() + "%3D", 403)],
    "standard base64 alphabet (+ /) instead of url-safe": lambda site: [
        Asked((link := with_letter("-_"))[:-43] + link[-43:].replace("-", "+").replace("_", "/"), 403)
    ],
    "upper-case hex": lambda site: [Asked(upper_hex(), 403)],
    "signature twice in the query": lambda site: [
        Asked((link := short()) + "&s=" + signature(link), 400),
        Asked(link + "&%73=" + signature(link), 400),
    ],
    "signature as array sig[]=": lambda site: [Asked(short().replace("s=", "s[]="), 403)],
    "signature put inside the path twice (thumbor e3ae3e25)": lambda site: [
        Asked(f"/img/{(s := signature(short()))}/{s}/{OPTIONS}/{KEY}", 400)
    ],
    "path with %2F for /": lambda site: [
        Asked(short().replace("ann/", "ann%2F"), 400),
        Asked(short().replace("png/users", "png%2Fusers"), 400),
    ],
    # Leading slashes are dropped by contract; inside a key they are refused.
    "path with doubled //": lambda site: [
        Asked(short().replace("png/users", "png//users"), 200),
        Asked(short().replace("ann/", "ann//"), 400),
    ],
    "path with /./ and /../": lambda site: [
        Asked(short().replace("ann/", "ann/./"), 400),
        Asked(short().replace("ann/", "bob/../ann/"), 400),
        Asked(short().replace("ann/", "bob/%2e%2e/ann/"), 400),
    ],
    # The signature covers what the URL means, decoded once: two spellings of one letter are one link (contract).
    "upper/lower percent hex (%2f / %2F)": lambda site: [
        Asked((link := short(key="users/ann/é.png")), 200),
        Asked(link.replace("%C3%A9", "%c3%a9"), 200),
        Asked(canned().replace("ann/", "ann%2f"), 400),
    ],
    "unreserved character encoded (%61 for a)": lambda site: [
        Asked(short().replace("ann", "%61nn"), 200),
        Asked(canned().replace("ann", "%61nn"), 403),
    ],
    "+ versus %20": lambda site: [
        Asked((link := short(key="users/ann/a+b.png")), 200),
        Asked(link.replace("%2B", "%20"), 403),
        Asked(link.replace("%2B", "+"), 200),  # a plus is a plus
    ],
    "NFC versus NFD": lambda site: [Asked(short(key="users/ann/é.png").replace("%C3%A9", "e%CC%81"), 403)],
    # Other parameters are ignored and never part of a key (contract); CloudFront signs the whole URL.
    "extra unsigned query parameter": lambda site: [Asked(short() + "&utm=x", 200), Asked(canned() + "&utm=x", 403)],
    "same parameter twice": lambda site: [
        Asked(short() + f"&exp={now() + 99}", 400),
        Asked(short() + "&kid=web&kid=web", 400),
        Asked(canned() + "&Expires=9999999999", 403),
    ],
    "parameters in another order": lambda site: [
        Asked(f"{(link := short()).partition('?')[0]}?{'&'.join(reversed(link.partition('?')[2].split('&')))}", 200)
    ],
    "a&b moved across = and & (SIH joins decoded pairs: a=1%26b=2 versus a=1&b=2)": lambda site: [
        Asked(short(exp=f"{now() + 60}&v=2"), 403),
        Asked(short().replace("&s=", "%26s="), 403),
        Asked(short(exp=f"{now() + 60}\n2").replace("%0A", "&v="), 403),
    ],
    "fragment added": lambda site: [Asked(short() + "#x", 200)],  # no client sends one, and no server reads one
    # A key belongs to a site, and a short signature names no host; a link of CloudFront's does.
    "other host, same path": lambda site: [
        Asked(short(), 200, {"host": "other.example.com"}),
        Asked(canned(host="https://other.example.com"), 403, {"host": "other.example.com"}),
        Asked(canned(), 200, {"host": "other.example.com"}),
    ],
    "http instead of https": lambda site: [Asked(canned(host="http://img.example.com"), 403)],
    "HEAD / POST / OPTIONS with a GET signature": lambda site: [
        Asked(short(), 200, {}, "HEAD"),
        Asked(short(), 405, {"content_length": "0"}, "POST"),
        Asked(short(), 204, {}, "OPTIONS"),
        Asked(PATH, 403, {}, "HEAD"),
        Asked(PATH, 403, {}, "OPTIONS"),
    ],
    "expires one second ago": lambda site: [Asked(short(exp=now() - 1), 410), Asked(canned(until=-1), 403)],
    "expires exactly now": lambda site: [Asked(short(exp=now()), 410), Asked(canned(until=0), 403)],
    "expires in the far future beyond the allowed maximum": lambda site: [
        Asked(short(exp=now() + 8 * 86400), 403),
        Asked(short(exp=now() * 1000), 403),
    ],
    "expires negative / float / 1e9 / hex / empty / overflow / with +00:00": lambda site: [
        Asked(short(exp=exp), 403)
        for exp in (
            "-1",
            f"{now() + 60}.0",
            "1e10",
            "0x7fffffff",
            "",
            "9" * 30,
            f"{now() + 60}+00:00",
            f"+{now() + 60}",
        )
    ],
    "not-before in the future": lambda site: [Asked(custom(**starts(3600)), 403)],
    "clock of the server 5 min behind / ahead": lambda site: [
        Asked(short(exp=now() - 300), 410),
        Asked(custom(**starts(300)), 403),
        Asked(custom(**starts(20)), 200),  # 30 s of grace at the beginning
        Asked(custom(until=-300), 403),
    ],
    "policy JSON with duplicate keys": lambda site: [
        Asked(custom(raw=policy(f"{HOST}/*", now() + 60).replace('"Cond', '"Resource":"https://x/*","Cond')), 403)
    ],
    "policy JSON with wildcard * alone": lambda site: [
        Asked(custom("*"), 403),
        Asked(custom("http*://*/*"), 403),
        Asked(custom(f"{HOST}/*"), 200),
    ],
    "policy with ? wildcard": lambda site: [
        Asked(custom(f"{HOST}/img/w=??,fm=png/users/ann/c?t.png"), 200),
        Asked(custom(f"{HOST}/img/w=?,fm=png/users/ann/c?t.png"), 403),
    ],
    "policy resource prefix of another tenant": lambda site: [
        Asked(custom(f"{HOST}/img/*/users/bob/*"), 403),
        Asked(custom(f"{HOST}/img/*/users/an/*"), 403),
        Asked(custom(f"{HOST}/img/*/users/bob/*", "/img/_/users/ann/users/bob/cat.png"), 403),
    ],
    "policy with IpAddress 0.0.0.0/0 and another /32": lambda site: [
        Asked(custom(IpAddress={"AWS:SourceIp": ["0.0.0.0/0", "192.0.2.1/32"]}), 403),
        Asked(custom(**source_ip("192.0.2.1/32")), 403),
        Asked(custom(**source_ip("0.0.0.0/0")), 200),
        Asked(custom(**source_ip("127.0.0.1/32")), 200),
    ],
    "client IP by X-Forwarded-For from an untrusted hop": lambda site: [
        Asked(custom(**source_ip("192.0.2.1/32")), 403, {"x_forwarded_for": "192.0.2.1"}),
        Asked(custom(**source_ip("127.0.0.1/32")), 200, {"x_forwarded_for": "192.0.2.1"}),
    ],
    "Key-Pair-Id of another tenant": lambda site: [
        Asked(canned().replace(KEY_ID, "KOTHERTENANT"), 403),
        Asked(canned().replace(KEY_ID, "web"), 403),
        Asked(short() + f"&kid={KEY_ID}", 403),
    ],
    "Policy and Expires both given": lambda site: [
        Asked(custom() + f"&Expires={now() + 60}", 403),
        Asked(canned() + "&Policy=" + custom().partition("Policy=")[2].partition("&")[0], 403),
    ],
    "signed URL and signed cookie disagree (URL wins in CloudFront)": lambda site: [
        Asked(canned(until=-1), 403, cookie(f"{HOST}/*")),
        Asked(short(secret="another-key-nobody-knows"), 403, cookie(f"{HOST}/*")),
        Asked(canned(), 200, cookie(f"{HOST}/img/*/users/bob/*")),
        Asked(PATH, 200, cookie(f"{HOST}/*")),
    ],
    "cookie for a sibling path": lambda site: [
        Asked(PATH, 403, cookie(f"{HOST}/img/*/users/bob/*")),
        Asked(PATH, 200, cookie(f"{HOST}/img/*/users/ann/*")),
    ],
    "cookie replayed on another host": lambda site: [
        Asked(PATH, 403, cookie("https://other.example.com/*") | {"host": "other.example.com"})
    ],
    # There are no tokens on delivery: they are not looked at. The control API takes keys only.
    "JWT alg none / HS256 with the RSA public key / kid path traversal / jku / crit / nbf / huge exp / no exp / two "
    "signatures / nested / 1 MB token": lambda site: [
        Asked(target, status, {"authorization": f"Bearer {jwt(header)}"})
        for header in ({"alg": "none"}, {"alg": "HS256", "kid": "../../etc/passwd"}, {"alg": "RS256", "jku": HOST})
        for target, status in ((PATH, 403), ("/v1/originals", 401))
    ],
    "API key in the query (must not be accepted or must not be logged)": lambda site: [
        Asked(f"{PATH}?api_key={site.server.key}", 403),
        Asked(f"/v1/originals?api_key={site.server.key}", 400),
    ],
    "API key with trailing space / NUL / newline / other case / unicode look-alike": lambda site: [
        Asked("/v1/originals", 401, {"x_api_key": key})
        for key in (site.server.key + "x", site.server.key.swapcase(), site.server.key[:-1], site.server.key + "%00")
    ],
    # That it takes as long for each is the comparison's own promise; `make bench` measures it.
    "timing: 1000 wrong keys that share n leading characters": lambda site: [
        Asked(f"{PATH}?exp={until}&s={s[:n]}{'A' * (43 - n)}", 403)
        for until in [now() + 60]
        for s in [signature(short(exp=until))]
        for n in range(42)
        if s[n] != "A"
    ],
}


def test_the_table_has_every_case_of_the_collection(corpus: Path) -> None:
    """None is left out, and none has another name."""
    named = json.loads((corpus / "hostile" / "vectors" / "signature_cases.json").read_text())
    assert len(named) == 49
    assert set(CASES) == set(named)


@pytest.mark.parametrize("case", CASES)
def test_a_case_is_answered_as_the_table_says(site: Site, case: str) -> None:
    """Every refusal of a signature is the same, and no refusal is kept."""
    asked = CASES[case](site)
    assert asked
    for one in asked:
        got = ask(site.server.port, one.target, one.method, **one.headers)
        assert got.status == one.status, (one, got.body)
        if one.status >= 400:
            assert got.headers["cache-control"] == "no-store"
            assert "etag" not in got.headers
        if one.status == 403 and one.method == "GET":
            assert got.problem == REFUSAL
        if one.status == 200:
            assert got.headers["cache-control"].startswith("private, ")
            assert "access-control-allow-origin" not in got.headers


REFUSAL = {
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
    "detail": "This address is open only to those who have a signed link to it, and the one used has no signature that "
    "is good for it.",
    "code": "needs_signature",
}


def test_no_secret_of_all_these_requests_is_in_the_log(site: Site) -> None:
    """Signatures, cookies, keys and tokens are in no line (threat J3), nor in the metrics."""
    link, held = short(exp=now() + 77), cookie(f"{HOST}/*")["cookie"]
    private = canned(until=77)
    for got in (ask(site.server.port, link), ask(site.server.port, PATH, cookie=held), ask(site.server.port, private)):
        assert got.status == 200
    asked: list[Got] = [ask(site.server.port, link[:-1] + "*"), ask(site.server.port, f"/v1/explain?url={quote(link)}")]
    with site.server.client() as admin:
        told = admin.get("/v1/explain", params={"url": link}).text
        listed = admin.get("/v1/signing-keys").text
        metrics = admin.get("/metrics").text
    assert '"verdict":"allowed"' in told
    log = site.server.logged()
    secrets = (
        signature(link),
        SECRET,
        site.retired,
        site.server.key,
        *(one.partition("=")[2] for one in held.split("; ")),
    )
    for secret in (*secrets[:-1], private.partition("Signature=")[2].partition("&")[0]):
        assert len(secret) > 15
        for text in (log, told, listed, metrics, *(got.body.decode() for got in asked)):
            assert secret not in text
    assert PATH in log


def test_links_of_the_server_itself_are_good(site: Site) -> None:
    """`/v1/signed-urls` signs what delivery then opens, `/info` too."""
    with site.server.client() as admin:
        urls = [PATH, f"/info/{KEY}", f"{HOST}{PATH}?v=1&utm=x"]
        items = admin.post("/v1/signed-urls", json={"urls": urls, "expires": 60}).json()["items"]
    for item in items:
        assert ask(site.server.port, item["url"].removeprefix(HOST)).status == 200
    assert signed_url(PATH, "x", SECRET, exp=None, kid=None) != items[0]["url"]
