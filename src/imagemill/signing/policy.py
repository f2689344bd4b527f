"""CloudFront policies: the canned one that a link implies, and the custom one that it carries (threats 1.10, G7).

Pure. A custom policy is read only after its signature was found good, and still strictly: one statement, the four
conditions there are, no name twice. Two readers of a policy must never find two meanings in it.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Any, NoReturn

from imagemill.signing.resource import Location, Resource

MAX_POLICY = 4096
"""Bytes of a policy; CloudFront's own are some 200."""
SKEW = 30
"""Seconds that a start (DateGreaterThan) may lie ahead of our clock: clocks differ (threat G5). An end has no grace."""
MAX_DIGITS = 12

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Policy:
    """What a link or cookie opens: `resource` until `until`, from `since` on, for the addresses of `network`."""

    resource: Resource
    until: int
    since: int | None = None
    network: Network | None = None

    def admits(self, client: str, now: float) -> bool:
        """Say whether the policy holds for the address `client` at `now` (seconds since 1970)."""
        if now >= self.until or (self.since is not None and now < self.since - SKEW):
            return False
        return self.network is None or _within(client, self.network)


def canned_text(location: Location | str, expires: str) -> bytes:
    """Return the policy that a link with `Expires` implies, as CloudFront writes it: every byte counts."""
    condition = f'{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}'
    return f'{{"Statement":[{{"Resource":"{location}","Condition":{condition}}}]}}'.encode()


def read_seconds(text: str) -> int:
    """Return the seconds that `exp` or `Expires` says; ValueError for anything but plain digits."""
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS or (text[0] == "0" and text != "0"):
        raise ValueError("not in seconds")
    return int(text)


def read_policy(data: bytes) -> Policy:
    """Return the custom policy in `data`; ValueError for what is none, or not surely one."""
    if len(data) > MAX_POLICY:
        raise ValueError("too long")
    try:
        whole = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_no_number,
            parse_int=_seconds,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    statements = _names(whole, {"Statement"}, {"Statement"})["Statement"]
    if not isinstance(statements, list) or len(statements) != 1:
        raise ValueError("one statement")
    said = _names(statements[0], {"Resource", "Condition"}, {"Resource", "Condition"})
    conditions = _names(said["Condition"], {"DateLessThan"}, {"DateLessThan", "DateGreaterThan", "IpAddress"})
    if not isinstance(said["Resource"], str):
        raise ValueError("Resource is no text")
    return Policy(
        Resource.read(said["Resource"]),
        until=_time(conditions["DateLessThan"]),
        since=_time(conditions["DateGreaterThan"]) if "DateGreaterThan" in conditions else None,
        network=_network(conditions["IpAddress"]) if "IpAddress" in conditions else None,
    )


def _names(value: Any, wanted: set[str], allowed: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not wanted <= value.keys() or not value.keys() <= allowed:
        raise ValueError("another shape")
    return value


def _time(condition: Any) -> int:
    seconds = _names(condition, {"AWS:EpochTime"}, {"AWS:EpochTime"})["AWS:EpochTime"]
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise ValueError("a time is a whole number of seconds")
    return seconds


def _network(condition: Any) -> Network:
    text = _names(condition, {"AWS:SourceIp"}, {"AWS:SourceIp"})["AWS:SourceIp"]
    if not isinstance(text, str):
        raise ValueError("one network")
    return ipaddress.ip_network(text, strict=False)


def _within(client: str, network: Network) -> bool:
    """Whether `client` lies in `network`; an IPv4 address written as IPv6 counts as itself."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in network


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError("no whole number")


def _seconds(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("too many digits")
    return int(text)
