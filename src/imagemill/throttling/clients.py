"""Who one client is: an IPv4 address, or a /64 of IPv6, because that is what one household or machine gets."""

from __future__ import annotations

import ipaddress


def client_of(address: str) -> str:
    """Return the name under which `address` spends: itself, or its /64 for IPv6."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.split("%", 1)[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False).network_address) + "/64"
