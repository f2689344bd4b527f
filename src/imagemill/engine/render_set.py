"""Many variants of one original with one decode: 8 widths in 3 formats cost little more than their 24 encodes.

Separate from `render`, whose steps it uses, because sharing has rules of its own. What is shared, widest first:

    page      decoded once for each factor of shrink-on-load, kept in memory, and scaled to every size from there
    pixels    scaled and dressed once for all variants that differ only in how they are encoded
    encode    once a variant

Every variant is, byte for byte, what `render` makes of its job alone: a variant's name says nothing of how it came to
be, and its ETag must not either. That is why a page is decoded once for each factor (at most four) and not once and
then averaged down: the decoder's own reduction is not an average of pixels. Where a page would be too large to keep,
only the pixels are shared; an animation, whose frames flow one by one, shares nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imagemill.engine.frames import moves
from imagemill.engine.geometry import Layout
from imagemill.engine.libvips import Image
from imagemill.engine.limits import Limits
from imagemill.engine.orientation import stored_size
from imagemill.engine.port import Facts, Job
from imagemill.engine.render import (
    Encoded,
    finished,
    plain_words,
    prepare,
    quality_of,
    refuse_what_is_not_built,
    render,
)
from imagemill.engine.steps.encode import encode
from imagemill.engine.steps.load import open_frames
from imagemill.engine.work import Buffer, Work
from imagemill.recipe.model import Output
from imagemill.recipe.quality import DEFAULT_QUALITY
from imagemill.recipe.vocabulary import Dynamic, Format, Profile

PAGE_BYTES = 160 * 1024 * 1024
"""The most a kept page may take: 50 MP in three bands. Beside it an encoder must fit into a job's memory."""

PAGE_BYTES_WHOLE = 64 * 1024 * 1024
"""The same where the decoder itself holds the whole picture meanwhile, up to 16 bytes a pixel (AVIF)."""

STREAMED = frozenset(("jpeg", "png"))
"""Formats whose decoder delivers line by line, unless the facts say `whole_frame`."""

ALIKE = frozenset((Format.JPEG, Format.WEBP, Format.AVIF))
"""Formats that are given the same 8-bit pixels; any other may want a depth or a palette of its own."""

Index = int
"""The place of a job in the set."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Which decoded page a variant is made from."""

    number: int
    shrink: int


def render_set(
    data: Buffer,
    jobs: Sequence[Job],
    limits: Limits,
    *,
    default_quality: int = DEFAULT_QUALITY,
    linear_light: bool = False,
) -> list[Encoded]:
    """Make the variants of `jobs`, all of one original, in their order. `data` is the whole original, as in `render`.

    Raises what `render` raises for the first job that fails; then there is no result at all.
    """
    with plain_words():
        for job in jobs:
            refuse_what_is_not_built(job)
        made = _Set(data, jobs, limits, default_quality, linear_light).made()
    return [made[at] for at in range(len(jobs))]


@dataclass(frozen=True, slots=True)
class _Set:
    """The whole order, which every step below looks at."""

    data: Buffer
    jobs: Sequence[Job]
    limits: Limits
    quality: int
    linear_light: bool

    def made(self) -> dict[Index, Encoded]:
        """Make everything, page by page, so that one decoded page is in memory at a time."""
        done: dict[Index, Encoded] = {}
        by_page: dict[_Page, list[tuple[Work, list[Index]]]] = defaultdict(list)
        for alike in _alike(self.jobs):
            work = prepare(self.data, self.jobs[alike[0]], self.limits, self.quality, linear_light=self.linear_light)
            if work.frames == 1:
                by_page[_Page(work.page, work.shrink)].append((work, alike))
                continue
            for at in alike:
                done[at] = render(
                    self.data,
                    self.jobs[at],
                    self.limits,
                    default_quality=self.quality,
                    linear_light=self.linear_light,
                )
        for page, works in by_page.items():
            done.update(self._from_page(page, works))
        return done

    def _from_page(self, which: _Page, works: list[tuple[Work, list[Index]]]) -> Iterator[tuple[Index, Encoded]]:
        """Yield every variant of one decoded page; the page is kept where several sizes need it."""
        facts = works[0][0].job.facts
        kept = None
        if len(works) > 1 and _may_be_kept(facts, which):
            kept = self._opened(facts, which).copy_memory()
        for work, alike in works:
            yield from self._encoded(kept, which, work, alike)

    def _encoded(
        self, kept: Image | None, which: _Page, work: Work, alike: list[Index]
    ) -> Iterator[tuple[Index, Encoded]]:
        """Make the pixels of `work` and encode them for each of its jobs.

        Pixels made for a format with transparency serve one without it where they have none; else that one's are made
        apart, on its own background.
        """
        pixels: dict[bool, Image] = {}
        mine = {at: self._work_of(at, work) for at in alike}
        for at in sorted(alike, key=lambda at: not mine[at].keeps_alpha):
            clear = mine[at].keeps_alpha or (True in pixels and not pixels[True].hasalpha())
            if clear not in pixels:
                page = kept if kept is not None else self._opened(work.job.facts, which, work.layout)
                frame = finished(page, mine[at])
                pixels[clear] = frame.copy_memory() if len(alike) > 1 else frame
            data = encode(pixels[clear], mine[at], self.limits)
            yield at, Encoded(data=data, width=work.layout.width, height=work.layout.height, pages=1)

    def _work_of(self, at: Index, work: Work) -> Work:
        """`work` for another of the jobs that have its pixels."""
        job = replace(self.jobs[at], facts=work.job.facts)  # those of the page, where pages are not all alike
        return replace(work, job=job, quality=quality_of(job.recipe, self.quality))

    def _opened(self, facts: Facts, which: _Page, layout: Layout | None = None) -> Image:
        """The page, still to be decoded; what is drawn needs the layout that it is drawn for."""
        return next(open_frames(self.data, facts, page=which.number, shrink=which.shrink, layout=layout))


def _alike(jobs: Sequence[Job]) -> Iterator[list[Index]]:
    """Yield groups of jobs that differ in nothing but how their pixels are encoded."""
    groups: dict[object, list[Index]] = defaultdict(list)
    for at, job in enumerate(jobs):
        groups[_pixels_of(job)].append(at)
    yield from groups.values()


def _pixels_of(job: Job) -> object:
    """What decides a job's pixels: all but the output, and of the output what is not the encoder's alone."""
    output = job.recipe.output
    pixels = Output(animate=output.animate, metadata=output.metadata, profile=output.profile, dynamic=output.dynamic)
    same = output.profile is not Profile.KEEP and output.dynamic is Dynamic.SDR
    family = "alike" if job.format in ALIKE and same and not moves(job.facts, job.recipe) else job.format
    return replace(job.recipe, output=pixels), job.facts, job.focal, family


def _may_be_kept(facts: Facts, which: _Page) -> bool:
    """Whether the decoded page fits into memory beside what decoding and encoding need."""
    if facts.drawn:
        return False
    bands = 4 if facts.alpha or facts.colour == "cmyk" else 3
    size = stored_size(facts).pixels // which.shrink**2 * bands * (2 if facts.bits > 8 else 1)
    streamed = facts.format in STREAMED and not facts.whole_frame
    return size <= (PAGE_BYTES if streamed else PAGE_BYTES_WHOLE)
