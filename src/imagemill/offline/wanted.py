"""What is wanted of every original: one option list, spread over widths and formats.

Pure: words in, recipes out; everything wrong is said before the first picture is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagemill.engine.limits import Limits
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.availability import check_available
from imagemill.recipe.bounds import check_bounds
from imagemill.recipe.canonical import text_of
from imagemill.recipe.model import Recipe
from imagemill.recipe.negotiation import Hints, settle
from imagemill.recipe.options import Asked, parse_options
from imagemill.recipe.options.reading import NOTHING
from imagemill.recipe.presets import NONE, Presets, expand, find_preset, read_preset

MOST = 64
"""Variants of one original: eight widths in eight formats, as in one set of the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One variant of each original.

    `recipe` has no hint left to wait for, and its format may be AUTO; `width` is what the list of widths asked in CSS
    pixels, None without one; `text` is the recipe's canonical spelling.
    """

    recipe: Recipe
    width: int | None
    text: str


def wanted(
    to: str,
    *,
    widths: Sequence[int] = (),
    formats: Sequence[str] = (),
    presets: Presets = NONE,
    limits: Limits | None = None,
) -> tuple[Wanted, ...]:
    """Return what `to` (an option list, `_` for none) asks at each of the widths in each of the formats.

    Raises InvalidRequest for a wrong list, with every fault; NotBuilt for an option of a later version.
    """
    limits = limits or Limits()
    _check_apart(to, widths, formats)
    found: dict[tuple[int | None, str], Wanted] = {}
    for width in widths or (None,):
        for name in formats or (None,):
            one = _one(_spelled(to, width, name), width, presets, limits)
            found[width, one.text] = one
    if len(found) > MOST:
        raise InvalidRequest(
            f"{len(widths)} widths in {len(formats)} formats are {len(found)} variants; at most {MOST} are made.",
            code="bad_option",
            faults=(Fault("widths", f"at most {MOST} variants of a picture", str(len(found))),),
        )
    return tuple(found.values())


def presets_of(options: Mapping[str, str], limits: Limits) -> Presets:
    """Return the presets of the settings, read; raises InvalidRequest (`bad_preset`) for one that is wrong."""
    side, pixels = limits.side_result, limits.pixels_result
    return {name: read_preset(name, text, side=side, pixels=pixels) for name, text in options.items()}


def _check_apart(to: str, widths: Sequence[int], formats: Sequence[str]) -> None:
    """Raise InvalidRequest where an option of `to` is what a list spreads: the grammar would only say "twice"."""
    try:
        given = parse_options(to or NOTHING).given
    except InvalidRequest:
        return  # wrong, or not whole without a width (ar=16:9): the whole lists are judged anyway
    faults = tuple(
        Fault(name, f"in one place: in the options, or in the list of {several}", to)
        for name, several, spread in (("w", "widths", widths), ("fm", "formats", formats))
        if spread and name in given
    )
    if faults:
        both = " and ".join(f"{fault.option}: expected {fault.expected}" for fault in faults)
        raise InvalidRequest(
            f"The options “{shown(to)}” do not go with the lists: {both}.", code="bad_option", faults=faults
        )


def _spelled(to: str, width: int | None, name: str | None) -> str:
    """The option list with a width and a format added."""
    parts = [] if to in ("", NOTHING) else [to]
    parts += [] if width is None else [f"w={width}"]
    parts += [] if name is None else [f"fm={name}"]
    return ",".join(parts) or NOTHING


def _one(text: str, width: int | None, presets: Presets, limits: Limits) -> Wanted:
    asked: Asked = parse_options(text)
    preset = find_preset(asked, presets)
    if preset is not None:
        asked = expand(asked, preset)
    check_available(asked)
    recipe = settle(asked.recipe, Hints(), side=limits.side_result, pixels=limits.pixels_result).recipe
    check_bounds(recipe, side=limits.side_result, pixels=limits.pixels_result)
    return Wanted(recipe=recipe, width=width, text=text_of(recipe))
