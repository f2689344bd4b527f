"""The inside of a worker process: take a job, do it, answer, wait for the next.

A worker is a fresh interpreter (`python -I -m imagemill.engine.worker FD`), never a fork of the server: it starts with
none of the server's memory, secrets or descriptors. Its one descriptor is a socket; the original comes over it as an
open file and the worker opens no path (after `confinement.confine` it cannot). It does one job at a time; the only
threads are libvips' own. What a job is and how it is done stands in `jobs`; the other end is `worker_process`.
"""

from __future__ import annotations

import array
import codecs
import contextlib
import gc
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from imagemill.engine import protocol
from imagemill.engine.confinement import confine, leave_with_parent
from imagemill.engine.jobs import Data, Tasks, answer_to, production_tasks
from imagemill.engine.meter import TRIM_BYTES, Heap, Meter
from imagemill.recipe.options.layers import MAX_LAYERS

__all__ = ["Channel", "Closed", "Data", "Tasks", "main", "run"]

IDLE_SECONDS = 0.25
"""A worker that has waited this long gives its heap back too: nobody waits for those milliseconds."""

CODECS = (
    *("ascii", "latin-1", "cp1252", "mac-roman", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "unicode-escape"),
    *("cp1250", "cp1251", "iso8859-2", "iso8859-15", "koi8-r"),
)
"""Text encodings that pictures' metadata, SVG files (the second line) and our own error texts use. Python loads a
codec's file at its first use, and by then a worker can open none."""

MOST_DESCRIPTORS = 1 + MAX_LAYERS
"""An original and those of its image layers."""


class Closed(Exception):
    """The server has gone away or has no more work for this worker."""


class Channel:
    """The worker's end of the socket: whole requests in (with the original's descriptor), whole answers out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def waiting(self, seconds: float) -> bool:
        """Whether a request comes within `seconds`."""
        return bool(select.select([self._sock], [], [], seconds)[0])

    def receive(self) -> tuple[protocol.Request, list[int]]:
        """Return the next request and the descriptors that came with it; Closed when there is none."""
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
        data, ancillary, _flags, _address = self._sock.recvmsg(protocol.REQUEST_BYTES, room)
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(payload[: len(payload) - len(payload) % descriptors.itemsize])
        frame = bytearray(data)
        self._fill(frame, protocol.REQUEST_PREFIX.size)
        (length,) = protocol.REQUEST_PREFIX.unpack_from(frame)
        self._fill(frame, protocol.REQUEST_PREFIX.size + length)
        request = protocol.parse_request(frame[protocol.REQUEST_PREFIX.size :])
        return request, list(descriptors)

    def _fill(self, frame: bytearray, length: int) -> None:
        while len(frame) < length:
            more = self._sock.recv(length - len(frame))
            if not more:
                raise Closed
            frame += more

    def send(self, answer: protocol.Answer, body: bytes = b"") -> None:
        """Send an answer and its body; Closed when nobody listens."""
        head = protocol.answer_head(answer, len(body))
        try:
            sent = self._sock.sendmsg([head, body])
            if sent < len(head):
                self._sock.sendall(head[sent:])
                sent = len(head)
            self._sock.sendall(memoryview(body)[sent - len(head) :])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error


def allow_cpu(seconds: float) -> None:
    """Move the soft RLIMIT_CPU up to `seconds` from now, rounded up; beyond it SIGXCPU ends the process."""
    soft = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def run(sock: socket.socket, tasks: Tasks) -> None:
    """Serve jobs from `sock` until it closes. The first message is the `Setup`; the first answer is `Ready`."""
    leave_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    channel = Channel(sock)
    with contextlib.suppress(Closed):
        setup, _none = channel.receive()
        if not isinstance(setup, protocol.Setup):
            raise TypeError("the first message to a worker is its setup")
        revision = tasks.start() + ("+linear-light" if setup.linear_light else "")  # the same recipe, other pixels
        tasks.load_fonts(setup.fonts)
        reads = list(tasks.readable())
        if setup.rare:
            tasks.open_rare()
            tasks.limit_drawings(setup.drawing_cpu_seconds, setup.drawing_memory_bytes)
        for name in CODECS:
            codecs.lookup(name)
        meter = Meter()
        heap = Heap(meter)
        gc.collect()
        gc.freeze()  # what is loaded by now stays; the collector need not walk it between two pictures
        confined = confine(setup.memory_bytes)
        channel.send(protocol.Ready(revision, confined, meter.resting(), reads))
        while True:
            if not channel.waiting(IDLE_SECONDS):
                heap.give_back(0)
            request, descriptors = channel.receive()
            allow_cpu(setup.cpu_seconds)
            meter.begin()
            answer, body = answer_to(tasks, setup, request, descriptors, meter)
            channel.send(answer, body)
            del answer, body
            heap.give_back(TRIM_BYTES)


def main(tasks: Callable[[], Tasks] = production_tasks) -> int:
    """Run a worker on the descriptor named by the last argument; its last line on stderr says why it cannot."""
    try:
        run(socket.socket(fileno=int(sys.argv[-1])), tasks())
    except Exception as error:  # noqa: BLE001 - the last thing this process says, whatever went wrong
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    # Not sys.exit: tearing libvips down takes longer than letting the kernel do it, and nothing is left to flush.
    status = main()
    sys.stderr.flush()
    os._exit(status)
