"""How commands speak: results on stdout, everything else on stderr, JSON lines when asked.

Separate, so that no command decides anew what goes where: a pipe must get results only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from imagemill.errors import ImagemillError


def say(text: str) -> None:
    """Print a word to the person, not to the pipe."""
    print(text, file=sys.stderr, flush=True)


def emit(record: Mapping[str, object]) -> None:
    """Print one JSON line; ASCII only, so that every terminal and pipe can carry it."""
    print(json.dumps(record), flush=True)


def complain(error: ImagemillError, about: str = "") -> None:
    """Print an error in words: its sentence, then every wrong part; `about` names the file or key it concerns."""
    say("\n".join(sentences(error, about)))


def tell_failed(error: ImagemillError, about: Mapping[str, object], name: str, *, as_json: bool) -> None:
    """Tell what failed of many: a JSON line with `about` in it, or an error in words about the file or key `name`."""
    if as_json:
        emit({**about, "error": {"code": error.code, "detail": error.sentence}})
    else:
        complain(error, name)


def sentences(error: ImagemillError, about: str = "") -> list[str]:
    """Return the lines of `complain`."""
    lead = f"imagemill: {visible(about)}: " if about else "imagemill: "
    told = [f"{lead}{line}" for line in error.sentence.splitlines()]
    return told + [f"  {fault}" for fault in error.faults if str(fault) not in error.sentence]


def visible(text: str) -> str:
    """Return `text` with what a terminal would obey (escapes, direction marks) made visible."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def bytes_in_words(count: int) -> str:
    """Return a number of bytes for people: 999 B, 1.2 kB, 34 MB (decimal, as shops and Finder count)."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def counted(count: int, thing: str) -> str:
    """Return "1 variant", "2 variants"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
