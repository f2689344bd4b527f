"""The closed sets of words a recipe is made of; the field's standard terms, one word for one thing."""

from __future__ import annotations

from enum import StrEnum


class Fit(StrEnum):
    """How a picture meets a box; the words of CSS `object-fit` plus `inside` and `outside`."""

    INSIDE = "inside"
    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"
    OUTSIDE = "outside"


class Anchor(StrEnum):
    """A named gravity: where to look when something must be cut off, or stand when there is room."""

    CENTER = "center"
    NORTH = "n"
    NORTH_EAST = "ne"
    EAST = "e"
    SOUTH_EAST = "se"
    SOUTH = "s"
    SOUTH_WEST = "sw"
    WEST = "w"
    NORTH_WEST = "nw"
    ATTENTION = "attention"
    ENTROPY = "entropy"
    FACES = "faces"


class Format(StrEnum):
    """What can be asked as output. AUTO and SOURCE are settled before anything is made."""

    AUTO = "auto"
    SOURCE = "source"
    BEST = "best"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    JXL = "jxl"

    @property
    def concrete(self) -> bool:
        """Whether bytes can be written in it as it stands."""
        return self not in (Format.AUTO, Format.SOURCE, Format.BEST)

    @property
    def extension(self) -> str:
        """The usual file name ending, without a dot; also the last part of a variant's name."""
        return "jpg" if self is Format.JPEG else self.value

    @property
    def media_type(self) -> str:
        """The registered media type."""
        return f"image/{self.value}"


class Mask(StrEnum):
    """A shape cut out of the result; the words are those of weserv/images (peers.md section 2e).

    Its square stands on a corner; `-180` stands on its head.
    """

    CIRCLE = "circle"
    ELLIPSE = "ellipse"
    TRIANGLE = "triangle"
    TRIANGLE_DOWN = "triangle-180"
    PENTAGON = "pentagon"
    PENTAGON_DOWN = "pentagon-180"
    HEXAGON = "hexagon"
    SQUARE = "square"
    STAR = "star"
    HEART = "heart"


class Flip(StrEnum):
    """Mirroring: left-right, top-bottom, both."""

    HORIZONTAL = "h"
    VERTICAL = "v"
    BOTH = "hv"


class Profile(StrEnum):
    """Which colour space the result is in."""

    SRGB = "srgb"
    P3 = "p3"
    KEEP = "keep"


class Dynamic(StrEnum):
    """Standard dynamic range, or an HDR gain map kept."""

    SDR = "sdr"
    KEEP = "keep"


class Metadata(StrEnum):
    """What of EXIF, IPTC and XMP survives. Nothing by default: GPS must not leak."""

    NONE = "none"
    COPYRIGHT = "copyright"
    ALL = "all"
    ALL_GPS = "all+gps"


class Obscure(StrEnum):
    """How a redacted area is made unreadable."""

    BLUR = "blur"
    PIXELATE = "pixelate"


class Blend(StrEnum):
    """How a layer meets what is below it; the names are those of CSS `mix-blend-mode`."""

    NORMAL = "normal"
    MULTIPLY = "multiply"
    SCREEN = "screen"
    OVERLAY = "overlay"
    DARKEN = "darken"
    LIGHTEN = "lighten"


class Quality(StrEnum):
    """Words for a quality that is searched rather than stated."""

    AUTO = "auto"
