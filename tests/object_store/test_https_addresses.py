"""Which addresses and URLs a source may go to: the cases of the corpus and tables of our own."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.errors import InvalidRequest
from imagemill.object_store.https.addresses import NEVER, PRIVATE, Address, AddressPolicy, is_public, private_network
from imagemill.object_store.https.dialer import BadAddress, Dialer
from imagemill.object_store.https.location import HostPattern, Reach, looks_like_url, read_location

LOCAL = [str(network[0]) for network in (*PRIVATE, *NEVER)]
PUBLIC = ("93.184.216.34", "2606:2800:220:1::1")


class Recorder(httpcore.AsyncNetworkBackend):
    """Connects nowhere and keeps every address that was tried."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse, having written it down."""
        self.tried.append((host, port))
        raise httpcore.ConnectError("recorded")


def answering(*rounds: Sequence[str]) -> Any:
    """Return a resolver that gives these answers in turn, the last one for ever."""
    left = list(rounds)

    async def resolve(host: str, port: int) -> Sequence[Address]:
        now = left.pop(0) if len(left) > 1 else left[0]
        return [ipaddress.ip_address(text) for text in now]

    return resolve


def dial(resolve: Any, policy: AddressPolicy | None = None, host: str = "images.example.com") -> list[tuple[str, int]]:
    """Try to connect to `host`; return the addresses that were tried."""
    recorder = Recorder()
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(Dialer(policy or AddressPolicy(), resolve, recorder).connect_tcp(host, 443, timeout=5))
    return recorder.tried


@pytest.mark.parametrize(
    "text",
    [
        *LOCAL,
        *("127.255.255.254", "169.254.169.254", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.100.100.200"),
        *("198.18.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.0.0.1", "192.88.99.1"),
        *("168.63.129.16", "192.0.0.192"),
        *("::", "::1", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::"),
        *("2002:a9fe:a9fe::", "2001::5601:5601", "fe80::5efe:169.254.169.254", "fd00:ec2::254", "fd20:ce::254"),
        *(
            "2a00::5efe:127.0.0.1",
            "2a00::200:5efe:8.8.8.8",
            "::ffff:8.8.8.8",
            "2002:808:808::",
            "2001:db8::1",
            "ff02::1",
        ),
        *("::ffff:0:8.8.8.8", "3fff::1", "5f00::1", "fec0::1", "fe80::1%eth0"),
    ],
)
def test_an_address_that_is_not_global_unicast_is_refused(text: str) -> None:
    """Loopback, private, link-local, metadata, and every IPv6 form that carries an IPv4 address."""
    assert not is_public(ipaddress.ip_address(text)) or "%" in text
    assert not AddressPolicy().allows(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", [*PUBLIC, "8.8.8.8", "1.1.1.1", "2a00:1450:4001:80b::200e"])
def test_the_public_internet_is_allowed(text: str) -> None:
    """The list does not refuse what it should let through."""
    assert AddressPolicy().allows(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_whatever_is_not_global_is_refused(address: ipaddress.IPv4Address) -> None:
    """The policy is never wider than the registry that Python carries."""
    assert address.is_global or not AddressPolicy().allows(address)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "2a00::5efe:0:0", "::ffff:0:0:0"]))
def test_no_form_of_embedding_gets_through(inner: ipaddress.IPv4Address, prefix: str) -> None:
    """Whatever IPv4 address stands at the end of a form that some gateway unpacks, the whole is refused."""
    carried = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(inner))
    assert not AddressPolicy().allows(carried)


def test_an_own_network_opens_itself_and_nothing_else() -> None:
    """allow_private names a part of a private network; metadata and loopback stay shut beside it."""
    policy = AddressPolicy([private_network("10.1.2.0/24"), private_network("64:ff9b::/96")])
    allowed = ("10.1.2.7", "8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b::10.1.2.7")
    refused = ("10.1.3.7", "127.0.0.1", "169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b::127.0.0.1")
    assert all(policy.allows(ipaddress.ip_address(text)) for text in allowed)
    assert not any(policy.allows(ipaddress.ip_address(text)) for text in refused)


@pytest.mark.parametrize(
    ("network", "text"),
    [("100.64.0.0/10", "100.100.100.200"), ("fc00::/7", "fd00:ec2::254"), ("fc00::/7", "fd20:ce::254")],
)
def test_metadata_stays_shut_in_a_network_that_is_open(network: str, text: str) -> None:
    """Some clouds hand out credentials in the middle of a private network."""
    policy = AddressPolicy([private_network(network)])
    assert policy.allows(private_network(network)[1])
    assert not policy.allows(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "169.254.169.254/32", "169.254.0.0/16", "8.8.8.8/32", "10.1.2.3/24", "fe80::/10", "x"]
)
def test_what_allow_private_cannot_open(text: str) -> None:
    """Not everything at once, so that loopback is open only where it is written; not metadata; not host bits."""
    with pytest.raises(ValueError, match=r"networks|parts of"):
        private_network(text)


def test_a_checked_address_is_connected_to() -> None:
    """The connection goes to the number, in the order of the answers."""
    assert dial(answering(PUBLIC)) == [(text, 443) for text in PUBLIC]


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "10.0.0.1"])
def test_one_bad_answer_of_several_refuses_all(bad: str) -> None:
    """A name with a public and an inner address is nobody honest's."""
    assert dial(answering([PUBLIC[0], bad])) == []
    assert dial(answering([bad, PUBLIC[0]])) == []


def test_a_name_is_resolved_once_for_a_connection() -> None:
    """A resolver that turns to loopback at the second question is not asked a second time."""
    assert dial(answering([PUBLIC[0]], ["127.0.0.1"])) == [(PUBLIC[0], 443)]


def test_an_answer_with_a_zone_is_refused() -> None:
    """A zone names a link of this machine."""

    async def zoned(host: str, port: int) -> Sequence[Address]:
        return [ipaddress.ip_address("fe80::1%lo")]

    assert dial(zoned) == []


def test_a_unix_socket_is_never_connected_to() -> None:
    """Httpcore could, if somebody asked."""
    with pytest.raises(BadAddress):
        asyncio.run(Dialer(AddressPolicy(), answering(PUBLIC), Recorder()).connect_unix_socket("/run/docker.sock"))


# ---- the corpus

LISTED = Reach.of(["allowed.example", "*.allowed.example"], None, plain=True)


def cases(corpus: Path) -> dict[str, str]:
    """Return the cases of the corpus that are URLs."""
    vectors: dict[str, str] = json.loads((corpus / "hostile/vectors/ssrf.json").read_text("utf-8"))
    assert len(vectors) >= 70
    return {name: text for name, text in vectors.items() if not text.startswith(("REDIRECT", "DNS", "BODY"))}


def test_no_url_of_the_corpus_is_one_of_a_source(corpus: Path) -> None:
    """Each is either no URL to us or on no list, before anything is resolved."""
    for name, text in cases(corpus).items():
        assert looks_like_url(text), name
        try:
            location = read_location(text)
        except InvalidRequest:
            continue
        assert not LISTED.admits(location), name


def test_no_host_of_the_corpus_is_connected_to_even_if_it_is_listed(corpus: Path) -> None:
    """The second wall: whatever the C library makes of the host, its address is refused."""
    for name, text in cases(corpus).items():
        authority = urlsplit(text).netloc.rpartition("@")[2] if "\t" not in text else "127.0.0.1"
        host = authority.partition("]")[0][1:] if authority.startswith("[") else authority.partition(":")[0]
        host = host.partition("%25")[0]
        try:
            answers = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            continue  # a name: no packet leaves for it in a test
        addresses = [str(answer[4][0]) for answer in answers]
        assert dial(answering(addresses), host=host) == [], name


@pytest.mark.parametrize(
    "text",
    [
        "https://images.example.com/a.jpg",
        "https://images.example.com/a.jpg?w=1&b=%20",
        "https://images.example.com:8443/",
        "https://10.1.2.3/x",
        "https://[fd12::1]:8443/x",
        "http://images.example.com/a/b/c",
    ],
)
def test_a_plain_url_is_read_as_it_stands(text: str) -> None:
    """The one spelling goes in and comes out."""
    assert str(read_location(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "HTTPS://images.example.com/",
        "https://Images.example.com/",
        "https://images.example.com",
        "https://images.example.com:443/",
        "https://images.example.com:0/",
        "https://images.example.com:65536/",
        "https://images.example.com:080/",
        "https://images.example.com:/",
        "https://images.example.com./",
        "https://images.example.com/#x",
        "https://images.example.com/a b",
        "https://images.example.com/\\x",
        "https://images.example.com/%0d%0aX",
        "https://images.example.com/%zz",
        "https://images.example.com/é",
        "https://me@images.example.com/",
        "https://images%2eexample.com/",
        "https://-a.example.com/",
        "https://a..example.com/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://1.2.3/",
        "https://example.0x/",
        "https://[::1/",
        "https://[::1]x/",
        "https://[FD12::1]/",
        "https://[fe80::1%25lo]/",
        "ftp://images.example.com/",
        "https:/images.example.com/",
        "//images.example.com/",
        "https:///x",
        "",
    ],
)
def test_whatever_could_be_read_otherwise_is_refused(text: str) -> None:
    """Two readers of one URL that disagree about its host are how servers are made to speak to themselves."""
    with pytest.raises(InvalidRequest):
        read_location(text)


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("images.example.com", "https://images.example.com/x", True),
        ("images.example.com", "https://images.example.com:8443/x", False),
        ("images.example.com:8443", "https://images.example.com:8443/x", True),
        ("images.example.com", "https://images.example.com.evil.test/x", False),
        ("images.example.com", "https://evil-images.example.com/x", False),
        ("*.example.org", "https://a.example.org/x", True),
        ("*.example.org", "https://a.b.example.org/x", True),
        ("*.example.org", "https://example.org/x", False),
        ("*.example.org", "https://aexample.org/x", False),
        ("10.1.2.3", "https://10.1.2.3/x", True),
        ("images.example.com", "http://images.example.com/x", False),
    ],
)
def test_hosts_are_matched_whole(pattern: str, url: str, matches: bool) -> None:
    """Imgproxy's prefix match let `http://example.com@bad.com` pass; labels are compared here."""
    assert Reach.of([pattern], None, plain=False).lists(read_location(url)) is matches


@pytest.mark.parametrize(
    "text",
    ["*", "*.com", "*.*.com", "a.*.com", "https://a.com", "a.com/", "a.com/x", "u@a.com", "*.10.0.0.1", "", "*."],
)
def test_what_is_no_host_pattern(text: str) -> None:
    """A list that lets everything in is no list."""
    with pytest.raises(ValueError, match="hosts such as"):
        HostPattern.read(text)


def test_a_key_below_a_base_cannot_leave_it() -> None:
    """Whatever a key holds is a path below the base, percent-encoded once."""
    base = read_location("https://cdn.example.com/media/")
    assert str(base.below("cats/tom.jpg")) == "https://cdn.example.com/media/cats/tom.jpg"
    assert str(base.below("a?b#c%2e é")) == "https://cdn.example.com/media/a%3Fb%23c%252e%20%C3%A9"
    assert base.below("//evil.test/x").origin == "https://cdn.example.com"
