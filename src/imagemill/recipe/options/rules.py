"""What options may not say together; each rule names the option to change.

Rules run over the values that were read, also when others were wrong, so that one answer lists every fault.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from imagemill.errors import Fault
from imagemill.recipe.bounds import scaled_faults
from imagemill.recipe.model import Hinted, Recipe
from imagemill.recipe.normal import normalise
from imagemill.recipe.options.build import LAYER_NAMES, Values
from imagemill.recipe.scaling import scaled
from imagemill.recipe.vocabulary import Format


def combination_faults(values: Values, said: Collection[str], *, whole: bool = True) -> Iterator[Fault]:
    """Yield every contradiction and, where `said` is the `whole`, every option whose partner is missing.

    `values` are those that could be read, `said` all names that were written: a partner with a wrong value has its own
    fault and is not missing. In a preset, or beside one, the other may bring the partner, so only contradictions count.
    """
    if "ar" in said and "w" in said and "h" in said:
        yield Fault("ar", "only one of w and h beside it", "both")
    if "mask" in said and "radius" in said:
        yield Fault("mask", "no radius beside it, since both cut the corners", "both")
    if values.get("lossless"):
        yield from _lossless_faults(values, said)
    if whole:
        yield from _partner_faults(said)


def _lossless_faults(values: Values, said: Collection[str]) -> Iterator[Fault]:
    if "max_bytes" in said:
        yield Fault("lossless", "no max_bytes beside it, since nothing could be given up", "both")
    fmt = values.get("fm")
    if fmt in (Format.JPEG, Format.GIF):
        yield Fault("lossless", "a format that can be lossless, such as png, webp or avif", f"fm={fmt.value}")


def _partner_faults(said: Collection[str]) -> Iterator[Fault]:
    if "ar" in said and "w" not in said and "h" not in said:
        yield Fault("ar", "w or h beside it", "neither")
    for name in said:
        if name.startswith(("wm", "text")) and name not in LAYER_NAMES and name != "text":
            layer = "text" if name.startswith("text") else (name[:3] if name[2].isdigit() else "wm")
            if layer not in said:
                yield Fault(name, f"{layer} beside it", f"no {layer}")


def with_dpr(recipe: Recipe, dpr: float | Hinted | None) -> tuple[Recipe, tuple[Fault, ...]]:
    """Return the normal form of `recipe` at `dpr`, and what that drove out of range.

    While `dpr=auto` waits for its hint, the ranges are those of 1: negotiation takes the largest hint that stays
    inside.
    """
    if isinstance(dpr, float):
        recipe = scaled(recipe, dpr)
    normal = normalise(recipe)
    if dpr is None and recipe.resize.ratio is None:
        return normal, ()
    widest = normalise(scaled(normal, 1)) if isinstance(dpr, Hinted) else normal
    return normal, tuple(scaled_faults(widest))
