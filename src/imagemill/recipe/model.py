"""The recipe: a complete, hashable description of one transformation.

Equal recipes make equal variants, whatever URL they came from. Values are kept normal by `canonical.normalise`:
what is not said is `None` or its default, `dpr` is folded into the numbers it scales, a fit that
makes no difference is dropped. Numbers with a fraction are floats rounded to the printed precision (3 places),
so that printing and parsing are inverse.

The groups follow the fixed order of work (`explain` prints it): page, orient, trim, crop, resize, flip, rotate,
blur/sharpen/pixelate, colour, redact, pad/background, radius/mask, layers and text, encode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagemill.recipe.vocabulary import (
    Anchor,
    Blend,
    Dynamic,
    Fit,
    Flip,
    Format,
    Mask,
    Metadata,
    Obscure,
    Profile,
)


@dataclass(frozen=True, slots=True)
class Pixels:
    """A length in pixels of the result (`dpr` already folded in), or of the original in a crop."""

    count: int


@dataclass(frozen=True, slots=True)
class Percent:
    """A length as a share of the upright, cropped picture; `50p` is `Percent(50)`."""

    share: float


Length = Pixels | Percent


@dataclass(frozen=True, slots=True)
class Hinted:
    """`w=auto`: the client's width hint decides; settled by negotiation before anything is made."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """`ar=16:9`: a shape; kept only where it could not be folded into a width and height."""

    across: float
    down: float


@dataclass(frozen=True, slots=True)
class FocalPoint:
    """The place that must stay visible, as shares 0…1 of the upright picture from its top left."""

    x: float
    y: float


Gravity = Anchor | FocalPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle of the upright original, before resizing."""

    left: Length
    top: Length
    width: Length
    height: Length


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """The box and how the picture meets it.

    `gravity` None means the original's stored focal point, else the centre. `dpr` waits for the client's hint
    (`dpr=auto`); a stated number is folded into the lengths at once and is None here.
    """

    width: Length | Hinted | None = None
    height: Length | None = None
    ratio: Ratio | None = None
    fit: Fit = Fit.INSIDE
    gravity: Gravity | None = None
    enlarge: bool = False
    dpr: Hinted | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Colour, in this order: brightness, contrast, saturation, hue, gamma, then the switches."""

    brightness: float = 0
    contrast: float = 0
    saturation: float = 0
    hue: float = 0
    gamma: float = 1
    grayscale: bool = False
    sepia: bool = False
    invert: bool = False
    normalize: bool = False
    duotone: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """Areas made unreadable; `areas` is empty where `faces` are looked for instead."""

    how: Obscure
    areas: tuple[Region, ...] = ()
    faces: bool = False


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour as eight hex digits RRGGBBAA, lower case; one spelling for `fff`, `white`, `ffffffff`."""

    hex8: str

    @property
    def rgba(self) -> tuple[int, int, int, int]:
        """Red, green, blue and alpha, 0…255 each."""
        return (
            int(self.hex8[0:2], 16),
            int(self.hex8[2:4], 16),
            int(self.hex8[4:6], 16),
            int(self.hex8[6:8], 16),
        )


@dataclass(frozen=True, slots=True)
class DerivedBackground:
    """A background taken from the picture itself: its main colour ("auto") or a blurred copy ("blur")."""

    how: str


Background = Colour | DerivedBackground


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Room around the picture in pixels of the result."""

    top: int
    right: int
    bottom: int
    left: int


@dataclass(frozen=True, slots=True)
class Radius:
    """Rounded corners in pixels of the result: top left, top right, bottom right, bottom left; None is `max`."""

    corners: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a layer stands on the canvas: offsets in pixels of the result or as its share, opacity 0…100."""

    gravity: Anchor = Anchor.CENTER
    x: int | Percent = 0
    y: int | Percent = 0
    opacity: float = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLayer:
    """A watermark: another original of the same store, by key."""

    key: str
    place: Place = Place(gravity=Anchor.SOUTH_EAST)
    scale: float | None = None
    tile: bool = False
    blend: Blend = Blend.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLayer:
    """Words on the picture; size in pixels of the result."""

    text: str
    place: Place = Place()
    size: int = 24
    colour: Colour = Colour("000000ff")
    font: str | None = None


Layer = ImageLayer | TextLayer


@dataclass(frozen=True, slots=True)
class SearchedQuality:
    """`q=auto`, `q=auto:75`: the smallest file that scores `target` on SSIMULACRA2; None is the default."""

    target: float | None = None


LOSSLESS_QUALITY = 100
"""The quality at which a PNG needs no palette."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What the bytes should be. `format` AUTO, SOURCE or BEST is settled by negotiation and planning."""

    format: Format = Format.AUTO
    quality: int | SearchedQuality | None = None
    max_bytes: int | None = None
    lossless: bool = False
    animate: bool = True
    metadata: Metadata = Metadata.NONE
    profile: Profile = Profile.SRGB
    dynamic: Dynamic = Dynamic.SDR

    @property
    def palette(self) -> bool:
        """Whether this is a PNG with a palette: `fm=png` by name and a stated quality below 100."""
        stated = isinstance(self.quality, int) and self.quality < LOSSLESS_QUALITY
        return stated and self.format is Format.PNG and not self.lossless

    def settled(self, chosen: Format) -> Output:
        """Return this with the format that was chosen for it; a PNG that was not asked for by name stays exact."""
        exact = chosen is Format.PNG and self.format is not Format.PNG and isinstance(self.quality, int)
        return replace(self, format=chosen, quality=None if exact else self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A complete, hashable description of one transformation; equal recipes make equal variants."""

    page: int = 0
    trim: int | None = None
    crop: Region | None = None
    resize: Resize = Resize()
    flip: Flip | None = None
    rotate: float = 0
    blur: float | None = None
    sharpen: float | None = None
    pixelate: int | None = None
    adjust: Adjust = Adjust()
    redact: Redaction | None = None
    pad: Pad | None = None
    background: Background | None = None
    radius: Radius | None = None
    mask: Mask | None = None
    layers: tuple[Layer, ...] = ()
    output: Output = Output()
