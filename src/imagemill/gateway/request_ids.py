"""The id by which an answer, its problem and its line in the log are found again: the client's own, or a new one.

A client's is taken only where it is harmless in a header and in a log (threat L3).
"""

from __future__ import annotations

import os
import re

HARMLESS = re.compile(rb"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""What the id of a client must look like."""


class RequestIds:
    """The ids of one process: a random beginning, then a number, as a random id for each costs more than a hit."""

    def __init__(self) -> None:
        self._beginning = os.urandom(5).hex()
        self._last = 0

    def of(self, headers: dict[bytes, bytes]) -> str:
        """Return the id of the request with these headers (names in lower case)."""
        given = headers.get(b"x-request-id")
        if given is not None and HARMLESS.fullmatch(given):
            return given.decode("ascii")
        self._last += 1
        return f"{self._beginning}{self._last:08x}"
