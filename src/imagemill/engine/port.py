"""The engine port: picture bytes and a settled recipe in, picture bytes out.

Separate from the worker pool (`pool`), which runs it in isolated processes, and from `render`, which does it; Lambda
will call `render` in its own process behind this same page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from imagemill.engine.findings import Findings
from imagemill.recipe.model import FocalPoint, Recipe
from imagemill.recipe.vocabulary import Format

DRAWN = frozenset(("svg", "pdf"))
"""Formats without pixels of their own: a page is drawn at the size that one variant needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an original is, from its header: enough to plan a variant without its pixels.

    `width` and `height` are in pixels of one upright page (orientation applied); `pages` counts frames or pages;
    `format` is our sniffed word (`sniff.KNOWN`); `colour` is "srgb", "gray", "cmyk" or "rgb16"…
    as libvips calls it; `profile` is the ICC description's short word or None; `loop` is 0 for ever;
    `whole_frame` says that the decoder must hold the whole picture (progressive, interlaced, AVIF, GIF).
    `page_sizes` are width and height of the first pages where pages are not all alike (TIFF); the rest of the facts is
    that of the first page.
    """

    format: str
    width: int
    height: int
    pages: int = 1
    alpha: bool = False
    animated: bool = False
    orientation: int = 1
    bits: int = 8
    colour: str = "srgb"
    profile: str | None = None
    loop: int = 0
    whole_frame: bool = False
    page_sizes: tuple[tuple[int, int], ...] = ()

    @property
    def drawn(self) -> bool:
        """Whether it has no pixels of its own and is drawn at any size (SVG, PDF)."""
        return self.format in DRAWN

    def of_page(self, page: int) -> Facts:
        """The facts to plan with for `page`: its own size where that is known."""
        if not 0 < page < len(self.page_sizes):
            return self
        width, height = self.page_sizes[page]
        return replace(self, width=width, height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One variant to make. `recipe` has no AUTO left; `format` is the concrete output format.

    `focal` is the original's stored focal point (used where the recipe names no gravity). `estimate` is what admission
    reckoned with, in CPU-seconds. `layers` are the facts of the originals that the recipe's image layers name, in their
    order.
    """

    recipe: Recipe
    format: Format
    facts: Facts
    focal: FocalPoint | None = None
    estimate: float = 0.0
    layers: tuple[Facts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A made variant: encoded bytes, size in pixels (of one frame), what it cost in CPU-seconds."""

    data: bytes
    width: int
    height: int
    pages: int
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The original's bytes as an open file descriptor (the caller closes it), its size in bytes, and its SHA-256.

    `digest` names the content in the strike list: bytes that killed two workers are refused without a third.
    """

    descriptor: int
    size: int
    digest: str


SET_JOBS = 64
"""Variants in one set: eight widths in eight formats."""


class Engine(Protocol):
    """Looks at originals and makes variants.

    Every verb raises NotAnImage (415), Unprocessable (422: `damaged`, `too_many_pixels`, `too_complex`),
    InvalidRequest for a recipe that this original cannot meet (a page that does not exist), NotBuilt, or Overloaded
    when no worker can be had.
    """

    async def probe(self, source: Source) -> Facts:
        """Read the header only; the limits on pixels and frames are applied here."""
        ...

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once, to be sure that the picture is whole before it becomes an original."""
        ...

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Learn everything that can be told of an original of `facts`: metadata, colours, placeholders."""
        ...

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the variant; `layers` are the originals of its image layers, one for each of `job.layers`."""
        ...

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make many variants of one original with one decode; at most `SET_JOBS`, none of them with image layers.

        The cost of the whole stands in each of the answers as its share.
        """
        ...

    async def close(self) -> None:
        """Stop the workers; running jobs are finished first where that is quick."""
        ...
