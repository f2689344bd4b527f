"""The listening sockets of several processes: one address, one for each, none that a stranger can join."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from imagemill.gateway.listener import open_beside, open_listeners


def taken(listener: socket.socket) -> int:
    """Accept what waits and return how many that were."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


@contextlib.contextmanager
def connected(port: int, count: int = 1) -> Iterator[list[socket.socket]]:
    """Open connections."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]


def test_all_listen_on_one_address_and_share_what_comes() -> None:
    """The kernel spreads connections over the sockets."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(one) for one in open_listeners("127.0.0.1", 0, 3)]
        port = listeners[0].getsockname()[1]
        assert {one.getsockname()[1] for one in listeners} == {port}
        with connected(port, 90):
            counts = [taken(one) for one in listeners]
    assert sum(counts) == 90
    assert min(counts) > 0


def test_a_second_server_cannot_join_a_port() -> None:
    """Ports are shared by the processes of one supervisor only, though the kernel would let others in."""
    with contextlib.ExitStack() as stack:
        first = [stack.enter_context(one) for one in open_listeners("127.0.0.1", 0, 2)]
        with pytest.raises(OSError, match="in use"):
            open_listeners("127.0.0.1", first[0].getsockname()[1], 2)


def test_one_that_was_closed_is_opened_again_beside_the_others() -> None:
    """A place whose process would not start gets a socket again."""
    first, second = open_listeners("127.0.0.1", 0, 2)
    with first:
        second.close()
        with open_beside(first) as third:
            assert third.getsockname() == first.getsockname()


LEAVING = """
import socket, sys
from imagemill.gateway.listener import open_connections, stop_accepting

number = int(sys.argv[1])
listener = socket.socket(fileno=number)
port = listener.getsockname()[1]
served, _ = listener.accept()
stop_accepting(number)
print(open_connections(port), flush=True)
sys.stdin.readline()
try:
    listener.accept()
    print("accepted", flush=True)
except BlockingIOError:
    print("nothing", flush=True)
served.sendall(b"still here")
"""


def test_who_stops_accepting_leaves_what_waits_to_its_successor() -> None:
    """A process that leaves finds nothing in the queue, keeps the connections it has, and another takes the rest."""
    (ours,) = open_listeners("127.0.0.1", 0, 1)
    port = ours.getsockname()[1]
    with ours, connected(port) as first:
        leaving = subprocess.Popen(
            [sys.executable, "-c", LEAVING, str(ours.fileno())],
            pass_fds=[ours.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with leaving:
            assert leaving.stdin is not None
            assert leaving.stdout is not None
            assert leaving.stdout.readline() == "1\n"
            with connected(port, 5):
                leaving.stdin.write("go\n")
                leaving.stdin.flush()
                assert leaving.stdout.readline() == "nothing\n"
                assert first[0].recv(100) == b"still here"
                assert taken(ours) == 5
