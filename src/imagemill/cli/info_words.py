"""What is known of a picture, for people: a headline, colours as colours, then every field by its block."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from imagemill.cli.words import bytes_in_words, visible

BLOCKS = (("exif", "EXIF"), ("gps", "GPS"), ("iptc", "IPTC"), ("xmp", "XMP"), ("texts", "Texts"))
_WIDTH = 18
_LONGEST = 100
"""Characters of a value in the table; `--json` has all of it."""


def lines_of(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of one picture; an empty one ends it."""
    yield visible(str(told.get("file") or told.get("key")))
    yield _line("picture", _headline(told))
    if told["animated"]:
        yield _line("animation", _animation(told))
    colours = told["colours"]
    yield _line("average", _swatch(colours["average"]))
    yield _line("palette", "  ".join(f"{_swatch(one['colour'])} {one['share']:.0%}" for one in colours["palette"]))
    yield _line("blurhash", told["blurhash"])
    yield _line("thumbhash", told["thumbhash"])
    yield _line("perceptual hash", told["perceptual_hash"])
    if told["location"]:
        place = told["location"]
        yield _line("location", f"{place['latitude']}, {place['longitude']}")
    for name, title in BLOCKS:
        if told[name]:
            yield f"  {title}"
            for field, value in told[name].items():
                yield f"    {visible(field):<28}  {_shown(value)}"
    yield ""


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{text}"


def _headline(told: Mapping[str, Any]) -> str:
    words = [f"{told['format'].upper()} {told['width']}×{told['height']}", bytes_in_words(told["size"])]
    words.append(f"{told['bits']} bits {told['space']}")
    if told["profile"]:
        words.append(visible(told["profile"]))
    if told["alpha"]:
        words.append("alpha")
    if told["pages"] > 1 and not told["animated"]:
        words.append(f"{told['pages']} pages")
    if told["orientation"] != 1:
        words.append(f"EXIF orientation {told['orientation']}")
    return ", ".join(words)


def _animation(told: Mapping[str, Any]) -> str:
    seconds = sum(told["delays"]) / 1000
    loops = "for ever" if told["loop"] == 0 else f"{told['loop']} times"
    return f"{told['pages']} frames, {seconds:.2f} s, {loops}"


def _swatch(colour: str) -> str:
    """A colour's number, behind a patch of it where the terminal can show one (no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return colour
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"\x1b[48;2;{red};{green};{blue}m  \x1b[0m {colour}"


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = visible(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
