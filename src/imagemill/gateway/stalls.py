"""Connections whose client has stopped reading: ended by the kernel, and all that are left when the server stops.

The server (Granian) has a time limit for headers and none for writing, so the kernel's is used: a listening socket
hands TCP_USER_TIMEOUT down to the connections it accepts, and one whose client acknowledges nothing, or keeps its
window shut, for so long is reset. Without it a client that never reads keeps a connection for ever, and a stopping
server waits for it for ever (measured; `drain_seconds` ends the waiting for answers, not for the connections).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator


def end_stalled(port: int, seconds: float) -> None:
    """Have connections that will be accepted on `port` reset when nothing of an answer is taken for `seconds`."""
    for one in _sockets(port):
        with contextlib.suppress(OSError):  # other sorts of socket know neither option
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def end_connections(port: int) -> None:
    """Close every connection that clients have to `port` in this process, whatever is under way on it."""
    for one in _sockets(port):
        with contextlib.suppress(OSError):  # a listening socket has no peer
            one.getpeername()
            one.shutdown(socket.SHUT_RDWR)


def _sockets(port: int) -> Iterator[socket.socket]:
    """Yield this process's TCP sockets of `port`, each as a descriptor of its own that is closed afterwards."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):  # noqa: PTH115 - not a path to work with
                continue
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                    yield one
