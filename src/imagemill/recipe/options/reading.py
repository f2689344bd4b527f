"""Reading an option list: one path segment, percent-decoded once (contract, "Options").

A hand-written scan in linear time: at most `MAX_ITEMS` items of at most `MAX_VALUE` characters are looked at, whatever
the length of the segment (threats A6). Everything wrong is gathered, so that one answer names it all.
"""

from __future__ import annotations

import difflib
from functools import lru_cache

from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.options.asked import Asked
from imagemill.recipe.options.build import Values, build
from imagemill.recipe.options.rules import combination_faults, with_dpr
from imagemill.recipe.options.table import BY_NAME
from imagemill.recipe.spelling import MAX_VALUE

MAX_ITEMS = 64
MAX_SUGGESTIONS = 3
"""Unknown names that get a suggestion; a search costs a third of a millisecond."""
MAX_REMEMBERED = 512
"""Characters of a segment whose meaning is remembered."""
NOTHING = "_"


def parse_options(segment: str) -> Asked:
    """Return what `segment` asks for; raise InvalidRequest (`bad_option`) whose faults list every wrong part."""
    return _remembered(segment) if len(segment) <= MAX_REMEMBERED else _parse(segment)


def parse_preset(segment: str) -> Asked:
    """Return what a preset's `segment` says; as `parse_options`, but a URL may bring the partner that is missing."""
    return _parse(segment, whole=False)


def _parse(segment: str, *, whole: bool = True) -> Asked:
    if segment == NOTHING:
        return Asked(recipe=build({}))
    faults: list[Fault] = []
    values, said = _gather(_items(segment), faults)
    faults.extend(combination_faults(values, said, whole=whole and "p" not in said))
    recipe, out_of_range = with_dpr(build(values), values.get("dpr"))
    faults.extend(out_of_range)
    if faults:
        raise _refusal(segment, faults)
    return Asked(
        recipe=recipe,
        preset=values.get("p"),
        download=values.get("dl"),
        options=tuple(values),
        values=tuple(values.values()),
    )


_remembered = lru_cache(maxsize=1024)(_parse)
"""Pages ask for the same few lists over and over; errors are not remembered."""


def _items(segment: str) -> list[tuple[str, str] | Fault]:
    """Split into names and values; a first item such as `300x200` becomes `w` and `h`."""
    text = segment.replace("&", ",")
    if text.count(",") >= MAX_ITEMS:
        return [Fault("options", f"at most {MAX_ITEMS} items", f"{text.count(',') + 1} items")]
    parts = text.split(",")
    items: list[tuple[str, str] | Fault] = []
    for index, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if equals:
            items.append((name, value))
        elif index == 0 and (size := _dimensions(part)) is not None:
            items.extend(size)
        else:
            items.append(_no_value(part, alone=len(parts) == 1))
    return items


def _dimensions(part: str) -> list[tuple[str, str]] | None:
    """Return the sides of `WxH`, `Wx` or `xH`, None where `part` is not of that shape; digits only, no percents."""
    width, x, height = part.partition("x")
    if not x or not (width or height) or not (width + height).isdecimal():
        return None
    return [(name, side) for name, side in (("w", width), ("h", height)) if side]


def _no_value(part: str, *, alone: bool) -> Fault:
    if not part:
        return Fault("options", "name=value, or _ for no options" if alone else "name=value, not an empty item", "")
    option = BY_NAME.get(part)
    if option is not None:
        return Fault(part, f"{part}= and {option.values}", "no value")
    if part == NOTHING:
        return Fault(NOTHING, "to stand alone, since it says that there are no options", NOTHING)
    return Fault(shown(part), "name=value, such as w=300 (or 300x200 in the first place)", shown(part))


def _gather(items: list[tuple[str, str] | Fault], faults: list[Fault]) -> tuple[Values, dict[str, None]]:
    """Return the values that could be read, and every option's name in the order it was written."""
    values: Values = {}
    suggestions = MAX_SUGGESTIONS
    said: dict[str, None] = {}
    for item in items:
        if isinstance(item, Fault):
            faults.append(item)
            continue
        name, value = item
        option = BY_NAME.get(name)
        if option is None:
            suggestions -= 1
            faults.append(Fault(shown(name), _expected_name(name, suggest=suggestions >= 0), shown(value)))
            continue
        if option.key in said:
            faults.append(Fault(name, "to be given once", shown(value)))
            continue
        said[option.key] = None
        try:
            if not value or len(value) > MAX_VALUE or "/" in value:
                raise ValueError(value)
            values[option.key] = option.read(value)
        except ValueError:
            faults.append(Fault(name, option.values, shown(value)))
    return values, said


def _expected_name(name: str, *, suggest: bool) -> str:
    near = difflib.get_close_matches(name.lower(), BY_NAME, n=1, cutoff=0.6) if suggest and len(name) <= 24 else []
    return f"the name of an option; did you mean “{near[0]}”?" if near else "the name of an option"


def _refusal(segment: str, faults: list[Fault]) -> InvalidRequest:
    shown_first = "; ".join(str(fault) for fault in faults[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return InvalidRequest(
        f"The options “{shown(segment)}” are wrong: {shown_first}{more}.", code="bad_option", faults=tuple(faults)
    )
