"""Originals on a web server that behaves, and on one that does not: a real one on loopback, with a CA of its own."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.servers.web import Answer, Asked, Web, answer, web_server

from imagemill.errors import ImagemillError, InvalidRequest, Overloaded, Refused
from imagemill.gateway.problems import status_of
from imagemill.object_store.https.addresses import Address, AddressPolicy, private_network
from imagemill.object_store.https.dialer import Dialer
from imagemill.object_store.https.fetch import Bounds, Fetcher
from imagemill.object_store.https.location import Reach, read_location
from imagemill.object_store.https.seen import SeenBook
from imagemill.object_store.https.store import ABSENT_SECONDS, HttpsStore
from imagemill.object_store.memory import MemoryStore

PICTURE = b"\x89PNG" + bytes(range(256)) * 20


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server whose routes each test sets."""
    with web_server(tmp_path_factory.mktemp("web"), {}) as running:
        yield running


@pytest.fixture(autouse=True)
def _anew(web: Web) -> None:
    web.routes.clear()
    web.asked.clear()


@dataclass
class Clock:
    """A monotonic clock that moves when told."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Kit:
    """A store over the server; every name leads to loopback."""

    web: Web
    scratch: Path
    bounds: Bounds = field(default_factory=lambda: Bounds(seconds=20, idle_seconds=10, max_bytes=1_000_000))
    private: Sequence[str] = ("127.0.0.1/32",)
    hosts: Sequence[str] = ("images.example.com", "*.example.org")
    clock: Clock = field(default_factory=Clock)
    documents: MemoryStore = field(default_factory=MemoryStore)
    resolved: list[str] = field(default_factory=list)
    trusted: bool = True
    plain: bool = False

    def store(self) -> HttpsStore:
        """Return a store that knows nothing yet."""
        base = read_location(f"https://images.example.com:{self.web.port}/media/")
        hosts = [f"{host}:{self.web.port}" for host in self.hosts]
        reach = Reach.of(hosts, base, plain=self.plain)
        dialer = Dialer(AddressPolicy([private_network(text) for text in self.private]), self.resolve)
        tls = ssl.create_default_context(cafile=self.web.ca) if self.trusted else None
        fetcher = Fetcher(reach, dialer, self.bounds, self.scratch, tls)
        return HttpsStore(fetcher, reach, SeenBook(self.documents, "sources/x"), recheck=60, clock=self.clock)

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Resolve everything to this machine."""
        self.resolved.append(host)
        return [ipaddress.ip_address("127.0.0.1")]

    def whole(self, host: str, target: str) -> str:
        """Return a whole address on the server."""
        return f"https://{host}:{self.web.port}{target}"


@pytest.fixture
def kit(web: Web, tmp_path: Path) -> Kit:
    """A store's surroundings."""
    return Kit(web, tmp_path)


async def read(store: HttpsStore, key: str) -> bytes | None:
    """Return the bytes of `key`."""
    opened = await store.open(key)
    if opened is None:
        return None
    try:
        data = os.pread(opened.fileno(), 10_000_000, 0)
        assert opened.info.size == len(data)
        assert opened.info.etag == hashlib.sha256(data).hexdigest()
        return data
    finally:
        opened.close()


def run(kit: Kit, scenario: Callable[[HttpsStore], Awaitable[None]]) -> None:
    """Run a scenario on a store of its own."""

    async def body() -> None:
        store = kit.store()
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(body())


def failure(kit: Kit, key: str = "x.png") -> ImagemillError:
    """Return what asking for `key` raises."""
    caught: list[ImagemillError] = []

    async def scenario(store: HttpsStore) -> None:
        with pytest.raises(ImagemillError) as error:
            await store.head(key)
        caught.append(error.value)

    run(kit, scenario)
    return caught[0]


def conditional(body: bytes, etag: str) -> Answer:
    """Return what answers 304 to who has `etag` already."""

    async def send(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.headers.get("if-none-match") == etag:
            await answer(b"", "304 Not Modified", etag=etag)(asked, writer)
        else:
            await answer(body, etag=etag, content_type="image/png")(asked, writer)

    return send


def test_an_original_is_asked_for_once(kit: Kit) -> None:
    """Head, reading the header and two makes of a new original are one question to its host."""
    kit.web.routes["/media/cats/tom.png"] = conditional(PICTURE, '"1"')

    async def scenario(store: HttpsStore) -> None:
        info = await store.head("cats/tom.png")
        assert info is not None
        assert (info.key, info.size, info.content_type) == ("cats/tom.png", len(PICTURE), "image/png")
        assert await read(store, "cats/tom.png") == PICTURE
        opened = await store.open("cats/tom.png", known=info)
        assert opened is not None
        assert opened.info == info
        opened.close()
        assert await store.stamp("cats/tom.png") == info.stamp
        assert kit.web.targets() == ["/media/cats/tom.png"]

    run(kit, scenario)


def test_only_our_own_words_are_sent(kit: Kit) -> None:
    """The name stays in Host and SNI though the connection went to a number; nothing else of anybody is sent."""
    kit.web.routes["/media/x.png"] = answer(PICTURE)

    async def scenario(store: HttpsStore) -> None:
        assert await read(store, "x.png") == PICTURE

    run(kit, scenario)
    sent = kit.web.asked[0]
    assert sent.headers["host"] == f"images.example.com:{kit.web.port}"
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.headers["cdn-loop"] == "imagemill"
    assert sent.headers.keys() == {"host", "user-agent", "accept", "accept-encoding", "cdn-loop", "connection"}


def test_a_name_whose_certificate_is_anothers_is_refused(kit: Kit) -> None:
    """A resolver that lies leads to a certificate of the wrong name."""
    kit.hosts = ("wrong.example.net",)
    kit.web.routes["/x.png"] = answer(PICTURE)
    assert status_of(failure(kit, kit.whole("wrong.example.net", "/x.png"))) == 502
    assert kit.web.asked == []


def test_an_authority_that_nobody_trusts_is_refused(kit: Kit) -> None:
    """Without ca_file the system's authorities decide."""
    kit.trusted = False
    assert status_of(failure(kit)) == 502


def test_a_change_is_noticed_by_its_validator(kit: Kit) -> None:
    """Within half of recheck nothing is asked; then 304 costs no bytes, and another picture is another stamp."""
    kit.web.routes["/media/x.png"] = conditional(PICTURE, '"1"')

    async def scenario(store: HttpsStore) -> None:
        first = await store.stamp("x.png")
        kit.clock.now += 29
        assert await store.stamp("x.png") == first
        assert len(kit.web.asked) == 1
        kit.clock.now += 2
        assert await store.stamp("x.png") == first
        assert kit.web.asked[-1].headers["if-none-match"] == '"1"'
        kit.web.routes["/media/x.png"] = conditional(PICTURE + b"!", '"2"')
        kit.clock.now += 31
        assert await store.stamp("x.png") not in (first, None)
        assert await read(store, "x.png") == PICTURE + b"!"
        assert len(kit.web.asked) == 3

    run(kit, scenario)


def test_a_new_name_for_the_same_bytes_is_no_change(kit: Kit) -> None:
    """Replicas of a host that number their ETags differently make no new variants."""
    kit.web.routes["/media/x.png"] = conditional(PICTURE, '"1"')

    async def scenario(store: HttpsStore) -> None:
        first = await store.stamp("x.png")
        kit.web.routes["/media/x.png"] = conditional(PICTURE, '"b-1"')
        kit.clock.now += 31
        assert await store.stamp("x.png") == first

    run(kit, scenario)


@pytest.mark.parametrize(
    ("control", "asked_after", "not_before"),
    [("max-age=5", 5.5, 4.0), ("no-cache", 1.5, 0.5), ("max-age=9999", 31, 29)],
)
def test_the_host_may_ask_to_be_asked_sooner(kit: Kit, control: str, asked_after: float, not_before: float) -> None:
    """Its max-age counts below recheck and not beyond: a change is noticed in time."""
    kit.web.routes["/media/x.png"] = answer(PICTURE, cache_control=control)

    async def scenario(store: HttpsStore) -> None:
        await store.stamp("x.png")
        kit.clock.now += not_before
        await store.stamp("x.png")
        assert len(kit.web.asked) == 1
        kit.clock.now += asked_after - not_before
        await store.stamp("x.png")
        assert len(kit.web.asked) == 2

    run(kit, scenario)


def test_a_restart_asks_only_whether_something_changed(kit: Kit) -> None:
    """What was learned lies among our documents: the next process gets a 304 instead of all bytes."""
    kit.web.routes["/media/x.png"] = conditional(PICTURE, '"1"')

    async def scenario(store: HttpsStore) -> None:
        info = await store.head("x.png")
        assert info is not None
        assert info.etag == hashlib.sha256(PICTURE).hexdigest()

    run(kit, scenario)
    run(kit, scenario)
    assert [asked.headers.get("if-none-match") for asked in kit.web.asked] == [None, '"1"']


def test_a_doubt_asks_at_once(kit: Kit) -> None:
    """A store event says that something changed: what was believed is not."""
    kit.web.routes["/media/x.png"] = conditional(PICTURE, '"1"')

    async def scenario(store: HttpsStore) -> None:
        await store.stamp("x.png")
        store.doubt("x.png")
        kit.web.routes["/media/x.png"] = conditional(PICTURE + b"!", '"2"')
        info = await store.head("x.png")
        assert info is not None
        assert info.size == len(PICTURE) + 1

    run(kit, scenario)


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_what_a_host_does_not_have_is_not_there(kit: Kit, status: str) -> None:
    """404 and 410 of a listed host are ours too, and are believed for some seconds."""
    kit.web.routes["/media/x.png"] = answer(b"", status)

    async def scenario(store: HttpsStore) -> None:
        assert await store.head("x.png") is None
        assert await read(store, "x.png") is None
        assert len(kit.web.asked) == 1
        kit.web.routes["/media/x.png"] = answer(PICTURE)
        kit.clock.now += ABSENT_SECONDS + 1
        assert await read(store, "x.png") == PICTURE

    run(kit, scenario)


def test_two_widths_at_once_are_one_question(kit: Kit) -> None:
    """However many open it, the bytes come once."""
    kit.web.routes["/media/x.png"] = answer(PICTURE)

    async def scenario(store: HttpsStore) -> None:
        assert await asyncio.gather(*(read(store, "x.png") for _ in range(8))) == [PICTURE] * 8
        assert len(kit.web.asked) == 1

    run(kit, scenario)


def test_a_large_body_goes_through_a_file_without_a_name(kit: Kit) -> None:
    """Its length is not announced, so it is not kept in memory; nobody can write to what a worker gets."""

    async def chunked(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PICTURE), PICTURE))

    kit.web.routes["/media/x.png"] = chunked

    async def scenario(store: HttpsStore) -> None:
        opened = await store.open("x.png")
        assert opened is not None
        assert os.pread(opened.fileno(), 10_000_000, 0) == PICTURE
        with pytest.raises(OSError):
            os.write(opened.fileno(), b"x")
        opened.close()
        assert list(kit.scratch.iterdir()) == []

    run(kit, scenario)


# ---- whole addresses


def test_a_whole_address_on_a_listed_host_is_a_key(kit: Kit) -> None:
    """Also one with a query, and one below a wildcard."""
    kit.web.routes["/a.png"] = answer(PICTURE)

    async def scenario(store: HttpsStore) -> None:
        assert await read(store, kit.whole("images.example.com", "/a.png?id=1&x=%20")) == PICTURE
        assert await read(store, kit.whole("a.example.org", "/a.png")) == PICTURE

    run(kit, scenario)
    assert kit.web.targets() == ["/a.png?id=1&x=%20", "/a.png"]


@pytest.mark.parametrize(
    ("host", "kind"),
    [("other.example.com", Refused), ("127.0.0.1", Refused), ("localhost", Refused), ("example.org", Refused)],
)
def test_any_other_host_is_refused_before_a_name_is_resolved(kit: Kit, host: str, kind: type[Exception]) -> None:
    """403, and neither a resolver nor a connection was needed to say so."""
    assert isinstance(failure(kit, kit.whole(host, "/a.png")), kind)
    assert kit.resolved == []


@pytest.mark.parametrize(
    "key", ["http://images.example.com/a.png", "file:///etc/passwd", "HTTPS://images.example.com/"]
)
def test_other_spellings_and_schemes_are_refused(kit: Kit, key: str) -> None:
    """400 or 403; plain http only where the source says so."""
    assert isinstance(failure(kit, key), InvalidRequest | Refused)


@pytest.mark.parametrize("path", ["/media/%73ecret/a.png", "/media//a.png", "/media/%c3%a9.png", "/%7Ea.png"])
def test_an_address_has_one_spelling(kit: Kit, path: str) -> None:
    """Else what is private under one name would be open under another, for hosts read both alike (threats C3, G8)."""
    assert isinstance(failure(kit, kit.whole("images.example.com", path)), InvalidRequest)
    assert kit.web.asked == []


@pytest.mark.parametrize("key", ["/secret/a.png", "secret//a.png", "x\\secret/a.png", "secret/"])
def test_a_key_that_a_host_would_mend_is_nothing(kit: Kit, key: str) -> None:
    """A slash too many or a backslash: the same picture to many hosts, another key to us."""

    async def scenario(store: HttpsStore) -> None:
        assert await store.head(key) is None
        assert await store.open(key) is None

    run(kit, scenario)
    assert kit.web.asked == []


def test_the_addresses_of_the_corpus_are_refused_and_nobody_is_connected_to(kit: Kit, corpus: Path) -> None:
    """All 71, as whole addresses: 400 or 403, no name resolved, no byte sent."""
    import json

    for name, text in json.loads((corpus / "hostile/vectors/ssrf.json").read_text("utf-8")).items():
        if not text.startswith(("REDIRECT", "DNS", "BODY")):
            assert status_of(failure(kit, text)) in (400, 403), name
    assert kit.resolved == []
    assert kit.web.asked == []


# ---- redirects


def test_redirects_within_the_list_are_followed(kit: Kit) -> None:
    """At most three, relative or to another listed host; each is resolved and checked anew."""
    kit.web.routes |= {
        "/media/x.png": answer(status="301 Moved", location="/b"),
        "/b": answer(status="302 Found", location=kit.whole("a.example.org", "/c#part")),
        "/c": answer(status="307 Again", location="d"),
        "/d": answer(PICTURE),
    }

    async def scenario(store: HttpsStore) -> None:
        assert await read(store, "x.png") == PICTURE

    run(kit, scenario)
    assert kit.resolved == ["images.example.com", "images.example.com", "a.example.org", "a.example.org"]


@pytest.mark.parametrize(
    "location",
    [
        "/media/x.png",
        "http://127.0.0.1:9/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "//169.254.169.254/latest",
        "https://other.example.com/",
        "http://images.example.com/",
        "https://images.example.com:22/",
        "https://user@images.example.com/",
        "https://images.example.com\\@127.0.0.1/",
        "gopher://127.0.0.1:6379/_INFO",
        "",
        "\u00e9",
    ],
)
def test_redirects_out_of_the_list_are_not_followed(kit: Kit, location: str) -> None:
    """To itself, to another scheme, port or host, or to nothing: 502, and no further connection than the first ones."""

    async def redirect(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: " + location.encode() + b"\r\n\r\n")

    kit.web.routes["/media/x.png"] = redirect
    assert status_of(failure(kit)) == 502
    assert set(kit.resolved) == {"images.example.com"}
    assert len(kit.web.asked) <= 4


def test_a_redirect_never_leads_from_https_to_http(kit: Kit) -> None:
    """Not even where the source may ask http as well: what began encrypted stays so."""
    kit.plain = True
    kit.web.routes["/media/x.png"] = answer(
        status="302 Found", location=f"http://images.example.com:{kit.web.port}/media/y.png"
    )
    assert status_of(failure(kit)) == 502
    assert len(kit.resolved) == 1


def test_every_redirect_of_the_corpus_ends_there(kit: Kit, corpus: Path) -> None:
    """Each address case as the target of a redirect: refused like the rest."""
    import json

    for name, text in json.loads((corpus / "hostile/vectors/ssrf.json").read_text("utf-8")).items():
        target = text.removeprefix("REDIRECT 302 -> ").replace("self", "/media/x.png")
        if target.startswith(("DNS", "BODY")) or not target.isascii() or "\t" in target:
            continue
        kit.web.routes["/media/x.png"] = answer(status="302 Found", location=target)
        kit.resolved.clear()
        assert status_of(failure(kit)) == 502, name
        assert set(kit.resolved) == {"images.example.com"}, name


def test_a_redirect_to_a_name_of_an_inner_address_is_not_followed(kit: Kit) -> None:
    """The list lets the name through; the address does not get past the dialer."""
    kit.web.routes["/media/x.png"] = answer(status="302 Found", location=kit.whole("inner.example.org", "/"))
    outer = kit.resolve

    async def resolve(host: str, port: int) -> Sequence[Address]:
        await outer(host, port)
        return [ipaddress.ip_address("127.0.0.2" if host.startswith("inner") else "127.0.0.1")]

    kit.resolve = resolve  # type: ignore[method-assign]  # the one part of the kit that this test turns
    assert status_of(failure(kit)) == 502
    assert kit.resolved == ["images.example.com", "inner.example.org"]
    assert len(kit.web.asked) == 1


# ---- hosts that misbehave


def raw(*pieces: bytes, pause: float = 0.0, end: float = 0.0) -> Answer:
    """Return what sends these pieces as they are, with a pause after each, and holds the connection for `end`."""

    async def send(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        await asyncio.sleep(end)

    return send


HEAD = b"HTTP/1.1 200 OK\r\n"


def test_a_silent_body_is_given_up(kit: Kit) -> None:
    """One byte every five seconds: over after `idle_seconds` without one."""
    kit.bounds = Bounds(seconds=30, idle_seconds=0.2, max_bytes=1000)
    kit.web.routes["/media/x.png"] = raw(HEAD + b"content-length: 100\r\n\r\nx", end=30)
    began = time.monotonic()
    assert status_of(failure(kit)) == 504
    assert time.monotonic() - began < 15


def test_a_dripping_body_is_given_up(kit: Kit) -> None:
    """Never idle for long, and never done: over after `seconds` in all."""
    kit.bounds = Bounds(seconds=0.5, idle_seconds=10, max_bytes=10_000)
    kit.web.routes["/media/x.png"] = raw(HEAD + b"content-length: 5000\r\n\r\n", *[b"x"] * 5000, pause=0.02)
    began = time.monotonic()
    assert status_of(failure(kit)) == 504
    assert time.monotonic() - began < 15


def test_a_head_that_never_ends_is_given_up(kit: Kit) -> None:
    """Header after header."""
    kit.bounds = Bounds(seconds=0.5, idle_seconds=10, max_bytes=10_000)
    kit.web.routes["/media/x.png"] = raw(HEAD, *[b"x: y\r\n"] * 5000, pause=0.02)
    assert status_of(failure(kit)) == 504


async def _endless(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()
        await asyncio.sleep(0)  # drain alone never gives way on a lost connection, and so never learns of it


async def _announced(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"content-length: 1000000000000\r\n\r\n")


async def _chunks(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "behaviour",
    [
        _endless,
        _announced,
        _chunks,
        raw(HEAD + b"content-length: 100\r\n\r\nshort"),
        raw(HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nfifths"),
        raw(HEAD + b"content-length: -5\r\n\r\n"),
        raw(HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        raw(HEAD + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00"),
        raw(HEAD + b"x: " + b"y" * 300_000 + b"\r\n\r\n"),
        raw(HEAD + b"x: y\r\n" * 200 + b"content-length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 10 + b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        raw(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\n\r\nx"),
        raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        raw(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        raw(b"-ERR unknown command 'GET'\r\n"),
        raw(b""),
    ],
)
def test_a_host_that_misbehaves_says_nothing_about_itself(kit: Kit, behaviour: Answer) -> None:
    """Endless, lying, encoded, bombs, other protocols, errors: one 502 in the same words, nothing left on the disk."""
    kit.web.routes["/media/x.png"] = behaviour
    error = failure(kit)
    assert (status_of(error), error.code) == (502, "source_failed")
    assert error.sentence == "The host of this original could not deliver it."
    assert list(kit.scratch.iterdir()) == []


def test_bytes_beyond_the_announced_length_are_nobodys_next_answer(kit: Kit) -> None:
    """A length that lies low: what it says is taken, and the rest ends with the connection."""
    second = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    kit.web.routes |= {
        "/media/x.png": raw(HEAD + b"content-length: 5\r\n\r\nfirst" + second * 100),
        "/media/y.png": answer(b"honest"),
    }

    async def scenario(store: HttpsStore) -> None:
        assert await read(store, "x.png") == b"first"
        assert await read(store, "y.png") == b"honest"

    run(kit, scenario)


def test_refused_unknown_and_inner_are_told_alike(kit: Kit) -> None:
    """No port scan through error texts: nobody listens, no such name, an address that is not public."""
    closed = kit.web.port
    answers: list[tuple[str, str, int]] = []
    for mode in ("inner", "unknown", "refused"):

        async def resolve(host: str, port: int, mode: str = mode) -> Sequence[Address]:
            if mode == "unknown":
                raise OSError("Name or service not known")
            return [ipaddress.ip_address({"inner": "10.0.0.1", "refused": "127.0.0.3"}[mode])]

        kit.private = ("127.0.0.3/32",)
        kit.resolve = resolve  # type: ignore[method-assign]  # the one part of the kit that this test turns
        error = failure(kit)
        answers.append((error.sentence, error.code, status_of(error)))
    assert len(set(answers)) == 1
    assert closed == kit.web.port
    assert kit.web.asked == []


def test_the_environments_proxies_are_unknown(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve and connect in our place, unchecked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    kit.web.routes["/media/x.png"] = answer(PICTURE)

    async def scenario(store: HttpsStore) -> None:
        assert await read(store, "x.png") == PICTURE

    run(kit, scenario)


def test_a_host_that_is_away_is_not_asked_at_every_view(kit: Kit) -> None:
    """A failure is believed for some seconds, and after several a host is left alone for a while."""

    async def scenario(store: HttpsStore) -> None:
        for number in range(20):
            for _ in range(2):
                with pytest.raises(Overloaded):
                    await store.head(f"{number}.png")
        assert len(kit.resolved) < 10

    kit.private = ()
    run(kit, scenario)


def test_it_can_only_be_read(kit: Kit) -> None:
    """There is nothing to write to, and nothing to list."""

    async def scenario(store: HttpsStore) -> None:
        assert not store.writable
        with pytest.raises(Refused):
            await store.begin()
        with pytest.raises(Refused):
            await store.delete("x")
        assert (await store.list()).objects == ()
        assert await store.sweep(0) == 0

    run(kit, scenario)
