"""Who is asking: the address that counts, and whether it is near enough for the operator's pages.

Forwarding headers count only when the socket's peer is a trusted proxy; then the right-most address that is not itself
trusted is the client (threat H10). "Local" is a connection from this machine with no proxy in between, "near" one that
also names a local Host, which a web page that was made to resolve to 127.0.0.1 cannot do (DNS rebinding): what lists
keys or shows metrics must be near, the landing page itself holds nothing and may be local.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from imagemill.errors import InvalidRequest, Unauthenticated

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return addresses and networks parsed; raises InvalidRequest naming the wrong one."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise InvalidRequest(
                f"server.trusted_proxies: expected an address or a network such as 10.0.0.0/8, received {text!r}"
            ) from None
    return tuple(found)


class Clients:
    """Tells addresses apart."""

    def __init__(self, trusted: tuple[Network, ...], authorised: Callable[[dict[bytes, bytes]], bool]) -> None:
        """`authorised` says whether the headers carry the admin key."""
        self._trusted = trusted
        self._authorised = authorised

    def address(self, scope: Any, headers: dict[bytes, bytes]) -> str:
        """Return the client's address as text; "unknown" where the server cannot tell."""
        client = scope.get("client")
        peer: str = client[0] if client else "unknown"
        if not self._trusted or b"x-forwarded-for" not in headers or not self._trusts(peer):
            return peer
        hops = headers[b"x-forwarded-for"].decode("latin-1").split(",")[-20:]
        for hop in reversed(hops):
            peer = hop.strip()
            if not _is_address(peer) or not self._trusts(peer):
                break
        return peer if _is_address(peer) else "unknown"

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)

    def is_local(self, scope: Any, headers: dict[bytes, bytes]) -> bool:
        """Whether the connection comes from this machine and from no proxy that says so, whatever Host it names."""
        client = scope.get("client")
        return client is not None and _is_loopback(client[0]) and not any(name in headers for name in _FORWARDED)

    def is_in_front(self, scope: Any) -> bool:
        """Whether the connection comes from a server in front of us: from this machine, or from a trusted proxy."""
        client = scope.get("client")
        return client is not None and (_is_loopback(client[0]) or self._trusts(client[0]))

    def is_near(self, scope: Any, headers: dict[bytes, bytes]) -> bool:
        """Whether this is a person at the machine itself, asking for it by a local name."""
        host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)
        name = host[0] if len(host) == 1 or host[1].isdigit() else ":".join(host)
        local_name = name.lower() in _LOCAL_NAMES or name.lower().endswith(".localhost")
        return local_name and self.is_local(scope, headers)

    def check_metrics(self, scope: Any, headers: dict[bytes, bytes]) -> None:
        """Raise Unauthenticated unless the caller is near or has the key."""
        if not self.is_near(scope, headers) and not self._authorised(headers):
            raise Unauthenticated("/metrics is open on loopback only; elsewhere it needs the admin key.")


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    """Whether a header names an address; one with a zone is none, for a zone may be any text (threat L3)."""
    if "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
