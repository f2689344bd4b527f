"""Original bytes and a job become variant bytes: the whole flow on one screen.

libvips is lazy, so a truncated file opens, crops and resizes happily and fails while it is being saved. The
translation of its errors therefore stands around all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from imagemill.engine.description import describe_page
from imagemill.engine.frames import frame_count
from imagemill.engine.geometry import lay_out
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.metadata.keeping import kept_metadata
from imagemill.engine.port import Facts, Job
from imagemill.engine.sampling import shrink_for
from imagemill.engine.sniff import HEAD_BYTES, KNOWN, sniff
from imagemill.engine.steps.adjust import adjust, before_tones
from imagemill.engine.steps.background import background, edge_colour
from imagemill.engine.steps.colour import colour, keeping
from imagemill.engine.steps.crop import crop
from imagemill.engine.steps.encode import encode, join
from imagemill.engine.steps.flatten import flatten
from imagemill.engine.steps.flip import flip
from imagemill.engine.steps.gain_map import gain_map_of, with_gain_map
from imagemill.engine.steps.ink import in_result
from imagemill.engine.steps.layers import layers as lay
from imagemill.engine.steps.load import open_frames, open_pages
from imagemill.engine.steps.mask import mask
from imagemill.engine.steps.orient import orient
from imagemill.engine.steps.redact import hide, patches_of, redact
from imagemill.engine.steps.resize import resize
from imagemill.engine.steps.rotate import rotate
from imagemill.engine.steps.soften import soften
from imagemill.engine.steps.tones import tones_of
from imagemill.engine.steps.trim import find_trimmed
from imagemill.engine.steps.window import LOOKS, look, window
from imagemill.engine.stopping import stoppable
from imagemill.engine.structure import check_frames, examine
from imagemill.engine.work import Buffer, Work
from imagemill.errors import Fault, InvalidRequest, NotBuilt, Unprocessable
from imagemill.recipe.availability import LATER
from imagemill.recipe.model import Colour, DerivedBackground, Recipe
from imagemill.recipe.quality import DEFAULT_QUALITY
from imagemill.recipe.vocabulary import Profile

Step = Callable[[Image, Work], Image]

TO_SIZE: tuple[Step, ...] = (crop, resize, orient, colour)
"""From the opened page to the scaled, upright picture in its colour space."""

TO_SOFT: tuple[Step, ...] = (window, flip, rotate, hide, soften)
"""From there to the picture that is cut out, turned and blurred."""

TO_RESULT: tuple[Step, ...] = (*TO_SOFT, adjust, redact, background, mask, lay, flatten)
"""From there to the frame that is written."""


_NO_ROOM = ("out of memory", "insufficient memory", "memory allocation")
"""What libvips, libjpeg and libheif say when an allocation fails; they offer no code to tell it by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A made variant: its bytes, the size of one frame in pixels, how many frames."""

    data: bytes
    width: int
    height: int
    pages: int


def render(
    data: Buffer,
    job: Job,
    limits: Limits,
    *,
    default_quality: int = DEFAULT_QUALITY,
    linear_light: bool = False,
    layers: Sequence[Buffer] = (),
) -> Encoded:
    """Make one variant. `data` is the whole original (bytes, mmap or memoryview; it is not copied).

    `default_quality` and `linear_light` are settings (`EngineSettings`); `layers` are the originals of the recipe's
    image layers, one for each of `job.layers`.

    Raises Unprocessable (`damaged`, `too_many_pixels`, `too_many_bytes`), InvalidRequest for what this original cannot
    give (a page, a crop), NotBuilt for a recipe beyond this version, NotAnImage.
    """
    with plain_words():
        refuse_what_is_not_built(job)
        for layer, facts in zip(layers, job.layers, strict=True):
            _check_bytes(layer, facts, limits)
        work = replace(prepare(data, job, limits, default_quality, linear_light=linear_light), layers=tuple(layers))
        frames, delays = _frames(data, work)
        encoded = encode(join(frames, delays, work), work, limits)
    return Encoded(data=encoded, width=work.layout.width, height=work.layout.height, pages=len(frames))


def prepare(data: Buffer, job: Job, limits: Limits, default_quality: int, *, linear_light: bool = False) -> Work:
    """Decide everything that can be decided before the pixels flow: pages, layout, shrink, what must be looked at."""
    recipe = job.recipe
    _check_bytes(data, job.facts, limits)
    if recipe.page >= job.facts.pages:
        last = job.facts.pages - 1
        raise InvalidRequest(
            f"There is no page {recipe.page}: pages count from 0, and the last of this picture is {last}.",
            code="no_such_page",
            faults=(Fault("page", f"0…{last}" if last else "0", str(recipe.page)),),
        )
    facts = describe_page(data, job.facts, recipe.page, limits)
    job = replace(job, facts=facts)
    frames = frame_count(facts, recipe, job.format)
    if frames > 1:
        check_frames(facts.pages, facts.width, facts.height, limits)
    trimmed = None if recipe.trim is None else find_trimmed(data, facts, recipe.trim, recipe.page)
    layout = lay_out(facts, recipe, limits=limits, focal=job.focal, trimmed=trimmed)
    work = Work(
        job=job,
        layout=layout,
        quality=quality_of(recipe, default_quality),
        shrink=1 if linear_light else shrink_for(facts, layout),  # a decoder averages encoded levels
        linear_light=linear_light,
        page=recipe.page,
        frames=frames,
        background=recipe.background,
        metadata=kept_metadata(data, facts.format, recipe.output.metadata),
    )
    return _settled(data, _with_colours(data, work, limits))


def _with_colours(data: Buffer, work: Work, limits: Limits) -> Work:
    """Settle what is kept of the original's colours and light, and say a stated background in the result's colours."""
    facts = work.job.facts
    if work.job.recipe.output.profile is Profile.KEEP and (facts.profile is not None or facts.colour == "cmyk"):
        work = keeping(open_pages(data, facts.format, page=work.page), work)
    if isinstance(work.background, Colour):
        work = replace(work, background=in_result(work.background, work))
    return replace(work, gain_map=gain_map_of(data, work, limits))


def quality_of(recipe: Recipe, default_quality: int) -> int:
    """The quality that the encoder is given, on JPEG's scale."""
    return recipe.output.quality if isinstance(recipe.output.quality, int) else default_quality


@contextmanager
def plain_words() -> Iterator[None]:
    """Turn libvips' own errors, which may hold paths and internals, into our sentence; the cause is kept for logs."""
    try:
        yield
    except pyvips.Error as error:
        if any(word in str(error).lower() for word in _NO_ROOM):
            raise Unprocessable("The picture needs more memory than a job may use.", code="too_complex") from error
        raise Unprocessable("The picture is damaged: it ends early or cannot be decoded.", code="damaged") from error


def refuse_what_is_not_built(job: Job) -> None:
    """The last line against an option silently left out; the server refuses before, with better words."""
    missing = [later for later in LATER if later.used(job.recipe)]
    if missing:
        raise NotBuilt(f"Not built yet: {', '.join(later.what for later in missing)}.", row=missing[0].row)


def _check_bytes(data: Buffer, facts: Facts, limits: Limits) -> None:
    """The bytes may have changed since they were looked at: what they are and how large is read again, from headers."""
    view = memoryview(data)
    kind = sniff(bytes(view[:HEAD_BYTES]), KNOWN)
    if kind != facts.format:
        raise Unprocessable("The picture is not the one that was looked at before: its format has changed.")
    examine(view, kind, limits)


def _frames(data: Buffer, work: Work) -> tuple[list[Image], list[int]]:
    """The finished frames and their delays. One alone stays lazy; of many, each is kept in memory when it is done.

    Two hundred lazy frames would be as many pipelines with their buffers (measured: 726 MB for frames of 0.9 MP).
    """
    frames: list[Image] = []
    delays: list[int] = []
    opened = open_frames(
        data, work.job.facts, page=work.page, count=work.frames, shrink=work.shrink, layout=work.layout
    )
    for page in opened:
        if not frames and work.frames > 1 and page.get_typeof("delay"):
            delays = list(page.get("delay"))
        frame = finished(page, work)
        frames.append(frame.copy_memory() if work.frames > 1 else frame)
    return frames, delays


def finished(page: Image, work: Work) -> Image:
    """The frame that is written, from the opened page: every step between the decoder and the encoder, still lazy."""
    return with_gain_map(_through(TO_RESULT, _through(TO_SIZE, page, work), work), work)


def _settled(data: Buffer, work: Work) -> Work:
    """Look at the first frame of an animation for all of them, where something has to be decided by looking.

    That is a gravity that looks, the tones to stretch, what covers redacted areas, and an edge's colour: each is looked
    for at its own place in the order of work. The window of a still is found this early where areas are redacted, as
    they must be known in it, and where a gain map is cut alike.
    """
    recipe, animated = work.job.recipe, work.frames > 1
    looks = work.layout.gravity in LOOKS and work.layout.window != work.layout.scaled
    looks = looks and (animated or recipe.redact is not None or work.gain_map is not None)
    derived = isinstance(work.background, DerivedBackground) and work.background.how == "auto"
    later = animated and (recipe.adjust.normalize or recipe.redact is not None or derived)
    if not looks and not later:
        return work
    single = replace(work, frames=1)
    page = next(open_frames(data, single.job.facts, page=work.page, shrink=work.shrink))
    image = _through(TO_SIZE, page, single).copy_memory()
    if looks:
        work = replace(work, window=look(image, work))
    if not later:
        return work
    image = _through(TO_SOFT, image, work).copy_memory()
    if recipe.adjust.normalize:
        work = replace(work, tones=tones_of(before_tones(image, work).copy_memory()))
    image = adjust(image, work).copy_memory()
    if recipe.redact is not None:
        work = replace(work, patches=patches_of(image, work))
    if derived:
        work = replace(work, background=edge_colour(redact(image, work).copy_memory()))
    return work


def _through(steps: tuple[Step, ...], image: Image, work: Work) -> Image:
    """Hand the image from step to step."""
    for step in steps:
        image = step(stoppable(image), work)
    return image
