"""To which addresses a source may connect: global unicast only, whatever a name resolves to (threats S1, S3).

Separate from `dialer`, which connects: this is arithmetic on numbers. Three lists decide:

    never      link-local (the clouds' metadata), multicast, unspecified, reserved: nothing opens these
    private    loopback, RFC 1918, carrier-grade NAT, unique local, NAT64: only where a source names a part of one
    the rest   only what both Python's `is_global` and our own list call global unicast

An IPv6 address that carries an IPv4 address is judged by both: what a gateway on the way would unpack must be allowed
as well. imgproxy learned each of these forms from a report (threats 1.1 (a)).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


NEVER = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "100.100.100.200/32",  # Alibaba's metadata
    "168.63.129.16/32",  # Azure's host agent, on an address that looks public
    "192.0.0.192/32",  # Oracle's metadata
    "::/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "fd00:ec2::/32",  # Amazon's metadata and clock
    "fd20:ce::/32",  # Google's metadata
    "64:ff9b:1::/48",  # local NAT64: where in it an IPv4 address stands, only its gateway knows (RFC 8215)
)
"""What no setting opens: machines hand out their own credentials there, or nobody lives there."""

PRIVATE = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "::1/128",
    "64:ff9b::/96",  # NAT64, through which hosts without IPv4 reach the rest of the internet (RFC 6052)
    "fc00::/7",
)
"""What `allow_private` may open, as a whole or in part, and never two of them at once."""

_NOT_PUBLIC = _networks(
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    "2001::/23",  # protocol assignments, Teredo among them
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that was ever given out (RFC 4291): compatible, mapped, NAT64 and local addresses lie outside."""
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that `address` carries: mapped, translated, compatible, NAT64, 6to4, Teredo, ISATAP."""
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    last = IPv4Address(number & 0xFFFFFFFF)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64)):
        return (last,)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return (IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return (last,)
    return ()


class AddressPolicy:
    """Says of an address whether one source may connect to it."""

    def __init__(self, private: Sequence[Network] = ()) -> None:
        """`private` are parts of `PRIVATE` that this source opens; see `private_network`."""
        self._private = tuple(private)

    def allows(self, address: Address) -> bool:
        """Say whether a connection may be made; what an IPv6 address carries must be allowed too."""
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False  # a zone is a place on this machine's own links
        if any(address in network for network in NEVER):
            return False
        if any(address in network for network in self._private):
            return all(map(self.allows, embedded(address)))
        return is_public(address)


def is_public(address: Address) -> bool:
    """Say whether `address` is global unicast and carries no address of another kind of network."""
    if not address.is_global or address.is_multicast or any(address in network for network in (*NEVER, *_NOT_PUBLIC)):
        return False
    if isinstance(address, IPv6Address):
        return address in _UNICAST and not embedded(address)
    return True


def private_network(text: str) -> Network:
    """Return the network that `allow_private` names; ValueError, completing "expected …", for one it cannot open."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("networks such as 10.1.2.0/24 or fd12::/48, without host bits") from None
    if any(network.version == other.version and network.subnet_of(other) for other in NEVER):  # type: ignore[arg-type]  # the versions are equal
        raise ValueError("networks other than link-local, multicast, reserved and the clouds' metadata")
    if not any(network.version == other.version and network.subnet_of(other) for other in PRIVATE):  # type: ignore[arg-type]  # the versions are equal
        raise ValueError(f"parts of one of {', '.join(map(str, PRIVATE))}")
    return network
