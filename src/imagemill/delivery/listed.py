"""What `delivery.access = "sizes"` lets through, and where it sends the rest (contract, "Access"; threat A4).

Separate from `sizes`, the arithmetic of boxes. A flood of random options must not make more than a short list of
variants, so beside sizes only options with few values are open: `fit`, `fm`, `anim`, the words of `g`, some values of
`q` and `bg`. Everything else stands in presets, unless `sizes.options` opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from imagemill.delivery.access import Access
from imagemill.delivery.sizes import size_faults, snapped
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.bounds import bounds_faults
from imagemill.recipe.model import Recipe, SearchedQuality
from imagemill.recipe.negotiation import DENSITIES
from imagemill.recipe.normal import normalise
from imagemill.recipe.options import Asked, parse_options
from imagemill.recipe.options.table import written
from imagemill.recipe.presets import Preset, expand, recipe_at
from imagemill.recipe.spelling import write_number
from imagemill.recipe.wording import to_base64url

GROUNDS = ("auto", "black", "blur", "transparent", "white")
"""Values of `bg` that are open in `sizes`; there are 2**32 others."""
TARGETS = ("auto", "auto:50", "auto:75", "auto:85")
"""Searched qualities that are open in `sizes`: the words of the option."""
_SIDES = frozenset({"w", "h", "ar", "dpr"})
_OPEN = frozenset({"fit", "fm", "anim"})
"""Options that are open in `sizes` with all their values, which are few."""
_FEW = _SIDES | {"dl", "q", "bg", "g"}
"""Options that are open with some of their values, or whose value was judged as a size."""


def judge_listed(
    asked: Asked, preset: Preset | None, access: Access, *, side: int, pixels: int
) -> tuple[tuple[Fault, ...], str | None]:
    """Return what is not listed, and the options that are meant where the site sends people on to the next size.

    A preset by itself is the site's own word; what a stranger adds to it, or asks without one, must be listed.
    """
    own = None if preset is None else recipe_at(preset, asked.given.get("dpr"))
    others = tuple(_other_faults(asked, preset, own, access))
    faults = (*size_faults(asked.recipe.resize, access.sizes, None if own is None else own.resize), *others)
    if not faults or not access.snaps or any(fault.option != "q" for fault in others):
        return faults, None
    return faults, _next_options(asked, preset, own, access, side, pixels)


def density_faults(asked: Asked) -> Iterator[Fault]:
    """Beside a preset `dpr` scales all that it measures in pixels, so only the steps of hints are open."""
    dpr = asked.given.get("dpr")
    if isinstance(dpr, float) and dpr not in DENSITIES:
        steps = ", ".join(write_number(density) for density in DENSITIES)
        yield Fault("dpr", f"{steps} or auto beside a preset", write_number(dpr))


def _other_faults(asked: Asked, preset: Preset | None, own: Recipe | None, access: Access) -> Iterator[Fault]:
    """Yield what is no size and not open: judged on the canonical text, where `bri=0` is not there.

    Beside a preset the written names count too: an option that takes something of the preset away, as `wmop=0` takes
    its watermark, leaves no trace in the text.
    """
    taken = set(written(own)) if own is not None else set()
    seen: set[str] = set()
    for item in written(asked.recipe):
        name, _, value = item.partition("=")
        expected = None if item in taken or name in _SIDES else _expected(name, value, access)
        if expected is not None:
            seen.add(name)
            yield Fault(name, expected, shown(value))
    if preset is None:
        return
    yield from density_faults(asked)
    said = preset.asked.given
    for name, value in asked.given.items():
        unchanged = name in said and said[name] == value
        if not unchanged and name not in seen and name not in _FEW and _expected(name, "", access) is not None:
            yield Fault(name, "no change of what the preset says", name)


def _expected(name: str, value: str, access: Access) -> str | None:
    """Return what was expected of an option in `sizes`, None where the value is open."""
    if name in _OPEN or _free(name, access.options):
        return None
    few = {
        "q": (*map(str, access.qualities), *TARGETS),
        "bg": GROUNDS,
    }.get(name)
    if few is not None:
        return None if _ground(value) in few else "one of " + ", ".join(few)
    if name == "g":
        return "a word, such as center or attention" if value.startswith("fp:") else None
    return "nothing, since it is open only in a preset"


def _ground(value: str) -> str:
    """Return the word of a colour that `bg` may be in `sizes`; the canonical text has only its digits."""
    return {"ffffff": "white", "000000": "black"}.get(value, value)


def _free(name: str, options: frozenset[str]) -> bool:
    """Whether `sizes.options` opens an option; `wm` and `text` stand for all that is said of their layers."""
    return name in options or any(word in options and name.startswith(word) for word in ("wm", "text"))


def _next_options(
    asked: Asked, preset: Preset | None, own: Recipe | None, access: Access, side: int, pixels: int
) -> str | None:
    """Return the option list of the next listed size, None where there is none that means all the rest as asked."""
    resize = asked.recipe.resize
    own_box = None if own is None else own.resize
    if any(size_faults(resize, access.sizes, own_box)):
        box = snapped(resize, access.sizes)
        if box is None:
            return None
        resize = box
    output = asked.recipe.output
    if own is None or output.quality != own.output.quality:
        output = replace(output, quality=_next_quality(output.quality, access))
    recipe = normalise(replace(asked.recipe, resize=resize, output=output))
    if any(size_faults(recipe.resize, access.sizes, own_box)) or any(bounds_faults(recipe, side=side, pixels=pixels)):
        return None
    items = written(recipe)
    if preset is not None and own is not None:
        if asked.given.get("dpr") is not None:
            return None  # what the preset measures in pixels was scaled with it, and cannot be written without it
        items = [f"p={preset.name}", *(item for item in items if item not in written(own))]
    if asked.download is not None:
        items.append(_download(asked.download))
    options = ",".join(items) or "_"
    return options if _means(options, recipe, preset) else None


def _next_quality(quality: int | SearchedQuality | None, access: Access) -> int | SearchedQuality | None:
    if not isinstance(quality, int) or quality in access.qualities or not access.qualities:
        return quality
    return next((one for one in access.qualities if one >= quality), access.qualities[-1])


def _download(download: str | bool) -> str:
    if download is True:
        return "dl=1"
    name = str(download)
    return f"dl={name}" if name != "1" and not set(name) & set(",&/=") else f"dl64={to_base64url(name)}"


def _means(options: str, recipe: Recipe, preset: Preset | None) -> bool:
    """Whether the list says exactly `recipe`: a redirect must never give another picture than it was for."""
    try:
        asked = parse_options(options)
        return (asked if preset is None else expand(asked, preset)).recipe == recipe
    except InvalidRequest:
        return False
