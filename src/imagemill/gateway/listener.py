"""The listening sockets of a node: one for each serving process, opened and kept by the supervisor.

Why one for each: many processes on one socket wake together, and the first takes all connections there are (measured:
32 of 32). With SO_REUSEPORT the kernel spreads them by their addresses. Why the supervisor's: such a socket has a queue
of its own, which is reset when the socket is closed. The supervisor keeps it open, so who waits in the queue of a
process that ends is taken by the one in its place, and none is lost.
"""

# ruff: noqa: PTH115
# A descriptor's name is no path to work with.

from __future__ import annotations

import contextlib
import os
import socket

BACKLOG = 4096
"""Connections the kernel holds while we are busy, and requests in the application at once."""


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """Return `count` sockets that listen on the same address. Raises OSError, UnicodeError.

    The first is bound alone, so that a port which another program has, or another server of ours, is refused; only then
    does it let others in.
    """
    family, kind, protocol, _, target = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    first = socket.socket(family, kind, protocol)
    listeners = [first]
    try:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind(target)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _listen(first)
        while len(listeners) < count:
            listeners.append(open_beside(first))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def open_beside(other: socket.socket) -> socket.socket:
    """Return another socket that listens where `other` does. Raises OSError."""
    listener = socket.socket(other.family, other.type, other.proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(other.getsockname())
        _listen(listener)
    except BaseException:
        listener.close()
        raise
    return listener


def _listen(listener: socket.socket) -> None:
    listener.listen(BACKLOG)
    listener.setblocking(False)


def stop_accepting(listener: int) -> None:
    """Take no more connections from the queue in this process; its successor does. What is open stays open.

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
