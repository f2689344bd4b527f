"""Which parts of the grammar this version carries out, and which of them an unsigned caller may not use.

The whole grammar is read from the start; what is not built answers 501 with its row in the capability table, and is
never silently left out. One table, looked up on the normal form: a value that changes nothing (`bri=0`) is never
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from imagemill.errors import Fault, NotBuilt
from imagemill.recipe.model import ImageLayer, Recipe, SearchedQuality, TextLayer
from imagemill.recipe.options import Asked
from imagemill.recipe.vocabulary import Anchor, Format, Metadata


class Later(NamedTuple):
    """A part that a later version carries out: the option, what of it, its capability row, and who uses it."""

    option: str
    what: str
    row: str
    used: Callable[[Recipe], bool]


LATER: tuple[Later, ...] = (
    Later("g", "g=faces", "T3", lambda r: r.resize.gravity is Anchor.FACES),
    Later("redact", "redact=…:faces", "T3", lambda r: r.redact is not None and r.redact.faces),
    Later("fm", "fm=best", "T7", lambda r: r.output.format is Format.BEST),
    Later("q", "q=auto", "T7", lambda r: isinstance(r.output.quality, SearchedQuality)),
    Later("max_bytes", "max_bytes", "T7", lambda r: r.output.max_bytes is not None),
)
"""Every part that a later version brings."""


def missing(asked: Asked) -> tuple[tuple[str, str], ...]:
    """Return what of `asked` is not built, as pairs of words for it (`q=auto`) and its capability row (`T7`)."""
    return tuple((later.what, later.row) for later in LATER if later.used(asked.recipe))


def check_available(asked: Asked) -> None:
    """Raise NotBuilt naming every option that is not built; `row` joins their rows, as in "T5, T7"."""
    absent = missing(asked)
    if not absent:
        return
    rows = ", ".join(sorted({row for _, row in absent}, key=lambda row: (row[0], int(row[1:]))))
    names = ", ".join(what for what, _ in absent)
    verb = "is" if len(absent) == 1 else "are"
    faults = tuple(Fault(what, f"a later version (capability {row})", what) for what, row in absent)
    raise NotBuilt(f"{names} {verb} understood, but not built yet (capability {rows}).", row=rows, faults=faults)


UNSIGNED_SEARCH = 90
"""SSIMULACRA2 up to which anyone may ask for a searched quality; above it, each step doubles the bytes and the work."""


_SAID_BY = {"meta": "meta", "max_bytes": "max_bytes", "lossless": "lossless", "best": "fm", "tiff": "fm", "auto": "q"}
"""The option that says what a word of `needs_signature` stands for; the options of a layer begin with its word."""


def needs_signature(asked: Asked, preset: Asked | None = None) -> tuple[str, ...]:
    """Return the words, as in the setting `delivery.allow`, of what needs a signature (contract, "Access").

    `asked` is expanded; what its `preset` says by itself is the site's own, unless an option beside it changes that.
    `wm` is listed always: whether the caller could see that original is known only where originals are.
    """
    words = _closed(asked.recipe)
    if preset is None or not words:
        return words
    own, said = _closed(preset.recipe), preset.given
    changed = {name for name, value in asked.given.items() if name not in said or said[name] != value}
    return tuple(word for word in words if word not in own or any(_says(name, word) for name in changed))


def _says(option: str, word: str) -> bool:
    return option.startswith(word) if word in ("text", "wm") else option == _SAID_BY[word]


def _closed(recipe: Recipe) -> tuple[str, ...]:
    output = recipe.output
    quality = output.quality
    target = quality.target if isinstance(quality, SearchedQuality) else None
    listed = (
        ("meta", output.metadata in (Metadata.ALL, Metadata.ALL_GPS)),
        ("text", any(isinstance(layer, TextLayer) for layer in recipe.layers)),
        ("wm", any(isinstance(layer, ImageLayer) for layer in recipe.layers)),
        ("max_bytes", output.max_bytes is not None),
        ("lossless", output.lossless),
        ("best", output.format is Format.BEST),
        ("tiff", output.format is Format.TIFF),
        ("auto", target is not None and target > UNSIGNED_SEARCH),
    )
    return tuple(word for word, used in listed if used)
