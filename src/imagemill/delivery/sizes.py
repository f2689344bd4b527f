"""Which sizes `delivery.access = "sizes"` leaves open, and which is the next one of those (contract, "Access").

Separate from `access`, which also judges everything that is no size. Pure arithmetic on the box of a recipe in normal
form: `dpr` and `ar` are folded in, so what is judged is the size that would be stored, however it was spelled. The aim
is threat A4: what strangers can have made of one original must be a short list, whatever they write.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imagemill.delivery.settings import SizesSettings
from imagemill.errors import Fault
from imagemill.recipe.measures import read_ratio, write_length
from imagemill.recipe.model import Hinted, Length, Percent, Pixels, Ratio, Resize
from imagemill.recipe.scaling import half_up

NAMED = 40
"""Sizes of a list that an error names; of a longer one it names the two nearest."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The listed sizes, ascending.

    `beside` are heights that may stand beside any listed width, `alone` those that may stand without one.
    """

    widths: tuple[int, ...]
    alone: tuple[int, ...]
    beside: tuple[int, ...]
    ratios: tuple[Ratio, ...]

    @classmethod
    def of(cls, settings: SizesSettings) -> Sizes:
        """Return the lists of `[sizes]`."""
        return cls(
            widths=settings.widths,
            alone=settings.heights or settings.widths,
            beside=settings.heights,
            ratios=tuple(read_ratio(ratio) for ratio in settings.ratios),
        )


# --- is it listed? -------------------------------------------------------------------------------------------------


def size_faults(resize: Resize, sizes: Sizes, own: Resize | None = None) -> Iterator[Fault]:
    """Yield what of the box is not listed; `own` is the box of the preset that is asked, which is the site's own.

    A ratio that the list knows makes the other side right, rounded as the normal form does.
    """
    if own is not None and _box(resize) == _box(own):
        return
    width, height, ratio = _box(resize)
    if width is None and height is None:
        yield Fault("w", _expected(sizes.widths, None), "nothing")
    elif isinstance(width, Percent) or isinstance(height, Percent):
        name, side = ("w", width) if isinstance(width, Percent) else ("h", height)
        assert isinstance(side, Percent)
        yield Fault(name, _expected(sizes.widths if name == "w" else sizes.alone, None), write_length(side))
    elif ratio is not None:
        yield from _ratio_faults(width, height, ratio, sizes)
    elif height is None:
        yield from _alone("w", width, sizes.widths)
    elif width is None:
        yield from _alone("h", height, sizes.alone)
    else:
        yield from _pair_faults(width, height, sizes)


def _box(resize: Resize) -> tuple[Length | Hinted | None, Length | None, Ratio | None]:
    return resize.width, resize.height, resize.ratio


def _alone(name: str, side: Length | Hinted | None, listed: Sequence[int]) -> Iterator[Fault]:
    """A width hint is snapped to the list later, so it is right wherever there is a list."""
    if isinstance(side, Pixels) and side.count not in listed:
        yield Fault(name, _expected(listed, side.count), str(side.count))
    elif isinstance(side, Hinted) and not listed:
        yield Fault(name, _expected(listed, None), "auto")


def _ratio_faults(width: Length | Hinted | None, height: Length | None, ratio: Ratio, sizes: Sizes) -> Iterator[Fault]:
    """The ratio is not folded while a hint is waited for."""
    yield from _alone("w", width, sizes.widths) if height is None else _alone("h", height, sizes.alone)
    if ratio not in sizes.ratios:
        yield Fault("ar", _expected_ratio(sizes), f"{ratio.across:g}:{ratio.down:g}")


def _pair_faults(width: Length | Hinted, height: Length, sizes: Sizes) -> Iterator[Fault]:
    assert isinstance(height, Pixels)
    if not isinstance(width, Pixels):
        yield from _alone("h", height, sizes.beside)
        return
    across, down = width.count, height.count
    if across in sizes.widths:
        if down not in sizes.beside and not any(down == _down(across, ratio) for ratio in sizes.ratios):
            yield Fault("h", _expected_height(across, sizes), str(down))
    elif down not in sizes.alone or not any(across == _across(down, ratio) for ratio in sizes.ratios):
        yield Fault("w", _expected(sizes.widths, across), str(across))


def _down(across: int, ratio: Ratio) -> int:
    return max(1, half_up(across * int(ratio.down), int(ratio.across)))


def _across(down: int, ratio: Ratio) -> int:
    return max(1, half_up(down * int(ratio.across), int(ratio.down)))


# --- in words ------------------------------------------------------------------------------------------------------


def _expected(listed: Sequence[int], received: int | None) -> str:
    if not listed:
        return "a preset, since no sizes are listed"
    if len(listed) <= NAMED or received is None:
        shown = ", ".join(map(str, listed[:NAMED])) + (" …" if len(listed) > NAMED else "")
        return f"one of {shown}"
    at = bisect_left(listed, received)
    return "a listed size, such as " + " or ".join(str(size) for size in listed[max(0, at - 1) : at + 1])


def _expected_height(across: int, sizes: Sizes) -> str:
    heights = sorted({*sizes.beside, *(_down(across, ratio) for ratio in sizes.ratios)})
    return f"{_expected(heights, None)} beside w={across}" if heights else f"no h beside w={across}"


def _expected_ratio(sizes: Sizes) -> str:
    named = ", ".join(f"{ratio.across:g}:{ratio.down:g}" for ratio in sizes.ratios[:NAMED])
    return f"one of {named}" if named else "no ratio, since none is listed"


# --- the next one --------------------------------------------------------------------------------------------------


def snapped(resize: Resize, sizes: Sizes) -> Resize | None:
    """Return the box with the next listed size, which is the same or larger wherever the list goes so far.

    Without a size it is the largest. None where there is no next one: a percent size depends on the original, and some
    lists are empty.
    """
    width, height, ratio = _box(resize)
    if isinstance(width, Percent) or isinstance(height, Percent):
        return None
    if ratio is not None:
        near = _nearest(ratio.across / ratio.down, sizes)
        if near is None:
            return None
        resize = replace(resize, ratio=near)
    if isinstance(width, Hinted):
        return _with_height(resize, height, sizes.beside) if height is not None and ratio is None else resize
    if width is not None and height is not None:
        return _snapped_pair(resize, width.count, height.count, sizes)
    if height is not None:
        return _with_height(resize, height, sizes.alone)
    if not sizes.widths:
        return None
    return replace(resize, width=Pixels(_next(sizes.widths, sizes.widths[-1] if width is None else width.count)))


def _with_height(resize: Resize, height: Pixels, listed: Sequence[int]) -> Resize | None:
    return replace(resize, height=Pixels(_next(listed, height.count))) if listed else None


def _snapped_pair(resize: Resize, across: int, down: int, sizes: Sizes) -> Resize | None:
    """Keep the height's own list where there is one, else the nearest ratio that the list knows."""
    if not sizes.widths:
        return None
    if sizes.beside:
        return replace(resize, width=Pixels(_next(sizes.widths, across)), height=Pixels(_next(sizes.beside, down)))
    ratio = _nearest(across / down, sizes)
    if ratio is None:
        return None
    width = next((one for one in sizes.widths if one >= across and _down(one, ratio) >= down), sizes.widths[-1])
    return replace(resize, width=Pixels(width), height=Pixels(_down(width, ratio)))


def _next(listed: Sequence[int], size: int) -> int:
    return listed[min(bisect_left(listed, size), len(listed) - 1)]


def _nearest(shape: float, sizes: Sizes) -> Ratio | None:
    """Return the listed ratio that differs by the smallest factor."""
    if not sizes.ratios:
        return None
    return min(sizes.ratios, key=lambda ratio: abs(math.log(ratio.across / ratio.down / shape)))
