"""Text of strangers, fit to be shown: printable, on one line, not too long."""

from __future__ import annotations

from imagemill.engine.findings import MAX_TEXT


def safe_text(text: str, most: int = MAX_TEXT) -> str:
    """Return `text` without what a terminal or a page would obey: controls, marks of direction, lone surrogates.

    Runs of blanks and line ends become one space (threats L1, L3).
    """
    words = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text[: 4 * most]).split()
    return " ".join(words)[:most]


def decoded(raw: bytes) -> str:
    """Return bytes as text: UTF-8 where they are, else Latin-1, as cameras write; up to the first NUL."""
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
