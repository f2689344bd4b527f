"""What somebody wrote for one setting → its value, or the words that say what was expected.

Separate from `composed`, which knows where the words came from. A number of bytes may be written "64MiB", a number of
seconds "10m"; a list is one string with commas. Nothing here ever repeats a password: see `masked`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import get_args, get_origin
from urllib.parse import unquote, urlsplit

from imagemill.errors import shown
from imagemill.object_store.s3.address import BadAddress, S3Address, address_of, check_endpoint, check_region
from imagemill.throttling.rates import read_rate


class BadValue(ValueError):
    """A value that a setting cannot take; `expected` completes "expected …"."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


class Unit(Enum):
    """What a setting counts or names, hence which convenient spellings it takes."""

    COUNT = "a whole number"
    BYTES = "a number of bytes"
    SECONDS = "a number of seconds"
    TEXT = "text"
    STORE = "a store's URL"
    LINK = "an address of this server"
    NETWORKS = "addresses"
    RATIOS = "ratios"
    SHARED = "where limits are shared"
    SERVER = "the address of a store's server"
    REGION = "a region"
    RATE = "a rate"


_BRIEFLY = {
    Unit.STORE: "a store's URL",
    Unit.LINK: "http(s)://…",
    Unit.NETWORKS: "addresses",
    Unit.RATIOS: "W:H",
    Unit.SHARED: "memory://, redis://…",
    Unit.SERVER: "http(s)://…",
    Unit.RATE: "N/s burst N",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one setting may be: its unit, its range (both ends included), or the closed set of its words.

    `above` means that the low end itself is not allowed: a time limit of 0 seconds would refuse everything. `filled`
    means that a text may not be empty. `secret` means that the value is never shown, in `settings` or in a message.
    """

    unit: Unit = Unit.TEXT
    low: float = 0
    high: float | None = None
    above: bool = False
    words: tuple[str, ...] = ()
    filled: bool = False
    secret: bool = False

    @property
    def brief(self) -> str:
        """The rule as short as a table wants it; empty for free text."""
        if self.secret:
            return "a secret"
        if self.words:
            return ", ".join(word or "(empty)" for word in self.words)
        unit = {Unit.COUNT: "", Unit.BYTES: " bytes", Unit.SECONDS: " s"}.get(self.unit)
        if unit is None:
            return _BRIEFLY.get(self.unit, "")
        if self.high is not None:
            return f"{self.low:g}…{self.high:g}{unit}"
        return f"{'>' if self.above else '≥'} {self.low:g}{unit}"

    @property
    def expected(self) -> str:
        """The rule in words, for messages and the reference."""
        if self.words:
            return "one of " + ", ".join(word or '"" (empty)' for word in self.words)
        if self.unit is Unit.COUNT and self.high is not None:
            return f"a whole number from {self.low:g} to {self.high:g}"
        low = f"above {self.low:g}" if self.above else f"of at least {self.low:g}"
        example = {Unit.BYTES: ', such as 67108864 or "64MiB"', Unit.SECONDS: ', such as 60 or "10m"'}
        return f"{self.unit.value} {low}{example.get(self.unit, '')}"


_SIZES = {"": 1, "b": 1}
_SIZES |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_SIZES |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}
_DURATIONS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PLAIN: Mapping[str, float] = {"": 1}
_UNITS: Mapping[Unit, Mapping[str, float]] = {Unit.BYTES: _SIZES, Unit.SECONDS: _DURATIONS}
_MEASURE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", re.ASCII)
_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})
_PASSWORD = re.compile(r"(?<=://)([^/@\s]*?):(?:[^/\s]*|(?![0-9]*/)\S*)@")
"""Also a password in which somebody forgot to encode a slash, but not what follows a port."""
_DATABASE = re.compile(r"(?:/[0-9]{0,4})?", re.ASCII)
_STORES = "file:///path, s3://bucket/prefix or memory://"
_NAMED_SECRET = re.compile(r"(?i)([?&][^=&\s]*(?:password|secret|token|key|sig)[^=&\s]*=)[^&\s]*")

Written = str | int | float | bool | list[object]
"""A value as TOML or the environment gives it."""


def masked(text: str) -> str:
    """Return `text` with the passwords of any URL in it replaced by `***` (user names stay, they help)."""
    return _NAMED_SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def received(value: object, rule: Rule | None = None) -> str:
    """Return what came, fit for a message: short, no control characters, no password; of a secret only that it came."""
    if rule is not None and rule.secret:
        return "something else (it is not shown)"
    return repr(shown(masked(value if isinstance(value, str) else str(value))))


def parse(written: object, kind: object, rule: Rule) -> object:
    """Return the value of type `kind` that `written` means under `rule`; raise BadValue."""
    if kind is bool:
        return _truth(written)
    if get_origin(kind) is tuple:
        return _numbers(written, rule) if get_args(kind)[0] is int else _list(written, rule)
    if kind in (int, float):
        number = _number(written, rule, whole=kind is int)
        return int(number) if kind is int else float(number)
    if not isinstance(written, str):
        raise BadValue(rule.expected if rule.words else f"{rule.unit.value} in quotes")
    return _text(written.strip(), rule)


def _truth(written: object) -> bool:
    if isinstance(written, bool):
        return written
    word = written.strip().lower() if isinstance(written, str) else ""
    if word not in _YES | _NO:
        raise BadValue("true or false")
    return word in _YES


def _number(written: object, rule: Rule, *, whole: bool) -> float:
    """Numbers stay whole as long as they can be: a float has no exact 2**63 bytes."""
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        raise BadValue(rule.expected)
    number = _measure(written.strip(), rule) if isinstance(written, str) else written
    if number != number or number in (float("inf"), float("-inf")) or (whole and number != int(number)):
        raise BadValue(rule.expected)
    too_low = number <= rule.low if rule.above else number < rule.low
    if too_low or (rule.high is not None and number > rule.high):
        raise BadValue(rule.expected)
    return number


def _measure(text: str, rule: Rule) -> float:
    match = _MEASURE.fullmatch(text)
    units = _UNITS.get(rule.unit, _PLAIN)
    if match is None or match[2].lower() not in units:
        raise BadValue(rule.expected)
    digits = int(match[1]) if match[1].isdigit() else float(match[1])
    number = digits * units[match[2].lower()]
    return int(number) if rule.unit is Unit.BYTES else number


def _list(written: object, rule: Rule) -> tuple[str, ...]:
    if isinstance(written, str):
        items = [item.strip() for item in written.split(",") if item.strip()]
    elif isinstance(written, list) and all(isinstance(item, str) for item in written):
        items = [str(item).strip() for item in written]
    else:
        raise BadValue("a list of strings, or one string with commas")
    for item in items:
        if rule.words and item not in rule.words:
            raise BadValue(f"a list of words out of {', '.join(rule.words)}")
        if rule.unit is Unit.NETWORKS:
            _network(item)
        if rule.unit is Unit.RATIOS:
            _ratio(item)
    return tuple(items)


def _numbers(written: object, rule: Rule) -> tuple[int, ...]:
    """A list of whole numbers is kept in order, each once: who asks what is next in it need not look at all."""
    if isinstance(written, str):
        written = [item for item in written.split(",") if item.strip()]
    if not isinstance(written, list):
        raise BadValue("a list of numbers, or one string with commas")
    try:
        return tuple(sorted({int(_number(item, rule, whole=True)) for item in written}))
    except BadValue as error:
        raise BadValue(f"a list in which each is {error.expected}") from None


_RATIO = re.compile(r"[1-9][0-9]{0,3}:[1-9][0-9]{0,3}", re.ASCII)


def _ratio(item: str) -> None:
    across, _, down = item.partition(":")
    if _RATIO.fullmatch(item) is None or not 0.01 <= int(across) / int(down) <= 100:
        raise BadValue("ratios of whole numbers such as 16:9, from 1:100 to 100:1")


def _network(item: str) -> None:
    import ipaddress

    try:
        ipaddress.ip_network(item, strict=False)
    except ValueError:
        raise BadValue("addresses or networks such as 10.0.0.5, 10.0.0.0/8 or ::1") from None


def _text(text: str, rule: Rule) -> str:
    if rule.words and text not in rule.words:
        raise BadValue(rule.expected)
    if rule.filled and not text:
        raise BadValue("text that is not empty")
    if any(ord(character) < 32 for character in text):
        raise BadValue("text without control characters")
    check: dict[Unit, Callable[[str], None]] = {
        Unit.STORE: _check_store,
        Unit.LINK: _check_link,
        Unit.SHARED: _check_shared,
        Unit.SERVER: _check_server,
        Unit.REGION: _check_region,
        Unit.RATE: _check_rate,
    }
    if text and rule.unit in check:
        check[rule.unit](text)
    return text


def _check_link(text: str) -> None:
    expected = "an http:// or https:// URL without a query, such as https://img.example.com"
    try:
        parts = urlsplit(text)
        plain = not (parts.query or parts.fragment or parts.username)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise BadValue(expected)


def _check_rate(text: str) -> None:
    try:
        read_rate(text, "")
    except ValueError as error:
        raise BadValue(str(error)) from None


def _check_shared(text: str) -> None:
    """`memory://`, or Redis as its own registration of the scheme has it; nothing else may ride along in the URL."""
    if text == "memory://":
        return
    try:
        parts = urlsplit(text)
        wrong = parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0
        wrong = wrong or bool(parts.query or parts.fragment) or _DATABASE.fullmatch(parts.path) is None
    except ValueError:
        wrong = True
    if wrong:
        raise BadValue("memory://, redis://host:6379/0 or rediss://… (TLS)")


def _check_store(text: str) -> None:
    if text == "memory://" or s3_address(text) is not None:
        return
    scheme = text.partition(":")[0].lower() if ":" in text else ""
    if scheme == "file":
        folder_of(text)
        return
    if not scheme and text.startswith(("/", "./", "../", "~")):
        raise BadValue(f"{_STORES}; write file://{Path(text).expanduser().absolute()}")
    raise BadValue(_STORES)


def s3_address(url: str) -> S3Address | None:
    """Return the bucket and prefix that a store's `url` names, None for one of another kind; raise BadValue."""
    try:
        return address_of(url)
    except BadAddress as error:
        raise BadValue(str(error)) from None


def _check_server(text: str) -> None:
    try:
        check_endpoint(text)
    except BadAddress as error:
        raise BadValue(str(error)) from None


def _check_region(text: str) -> None:
    try:
        check_region(text)
    except BadAddress as error:
        raise BadValue(str(error)) from None


def folder_of(url: str) -> Path | None:
    """Return the folder that a store's `url` names, None for `memory://`, `s3://…` or an empty one; raise BadValue.

    RFC 8089: `file:///path`, percent-encoded; a host other than `localhost` would be another machine.
    """
    if not url or url == "memory://" or url[:3].lower() == "s3:":
        return None
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise BadValue("file:///path with three slashes and an absolute path")
    if not url.startswith("file://"):
        raise BadValue(_STORES)
    path = unquote(parts.path, errors="surrogateescape")
    if "\0" in path:
        raise BadValue("file:///path without NUL")
    return Path(path)
