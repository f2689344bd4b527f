"""Look at an original for everything that can be told of it: its header, its metadata, its colours and hashes.

Separate from `probe`, which reads the header for every new original: this decodes, once, when somebody asks. The
pixels are those of the variant `w=100,h=100,fit=inside,fm=png` of the first page (never enlarged, upright, in sRGB), so
whoever doubts a hash can fetch that and ask the reference implementation. A transparent picture is laid on white first,
as a JPEG of it would be, for all but the ThumbHash and the colours, which know alpha.
"""

from __future__ import annotations

import base64

from imagemill.engine import preview
from imagemill.engine.findings import MAX_DELAYS, Findings, Location, Swatch, bounded
from imagemill.engine.geometry import lay_out
from imagemill.engine.inspection import FORMAT, RECIPE
from imagemill.engine.libvips import Image
from imagemill.engine.limits import Limits
from imagemill.engine.metadata.blocks import read_metadata
from imagemill.engine.metadata.telling import location_of, told_exif, told_gps, told_iptc, told_xmp
from imagemill.engine.port import Facts, Job
from imagemill.engine.render import finished, plain_words, prepare, quality_of
from imagemill.engine.steps.encode import encode
from imagemill.engine.steps.load import open_frames
from imagemill.engine.summaries.blurhash import blurhash
from imagemill.engine.summaries.palette import average, palette
from imagemill.engine.summaries.perceptual_hash import perceptual_hash
from imagemill.engine.summaries.pixels import Pixels
from imagemill.engine.summaries.thumbhash import thumbhash
from imagemill.engine.work import Buffer, Work
from imagemill.recipe.quality import DEFAULT_QUALITY

_WHITE = [255.0, 255.0, 255.0]


def inspect(data: Buffer, facts: Facts, limits: Limits) -> Findings:
    """Return what can be told of an original of `facts`. `data` is the whole file (it is not copied).

    Raises Unprocessable (`damaged`, `too_many_pixels`), NotAnImage, as rendering it would.
    """
    with plain_words():
        work = prepare(data, Job(recipe=RECIPE, format=FORMAT, facts=facts), limits, DEFAULT_QUALITY)
        page = next(open_frames(data, work.job.facts, shrink=work.shrink, layout=work.layout))
        found = read_metadata(data, facts.format, page)
        delays = _delays(page) if facts.animated else ()
        small = finished(page, work).copy_memory()
        uri = preview.data_uri(_preview(small, limits))
        seen, opaque = _pixels(small), _pixels(_on_white(small))
    colours = palette(seen)
    location: Location | None = location_of(found.exif, found.xmp)
    return Findings(
        format=facts.format,
        width=facts.width,
        height=facts.height,
        pages=facts.pages,
        animated=facts.animated,
        alpha=facts.alpha,
        bits=facts.bits,
        space=facts.colour,
        profile=facts.profile,
        orientation=facts.orientation,
        loop=facts.loop,
        delays=delays,
        average=average(seen),
        dominant=colours[0][0],
        palette=tuple(Swatch(colour, share) for colour, share in colours),
        blurhash=blurhash(opaque),
        thumbhash=base64.b64encode(thumbhash(seen)).decode("ascii"),
        perceptual_hash=perceptual_hash(opaque),
        preview=uri,
        exif=told_exif(found.exif),
        gps=told_gps(found.exif),
        iptc=told_iptc(found.iptc),
        xmp=told_xmp(found.xmp),
        texts=bounded(found.texts.items()),
        location=location,
    )


def _preview(small: Image, limits: Limits) -> bytes:
    """The tiny preview, made from the reduced picture as from an original of that size."""
    facts = Facts(format="png", width=small.width, height=small.height, alpha=bool(small.hasalpha()))
    job = Job(recipe=preview.RECIPE, format=preview.FORMAT, facts=facts)
    layout = lay_out(facts, job.recipe, limits=limits)
    work = Work(job=job, layout=layout, quality=quality_of(job.recipe, DEFAULT_QUALITY))
    return encode(finished(small, work), work, limits)


def _on_white(small: Image) -> Image:
    return small.flatten(background=_WHITE[: small.bands - 1]) if small.hasalpha() else small


def _pixels(image: Image) -> Pixels:
    """The pixels as RGBA."""
    if image.bands < 3:
        image = image.colourspace("srgb")
    if not image.hasalpha():
        image = image.bandjoin(255)
    return Pixels.from_rgba(image.width, image.height, bytes(image.write_to_memory()))


def _delays(header: Image) -> tuple[int, ...]:
    """Milliseconds of each frame, as the file has them; of the first where there are very many."""
    return tuple(header.get("delay")[:MAX_DELAYS]) if header.get_typeof("delay") else ()
