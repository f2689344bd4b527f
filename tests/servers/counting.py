"""An origin that reads requests as strictly as RFC 9112 lets it, counts them, and answers each with a mark."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
    b"Cache-Control: no-store\r\nx-counted: 1\r\n\r\nok"
)
_LINE = re.compile(rb"[A-Z]+ /[!-~]* HTTP/1\.[01]")
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*")


@dataclass
class CountingOrigin:
    """A listening origin; `port` and `data` are what a server in front is configured with."""

    port: int
    data: Path
    heads: list[bytes] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def count(self) -> int:
        """Return how many requests have come."""
        return len(self.heads)

    def faults(self) -> list[str]:
        """Return what was ambiguous in them."""
        return self.wrong

    def serve(self, connection: socket.socket) -> None:
        """Read one connection to its end."""
        with connection, connection.makefile("rb") as stream:
            while (head := self._head(stream)) is not None:
                self.heads.append(head)
                length = self._length(head)
                if length is None:
                    return
                if len(stream.read(length)) < length:
                    self.wrong.append(f"a body is shorter than it says: {head[:80]!r}")
                    return
                connection.sendall(ANSWER)

    def _head(self, stream: object) -> bytes | None:
        lines = []
        while line := stream.readline(200_000):  # type: ignore[attr-defined]  # a binary file of a socket
            lines.append(line)
            if line in (b"\r\n", b"\n"):
                return b"".join(lines)
        return None

    def _length(self, head: bytes) -> int | None:
        """Return the length of the body; None after what no two servers would read alike."""
        first, *rest = head.removesuffix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n")
        names = [one.partition(b":")[0].lower() for one in rest]
        if not _LINE.fullmatch(first) or not all(_FIELD.fullmatch(one) for one in rest):
            self.wrong.append(f"not a request: {head[:200]!r}")
        if b"transfer-encoding" in names:
            self.wrong.append(f"a length that is not plain: {head[:200]!r}")
            return None
        if names.count(b"content-length") > 1 or names.count(b"host") != 1:
            self.wrong.append(f"a length or a host twice: {head[:200]!r}")
        values = [one.partition(b":")[2].strip() for one in rest if one.lower().startswith(b"content-length:")]
        return int(values[0]) if values else 0


@contextmanager
def counting_origin(data: Path) -> Iterator[CountingOrigin]:
    """Listen on loopback until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = CountingOrigin(listener.getsockname()[1], data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=origin.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield origin
        listener.shutdown(socket.SHUT_RDWR)
