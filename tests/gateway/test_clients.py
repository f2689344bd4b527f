"""Who is asking, where a proxy that is trusted passes on whatever a client says of itself."""

from __future__ import annotations

import json

import pytest

from imagemill.gateway.clients import Clients, networks

PROXY = {"client": ("127.0.0.1", 1)}


def told(hops: str) -> str:
    """Return the address of a request that a trusted proxy passes on with these hops."""
    clients = Clients(networks(("127.0.0.1", "::1")), lambda _: False)
    return clients.address(PROXY, {b"x-forwarded-for": hops.encode("latin-1")})


@pytest.mark.parametrize("zone", ['"}{"x', '"', "\\", "eth0", "a b", "\x85", "\u00e9"])
@pytest.mark.parametrize("address", ["fe80::1", "2001:db8::1", "::1"])
def test_a_zone_is_no_part_of_an_address(address: str, zone: str) -> None:
    """Python takes any text for a zone: in a line of the log it would end the line's own words (threat L3)."""
    found = told(f"{address}%{zone}")
    assert found == "unknown"
    assert json.loads(f'{{"client":"{found}"}}') == {"client": found}


def test_a_hop_that_is_no_address_is_not_looked_behind() -> None:
    """What calls itself a trusted proxy with a zone hides nobody, and opens no way to the hop before it."""
    assert told("192.0.2.9, ::1%lo") == "unknown"
    assert told("192.0.2.9, ::1") == "192.0.2.9"
