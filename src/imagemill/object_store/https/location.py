r"""URLs of originals, read so strictly that nobody else can read them otherwise (threat S1).

Separate from `fetch`, which asks them: two readers of one URL that disagree about its host are how servers are made to
speak to themselves. Whatever has a second reading is refused: userinfo, backslashes, spaces, control characters, `@`,
numeric hosts (`0x7f.1`, `2130706433`), trailing dots, letters beyond ASCII, ports written oddly.

An address literal is a host only where a source lists it letter for letter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from imagemill.errors import InvalidRequest, shown

DEFAULT_PORTS = {"https": 443, "http": 80}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)", re.ASCII)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that inet_aton and browsers take for part of a number (WHATWG URL, "ends in a number")."""
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_UNSAFE_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%(?:0[0-9A-Fa-f]|1[0-9A-Fa-f]|7[Ff])")
_SECOND_SPELLING = re.compile(
    r"//|%(?:2[DEde]|3[0-9]|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])|%(?:[a-f].|.[a-f])"
)
"""Of a path: slashes that a host merges, escapes of what needs none, and lower-case ones (RFC 3986 section 6.2.2)."""
_TARGET = re.compile(r"[!-~]*", re.ASCII)
_PATH_SAFE = "/~!$&'()*+,;=:@"
MAX_URL = 8192


@dataclass(frozen=True, slots=True)
class Location:
    """A URL in its one spelling: lower-case `scheme` and `host`, a `port` always, `target` from the first slash on."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as a browser would show them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if DEFAULT_PORTS[self.scheme] == self.port else f":{self.port}")

    def __str__(self) -> str:
        return self.origin + self.target

    def below(self, rest: str) -> Location:
        """Return where the original `rest` of a key lies below this base."""
        return Location(self.scheme, self.host, self.port, self.target + quote(rest, safe=_PATH_SAFE))

    def follow(self, reference: str) -> Location:
        """Return where a redirect to `reference` leads; InvalidRequest for what is no plain URL."""
        if len(reference) > MAX_URL or not _TARGET.fullmatch(reference):
            raise bad_url(reference, "is no URL in plain ASCII")
        return read_location(urljoin(str(self), reference).partition("#")[0], canonical=False)


def bad_url(text: str, why: str) -> InvalidRequest:
    """Return the error for an address that cannot be one; `why` completes "the address …"."""
    return InvalidRequest(f"The address “{shown(text)}” {why}.", code="bad_source_url")


def looks_like_url(key: str) -> bool:
    """Say whether somebody meant `key` as an address rather than a name: a scheme that fetches, or two slashes."""
    return _MEANT.match(key) is not None


_MEANT = re.compile(
    r"\s*(?://|(?:https?|ftps?|file|gopher|dict|data|jar|wss?|s3|unix|ldaps?|tftp|sftp|scp):)", re.IGNORECASE
)


def read_location(text: str, *, canonical: bool = True) -> Location:
    """Return the location that `text` writes; raise InvalidRequest (`bad_source_url`).

    `canonical` demands the one spelling, so that one original has one key; without it case, a default port and a
    missing path are put right.
    """
    if len(text) > MAX_URL or not _TARGET.fullmatch(text) or "\\" in text:
        raise bad_url(text, "has a character that stands in no URL; percent-encode it")
    lowered = text if canonical else _lower_scheme(text)
    match = _URL.fullmatch(lowered)
    if match is None:
        raise bad_url(text, "is not http(s)://host/path, in lower case and without a fragment")
    if _UNSAFE_ESCAPE.search(match["target"]):
        raise bad_url(text, "has a broken percent-escape, or one of a control character")
    scheme = match["scheme"]
    host, port = _authority(text, match["authority"] if canonical else match["authority"].lower(), scheme)
    target = match["target"]
    if not target.startswith("/"):
        target = "/" + target
    location = Location(scheme, host, port, target)
    if canonical and _SECOND_SPELLING.search(target.partition("?")[0]):
        raise bad_url(text, "has a path that is written simpler: one original has one address")
    if canonical and str(location) != text:
        raise bad_url(text, f"is written “{shown(str(location))}” here: one original has one address")
    return location


def _lower_scheme(text: str) -> str:
    scheme, colon, rest = text.partition(":")
    return scheme.lower() + colon + rest


def _authority(text: str, authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority or "%" in authority:
        raise bad_url(text, "has a user name, a zone or an escape before its path, where only a host may stand")
    host, port = authority, ""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise bad_url(text, "has brackets that do not enclose its host")
        port = rest[1:]
        if rest == ":":
            raise bad_url(text, "has a colon without a port")
        host = _literal6(text, host)
    else:
        host, colon, port = authority.partition(":")
        if colon and not port:
            raise bad_url(text, "has a colon without a port")
        host = _name(text, host)
    if not port:
        return host, DEFAULT_PORTS[scheme]
    if not _PORT.fullmatch(port) or int(port) > 65535:
        raise bad_url(text, "has no port from 1 to 65535 after its host")
    return host, int(port)


def _name(text: str, host: str) -> str:
    last = host.rpartition(".")[2]
    if _NUMERIC.fullmatch(last):
        try:
            if str(ipaddress.IPv4Address(host)) == host:
                return host
        except ValueError:
            pass
        raise bad_url(text, "has a number for a host; a name was expected")
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise bad_url(text, "has no host name in lower-case ASCII")
    return host


def _literal6(text: str, host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise bad_url(text, "has no IPv6 address between its brackets") from None
    if str(address) != host:
        raise bad_url(text, f"has an IPv6 address that is written {address}")
    return host


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One entry of a source's `hosts`: a name, an address literal or `*.name`, with a port or the scheme's own.

    `*.example.org` is every name below `example.org`, however deep, and not `example.org` itself (as in a browser's
    Content-Security-Policy).
    """

    host: str
    port: int | None
    below: bool

    @classmethod
    def read(cls, text: str) -> HostPattern:
        """Return the pattern that `text` writes; ValueError, completing "expected …"."""
        expected = "hosts such as images.example.com, *.example.org or images.example.com:8443"
        below = text.startswith("*.")
        name = text.removeprefix("*.")
        try:
            location = read_location(f"https://{name}/", canonical=False)
        except InvalidRequest:
            raise ValueError(expected) from None
        has_port = name.rpartition("]")[2].count(":") == 1
        if (
            name.rstrip("/") != name
            or location.target != "/"
            or (below and ("." not in location.host or _is_literal(location.host)))
        ):
            raise ValueError(expected)
        return cls(location.host, location.port if has_port else None, below)

    def matches(self, location: Location) -> bool:
        """Say whether `location` is on this host, and on its port."""
        port = DEFAULT_PORTS[location.scheme] if self.port is None else self.port
        if location.port != port:
            return False
        return location.host.endswith("." + self.host) if self.below else location.host == self.host


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Reach:
    """Where one source may go: `hosts` for whole addresses, the host of `base` beside them for redirects."""

    hosts: tuple[HostPattern, ...] = ()
    base: Location | None = None
    plain: bool = False
    """Whether http:// is allowed too."""

    @classmethod
    def of(cls, hosts: Iterable[str], base: Location | None, *, plain: bool) -> Reach:
        """Return the reach that the settings write; ValueError for a host that is none."""
        return cls(tuple(HostPattern.read(host) for host in hosts), base, plain)

    def lists(self, location: Location) -> bool:
        """Say whether a key may be this whole address."""
        scheme = location.scheme == "https" or self.plain
        return scheme and any(pattern.matches(location) for pattern in self.hosts)

    def takes(self, key: str) -> bool:
        """Say whether `key` is a whole address on a listed host."""
        if not looks_like_url(key):
            return False
        try:
            return self.lists(read_location(key))
        except InvalidRequest:
            return False

    def admits(self, location: Location) -> bool:
        """Say whether this source may ask there at all: its own base, or a listed host."""
        base = self.base
        own = base is not None and (location.host, location.port) == (base.host, base.port)
        return (own and (location.scheme == "https" or self.plain)) or self.lists(location)
