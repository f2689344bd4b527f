"""What a style sheet or an attribute of an SVG says in CSS, without what leaves the file (threats D9, D13).

Separate from the reader of the document because CSS has a grammar of its own: its escapes can spell `url` and `@import`
in other letters, and its brackets nest. Every pattern here takes time in proportion to the text, however it is broken.
"""

from __future__ import annotations

import re

MOST_NESTED = 100
"""Brackets inside each other; thousands overflow the stack of the renderer's parser, which takes one call for each."""

# Nothing that follows `url(` can make this fail, so no text makes it try twice.
_OUTSIDE = re.compile(r"@import[^;]*;?|url\(\s*['\"]?\s*([^)]*)\)?", re.IGNORECASE)
_REFERENCE = re.compile(r"url\(\s*['\"]?\s*([^'\")]*)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\r\n\f])?|([g-z]))", re.IGNORECASE)
_BRACKET = re.compile(r"[(\[{]|[)\]}]")


def plain(text: str) -> str:
    """Return CSS in which no letter is written as an escape (CSS Syntax 3 section 4.3.7); the meaning is the same."""
    return _ESCAPE.sub(_letter, text) if "\\" in text else text


def references(text: str) -> list[str]:
    """Return the targets of every `url()` in CSS that was made `plain`."""
    return _REFERENCE.findall(text) if "(" in text else []


def within_file(text: str) -> str:
    """Return a style sheet without imports, and with `none` for every `url()` that is not inside the document."""
    return _OUTSIDE.sub(_inside, plain(text))


def nesting(text: str) -> int:
    """Return how deep brackets of any kind stand inside each other."""
    depth = deepest = 0
    for found in _BRACKET.finditer(text):
        depth = depth + 1 if found[0] in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _letter(found: re.Match[str]) -> str:
    """The letter that an escape stands for; an escape of anything else stays."""
    if found[1] is None:
        return found[2]
    letter = chr(min(int(found[1], 16), 0x10FFFF))
    return letter if letter.isascii() and letter.isalpha() else found[0]


def _inside(found: re.Match[str]) -> str:
    """What stands instead: nothing for an import, or it would become part of the next rule."""
    if found[1] is None:
        return ""
    return found[0] if found[1].startswith("#") else "none"
