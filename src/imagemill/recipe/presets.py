"""Presets: option lists with a name, and what `p=<name>` with options beside it means (contract, "p").

Separate from the grammar, which reads a URL without knowing which presets there are. Merging is done on the values of
options, before `dpr` is folded in and before the normal form: so a preset and its spelled-out URL are one recipe, and
one stored variant. Whatever stands beside the preset wins, also over options of the preset that it contradicts.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.availability import check_available
from imagemill.recipe.bounds import PIXELS, SIDE, check_bounds
from imagemill.recipe.model import Hinted, Recipe
from imagemill.recipe.options import Asked, parse_preset
from imagemill.recipe.options.build import Values, build
from imagemill.recipe.options.rules import combination_faults, with_dpr
from imagemill.recipe.vocabulary import Format
from imagemill.recipe.wording import read_name

MAX_OPTIONS = 2048
"""Characters of a preset's option list."""
MAX_NAMED = 20
"""Names that an error lists."""

Keeper = Literal["file", "api"]
"""Who may change a preset: the settings (`file`), or whoever calls the control API (`api`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named option list.

    `options` is the text as somebody wrote it, `asked` what it means; `modified` is in seconds since 1970, None for one
    of the settings.
    """

    name: str
    options: str
    asked: Asked
    managed_by: Keeper = "file"
    modified: float | None = None


Presets = Mapping[str, Preset]
"""Presets by name: a snapshot that never changes once it is made."""

NONE: Presets = {}


def read_preset(
    name: str,
    options: str,
    *,
    managed_by: Keeper = "file",
    modified: float | None = None,
    side: int = SIDE,
    pixels: int = PIXELS,
) -> Preset:
    """Return a preset; raise InvalidRequest (`bad_preset`) for a name or options that are none, NotBuilt.

    A preset names no other: chains could run in a circle, and would change at a distance.
    """
    try:
        read_name(name)
    except ValueError:
        expected = "1…64 letters, digits, -, _ and ."
        raise _bad(f"The name “{shown(name)}” is none: {expected}.", Fault("name", expected, shown(name))) from None
    if not options or len(options) > MAX_OPTIONS:
        expected = f"1…{MAX_OPTIONS} characters, such as w=300,h=200"
        received = f"{len(options)} characters"
        raise _bad(f"The preset “{name}” needs {expected}.", Fault("options", expected, received))
    try:
        asked = parse_preset(options)
        check_bounds(asked.recipe, side=side, pixels=pixels)
    except InvalidRequest as error:
        raise _bad(f"The preset “{name}” is wrong. {error.sentence}", *error.faults) from None
    if asked.preset is not None:
        fault = Fault("p", "no preset in a preset", shown(asked.preset))
        raise _bad(f"The preset “{name}” names another preset, “{asked.preset}”; write its options out.", fault)
    check_available(asked)
    return Preset(name=name, options=options, asked=asked, managed_by=managed_by, modified=modified)


def _bad(sentence: str, *faults: Fault) -> InvalidRequest:
    return InvalidRequest(sentence, code="bad_preset", faults=faults)


def find_preset(asked: Asked, presets: Presets) -> Preset | None:
    """Return the preset that `asked` names, None where it names none; raise InvalidRequest (`unknown_preset`)."""
    name = asked.preset
    if name is None:
        return None
    known = presets.get(name)
    if known is not None:
        return known
    near = difflib.get_close_matches(name, presets, n=1, cutoff=0.6)
    meant = f" Did you mean “{near[0]}”?" if near else ""
    listed = _listed(presets)
    raise InvalidRequest(
        f"There is no preset “{shown(name)}”; there {listed}.{meant}",
        code="unknown_preset",
        faults=(Fault("p", f"the name of a preset; there {listed}", shown(name)),),
    )


def _listed(presets: Presets) -> str:
    names = sorted(presets)
    if not names:
        return "are none"
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{'is' if len(names) == 1 else 'are'} {', '.join(names[:MAX_NAMED])}{more}"


@lru_cache(maxsize=1024)
def expand(asked: Asked, preset: Preset) -> Asked:
    """Return `asked` with the recipe of `preset` and what stands beside it; its `preset` stays as a name.

    Raises InvalidRequest (`bad_option`) where both together are wrong, as in a size beyond the bounds after `dpr`.
    """
    beside = asked.given
    merged = merge(preset.asked.given, beside)
    faults = list(combination_faults(merged, merged.keys()))
    recipe, out_of_range = with_dpr(build(merged), merged.get("dpr"))
    faults.extend(out_of_range)
    if faults:
        raise InvalidRequest(
            f"The preset “{preset.name}” with the options beside it is wrong: {'; '.join(map(str, faults))}.",
            code="bad_option",
            faults=tuple(faults),
        )
    download = asked.download if "dl" in beside else preset.asked.download
    return replace(asked, recipe=recipe, download=download)


def alone(preset: Preset) -> Recipe | None:
    """Return what `preset` means by itself, None where the URL must bring something (`ar` without a side)."""
    try:
        return expand(Asked(recipe=Recipe(), preset=preset.name), preset).recipe
    except InvalidRequest:
        return None


def recipe_at(preset: Preset, dpr: float | Hinted | None) -> Recipe:
    """Return the recipe of `preset` alone for a screen of `dpr`; None is what the preset says itself."""
    values = preset.asked.given
    if dpr is not None:
        values["dpr"] = dpr
    return with_dpr(build(values), values.get("dpr"))[0]


def merge(preset: Values, beside: Values) -> Values:
    """Return the values of a preset under those of the options beside it.

    What contradicts an option beside it gives way: a mask to a radius, a promise of bytes to one of exactness, the
    preset's ratio to a second side, the preset's second side to a ratio.
    """
    merged = preset | beside
    gives_way: list[str] = []
    if "radius" in beside:
        gives_way.append("mask")
    if "mask" in beside:
        gives_way.append("radius")
    if beside.get("lossless"):
        gives_way.append("max_bytes")
    if "max_bytes" in beside or beside.get("fm") in (Format.JPEG, Format.GIF):
        gives_way.append("lossless")
    if {"w", "h", "ar"} <= merged.keys():
        gives_way.append("ar" if "ar" not in beside else "w" if "h" in beside else "h")
    for name in gives_way:
        if name not in beside:
            merged.pop(name, None)
    return merged
