"""Negotiation: a client's Accept header and hints reduced to a few cases that caches can trust (contract, "auto").

Pure, and cheap on hostile input: every function scans its header once. Separate from planning, which calls `settle`
for the sizes and `format_for` for the bytes. Three rules hold throughout: a header is read only where the URL says
`auto`; `Vary` names exactly what was read; and there are few outcomes, so that strangers cannot multiply variants.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from imagemill.recipe.bounds import PIXELS, SIDE, bounds_faults, scaled_faults
from imagemill.recipe.canonical import Bucket
from imagemill.recipe.model import Hinted, Percent, Pixels, Recipe, SearchedQuality
from imagemill.recipe.normal import normalise
from imagemill.recipe.scaling import scaled
from imagemill.recipe.spelling import thousandths
from imagemill.recipe.vocabulary import Format

LADDER = (
    *(16, 32, 48, 64, 96, 128, 256, 320, 384, 640, 750, 768, 828, 1024, 1080, 1200, 1280, 1536, 1920, 2048),
    *(2560, 3072, 3840),
)
"""Widths that hints are snapped up to: the union of what Next (imageSizes, deviceSizes) and Nuxt (screens, x1 and x2)
ask by default."""
DENSITIES = (1.0, 1.5, 2.0, 3.0)
"""Device pixel ratios that hints are snapped up to."""
SAVING_TARGET = 50.0
"""What `q=auto` means under Save-Data: the word `low`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a client said of itself. `width` is in device pixels; None is not said or not understood."""

    accept: str | None = None
    width: int | None = None
    dpr: float | None = None
    save_data: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A recipe with nothing left to ask the client but the format, and the names of the headers that were read."""

    recipe: Recipe
    vary: tuple[str, ...]


def read_hints(header: Callable[[str], str | None]) -> Hints:
    """Return the hints of a request; `header` gives the value of a header by its lower-case name.

    `width` and `dpr` are the names that browsers used before `sec-ch-`; the newer ones win.
    """
    return Hints(
        accept=header("accept"),
        width=_width(header("sec-ch-width")) or _width(header("width")),
        dpr=_density(header("sec-ch-dpr")) or _density(header("dpr")),
        save_data=(header("save-data") or "").strip().lower() in ("on", "?1"),
    )


def _width(text: str | None) -> int | None:
    value = "" if text is None else text.strip()
    if not value or len(value) > 6 or not (value.isascii() and value.isdigit()):
        return None
    return int(value) or None


def _density(text: str | None) -> float | None:
    value = "" if text is None or len(text) > 32 else text.strip()
    before, point, after = value.partition(".")
    if point and not after:
        return None
    try:
        number = thousandths(f"{before}.{after[:3]}" if point else before) / 1000
    except ValueError:
        return None
    return number if number > 0 and (after.isdigit() or not after) else None


# --- Accept --------------------------------------------------------------------------------------------------------


def bucket_of(accept: str | None, without: Collection[Bucket] = ()) -> Bucket:
    """Return the client's bucket: `avif`, `jxl` or `webp` only where Accept names it with q > 0, else `jpg`.

    The highest q wins, at equal ones AVIF, then JPEG XL, then WebP; a JPEG that is named with a higher q than all wins
    too. The buckets of `without` are passed over, as what this site or installation does not write. `*/*` and `image/*`
    say nothing of what a client can decode. RFC 9110 sections 12.4.2 and 12.5.1.
    """
    named = _named(accept)
    weights = {bucket: named.get(f"image/{bucket}", 0) for bucket in _SMALLER if bucket not in without}
    best = max(weights.values(), default=0)
    if best == 0 or named.get("image/jpeg", 0) > best:
        return "jpg"
    return next(bucket for bucket, weight in weights.items() if weight == best)


def webp_named(accept: str | None) -> bool:
    """Whether Accept names WebP with q > 0: what an AVIF client gets where AVIF does not serve."""
    return _named(accept).get("image/webp", 0) > 0


_SMALLER: tuple[Bucket, ...] = ("avif", "jxl", "webp")
_KINDS = frozenset({"image/avif", "image/jxl", "image/webp", "image/jpeg"})


def _named(accept: str | None) -> dict[str, int]:
    """Return the weight in thousandths of each kind we know that `accept` names; the highest where it stands twice."""
    weights: dict[str, int] = {}
    if not accept:
        return weights
    for item in accept.split(","):
        if "/" not in item:
            continue  # of commas alone there may be 65 000, on every request (threat A6)
        kind, _, parameters = item.partition(";")
        kind = kind.strip()
        if not 9 <= len(kind) <= 10 or (kind := kind.lower()) not in _KINDS:
            continue
        weight = _weight(parameters) if parameters else 1000
        if weight > weights.get(kind, 0):
            weights[kind] = weight
    return weights


def _weight(parameters: str) -> int:
    """Return the q of a media range in thousandths; 0 where it is no number from 0 to 1, so that doubt means JPEG."""
    for parameter in parameters.split(";"):
        if "=" not in parameter:
            continue
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            value = value.strip()
            try:
                weight = thousandths(value.removesuffix("."))
            except ValueError:
                return 0
            return weight if weight <= 1000 else 0
    return 1000


# --- sizes ---------------------------------------------------------------------------------------------------------


def settle(
    recipe: Recipe, hints: Hints, *, side: int = SIDE, pixels: int = PIXELS, ladder: Sequence[int] = LADDER
) -> Settled:
    """Settle `w=auto`, `dpr=auto` and `q=auto` from `hints`; of Accept only the name is noted (see `format_for`).

    `ladder` are the widths that a hint is snapped up to, ascending.

    No hint: `dpr` 1, and the width that the picture has. A hint never makes a good URL a bad one: of the densities up
    to the client's, and of the widths, the largest is taken whose result stays within `side` and `pixels`.
    """
    vary: list[str] = []
    resize = recipe.resize
    if recipe.output.format in (Format.AUTO, Format.BEST):
        vary.append("Accept")
    if resize.dpr is not None:
        vary += ["Sec-CH-DPR", "DPR"]
        recipe = _with_density(recipe, hints.dpr, side, pixels)
    if isinstance(resize.width, Hinted):  # after the density, which must not multiply it: it is in device pixels
        vary += ["Sec-CH-Width", "Width"]
        recipe = _with_width(recipe, hints.width, side, pixels, ladder)
    if recipe.output.quality == SearchedQuality():
        vary.append("Save-Data")
        if hints.save_data:
            recipe = replace(recipe, output=replace(recipe.output, quality=SearchedQuality(SAVING_TARGET)))
    return Settled(normalise(recipe) if len(vary) > 1 or "Accept" not in vary else recipe, tuple(vary))


def snapped_width(width: int, ladder: Sequence[int] = LADDER) -> int:
    """Return the next width of the ladder, the largest above it."""
    return ladder[min(bisect_left(ladder, width), len(ladder) - 1)]


def _with_width(recipe: Recipe, hint: int | None, side: int, pixels: int, ladder: Sequence[int]) -> Recipe:
    resize = recipe.resize
    if hint is None:
        whole = Percent(100) if resize.ratio is not None else None
        return replace(recipe, resize=replace(resize, width=whole))
    wide = recipe
    for width in reversed(ladder[: ladder.index(snapped_width(hint, ladder)) + 1]):
        wide = normalise(replace(recipe, resize=replace(resize, width=Pixels(width))))
        if _fits(wide, side, pixels):
            break
    return wide


def _with_density(recipe: Recipe, hint: float | None, side: int, pixels: int) -> Recipe:
    wanted = DENSITIES[min(bisect_left(DENSITIES, hint or 1.0), len(DENSITIES) - 1)]
    for density in reversed(DENSITIES[1:]):
        if density <= wanted and _fits(dense := normalise(scaled(recipe, density)), side, pixels):
            return dense
    return normalise(scaled(recipe, 1))


def _fits(recipe: Recipe, side: int, pixels: int) -> bool:
    return not any(scaled_faults(recipe)) and not any(bounds_faults(recipe, side=side, pixels=pixels))


# --- the format ----------------------------------------------------------------------------------------------------

WRITABLE = frozenset({Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF, Format.JXL})
"""Formats that `source` may settle on; who reads JPEG XL writes it too."""


def format_for(
    bucket: Bucket,
    *,
    alpha: bool,
    animated: bool,
    pixels: int,
    source_format: str,
    webp_named: bool,
    asked: Format = Format.AUTO,
    lossless: bool = False,
) -> Format:
    """Return the concrete format of a result.

    `alpha` and `animated` are the result's (after `bg`, `anim` and `page`), `pixels` those of one frame of it,
    `source_format` the original's sniffed word, `asked` what the recipe says, `webp_named` what the function of that
    name says of the Accept header, `lossless` what the recipe says. A stated concrete format is returned as it is;
    `source` where we cannot write the original's is settled as in the `jpg` bucket.
    """
    if asked is Format.SOURCE:
        source = Format(source_format) if source_format in WRITABLE else None
        if source is Format.JPEG and lossless:
            source = None
        return source or _base(alpha=alpha, animated=animated, lossless=lossless)
    if asked.concrete:
        return asked
    if bucket == "avif" and not animated and pixels <= PIXELS:
        return Format.AVIF
    if bucket == "jxl" and not animated:
        return Format.JXL
    if bucket == "webp" or (bucket in ("avif", "jxl") and webp_named):
        return Format.WEBP
    return _base(alpha=alpha, animated=animated, lossless=lossless)


def _base(*, alpha: bool, animated: bool, lossless: bool) -> Format:
    """What every client reads; a lossless result cannot be a JPEG."""
    if animated:
        return Format.GIF
    return Format.PNG if alpha or lossless else Format.JPEG
