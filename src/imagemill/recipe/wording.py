"""How free text is spelled: words to draw, keys, file names and names, as they are or as base64url.

Separate from `spelling`, because these values come from people and hold any character; here they are bounded in bytes,
and characters that could act on a terminal, a header or a path are refused.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata

from imagemill.recipe.spelling import Reader, T

MAX_TEXT = 1024
"""Bytes of free text or of a key, in UTF-8."""


def from_base64url(text: str) -> str:
    """Return the UTF-8 text of base64url with or without padding; ValueError for anything else."""
    if "+" in text or "/" in text:
        raise ValueError(text)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError(text) from None
    return raw.decode("utf-8")


def to_base64url(text: str) -> str:
    """Return base64url of UTF-8 without padding."""
    return base64.urlsafe_b64encode(text.encode("utf-8")).decode("ascii").rstrip("=")


def encoded(reader: Reader[T]) -> Reader[T]:
    """Return a reader of base64url around what `reader` takes."""

    def read(text: str) -> T:
        return reader(from_base64url(text))

    return read


def _bounded(text: str, limit: int) -> str:
    if not text or len(text) > limit or len(text.encode("utf-8")) > limit:
        raise ValueError(text)
    return text


def _has_controls(text: str) -> bool:
    return not text.isprintable() and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in text)


def read_text(text: str) -> str:
    """Return words to draw: 1…1024 bytes, line feeds allowed, no other control characters."""
    if _has_controls(text.replace("\n", "")):
        raise ValueError(text)
    return _bounded(text, MAX_TEXT)


def read_key(text: str) -> str:
    """Return a key as far as its spelling goes; whether it names an original is for the store to say."""
    key = _bounded(text, MAX_TEXT).lstrip("/")
    if _has_controls(key) or "\\" in key or not {"", ".", "..", "~"}.isdisjoint(key.split("/")):
        raise ValueError(text)
    return key


def read_file_name(text: str) -> str:
    """Return a download's file name: 1…255 bytes, no separators, no control characters (RFC 6266 section 4.3)."""
    if _has_controls(text) or "/" in text or "\\" in text:
        raise ValueError(text)
    return _bounded(text, 255)


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def is_plain(text: str) -> bool:
    """Whether `text` stands in a URL, a file name and a canonical text as it is."""
    return bool(text) and _PLAIN.issuperset(text)


def read_name(text: str) -> str:
    """Return a name (of a preset, a font): 1…64 letters, digits, `-`, `_` and `.` in ASCII."""
    if len(text) > 64 or not is_plain(text):
        raise ValueError(text)
    return text
