"""One render in progress: what every step may look at besides the pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

from imagemill.engine.geometry import Box, Layout
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.port import Job
from imagemill.recipe.model import Background, Recipe
from imagemill.recipe.vocabulary import Dynamic, Format, Profile

Buffer = bytes | bytearray | memoryview | mmap
"""A whole original in memory or mapped; it is read in place, never copied."""

_WITHOUT_ALPHA = frozenset((Format.JPEG,))
_GEOMETRY = ("page", "trim", "crop", "resize", "flip", "rotate", "output")
"""The fields of a recipe that move pixels or say how they are written; every other one changes what they show."""

_DEEP = frozenset((Format.PNG, Format.TIFF, Format.AVIF))


@dataclass(frozen=True, slots=True, kw_only=True)
class GainMap:
    """An Ultra HDR gain map: a small picture (a pyvips.Image), and how its levels brighten the base, by libvips' names.

    `ratio` is how many pixels of the base one of its own covers, along each side.
    """

    image: Any
    numbers: dict[str, Any]
    ratio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job with what was decided about it before the pixels flow.

    `shrink` is the factor (1, 2, 4, 8) by which the JPEG decoder reduces; `frames` how many frames are rendered,
    starting at `page`; `quality` is on JPEG's scale. `window` is where a looked-for cover crop was found in the scaled
    picture and `background` the one in force: both are settled on the first frame of an animation, so that its frames
    do not jump or flicker; so are the `tones` that `normalize` stretches and the `patches` that redacted areas show.
    `layers` are the originals of the recipe's image layers (`job.layers` are their facts),
    and `drawn` what `steps.layers` has made of them so far, so that the frames of an animation share it.

    Under `icc=keep`, `keeps_colours` says that the pixels are not converted, and `profile` is the original's, under
    which they are written. `linear_light` scales as light adds up (a setting); `gain_map` is the HDR gain map that goes
    with the result.
    """

    job: Job
    layout: Layout
    quality: int
    shrink: int = 1
    page: int = 0
    frames: int = 1
    window: Box | None = None
    background: Background | None = None
    tones: tuple[float, float] | None = None
    patches: tuple[Any, ...] | None = None
    layers: tuple[Buffer, ...] = ()
    keeps_colours: bool = False
    profile: bytes | None = None
    linear_light: bool = False
    gain_map: GainMap | None = None
    metadata: Metadata | None = None
    drawn: dict[object, tuple[Any, Box] | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def keeps_alpha(self) -> bool:
        """Whether the output format has transparency."""
        return self.job.format not in _WITHOUT_ALPHA

    @property
    def space(self) -> str:
        """The colour space of the result, by libvips' name for its built-in profile, where the original's is not kept.

        A GIF has no profile, so it is sRGB whatever was asked.
        """
        wide = self.job.recipe.output.profile is Profile.P3 and self.job.format is not Format.GIF
        return "p3" if wide else "srgb"

    @property
    def geometry_only(self) -> bool:
        """Whether pixels are only cut, scaled and turned: nothing is drawn, mixed, hidden or coloured."""
        recipe, layout = self.job.recipe, self.layout
        kept = {field: getattr(recipe, field) for field in _GEOMETRY}
        return recipe == Recipe(**kept) and not layout.canvas and layout.angle % 90 == 0

    @property
    def deep(self) -> bool:
        """Whether the pixels keep more than 8 bits a band (`hdr=keep`, where original and result have them)."""
        asked = self.job.recipe.output.dynamic is Dynamic.KEEP
        return asked and self.job.facts.bits > 8 and self.job.format in _DEEP and not self.quantised

    @property
    def quantised(self) -> bool:
        """Whether the result is a PNG with a palette: `fm=png` by name, with a stated quality below 100."""
        return self.job.format is Format.PNG and self.job.recipe.output.palette
