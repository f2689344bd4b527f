"""Keep an Ultra HDR photo's gain map: the small second picture from which a bright screen makes the first one brighter.

The base is made as always, so a variant with its map decodes to the same pixels as one without. The map is an ordinary
JPEG in the same file (Android's Ultra HDR format 1.1, ISO 21496-1); it takes the same crop, scale and turns as the
base, on the base's own grid. Where something else happens to the pixels (colours, text, redacted areas…) it would
brighten what is not there any more, or show what was hidden, so it is left out, and the result is the SDR picture.
"""

from __future__ import annotations

from dataclasses import replace

from imagemill.engine.claims import Structure
from imagemill.engine.geometry import Box
from imagemill.engine.libvips import HAS_ULTRA_HDR, Image, pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.orientation import stored_size
from imagemill.engine.sampling import axes
from imagemill.engine.sniff import HEAD_BYTES, sniff
from imagemill.engine.steps.channels import enlarged
from imagemill.engine.steps.crop import crop
from imagemill.engine.steps.flip import flip
from imagemill.engine.steps.load import open_pages
from imagemill.engine.steps.orient import orient
from imagemill.engine.steps.resize import resize
from imagemill.engine.steps.rotate import rotate
from imagemill.engine.steps.window import window
from imagemill.engine.structure import examine
from imagemill.engine.work import Buffer, GainMap, Work
from imagemill.errors import NotAnImage, Unprocessable
from imagemill.recipe.vocabulary import Dynamic, Format

MARKS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"urn:iso:std:iso:ts:21496:-1")
"""What a JPEG with a gain map says of itself near its beginning: Android's XMP namespace, and that of the standard."""

_HEAD = 256 * 1024  # bytes in which a mark must stand; EXIF with its thumbnail has at most 64 KB
_FIELDS = "gainmap-"
_MOST_RATIO = 16  # pixels of the base for one of the map, along a side


def gain_map_of(data: Buffer, work: Work, limits: Limits) -> GainMap | None:
    """The gain map that goes with the result of `work`, still as large as in the original; None where none can be kept.

    A map that is damaged or larger than the limits is left out: the base is a whole picture without it.
    """
    job = work.job
    wanted = job.recipe.output.dynamic is Dynamic.KEEP and job.format is Format.JPEG and job.facts.format == "jpeg"
    if not (wanted and HAS_ULTRA_HDR and work.geometry_only):
        return None
    head = bytes(memoryview(data)[:_HEAD])
    if not any(mark in head for mark in MARKS):
        return None
    try:
        return _read(data, work, limits)
    except (pyvips.Error, NotAnImage, Unprocessable):
        return None


def with_gain_map(image: Image, work: Work) -> Image:
    """The finished base with its map attached, scaled and turned alike."""
    kept = work.gain_map
    if kept is None:
        return image
    light = _reduced(_like_the_base(kept.image, work), kept.ratio)
    image = image.copy()
    for name, (kind, value) in kept.numbers.items():
        image.set_type(kind, name, value)
    image.set_type(pyvips.GValue.gint_type, "gainmap-scale-factor", kept.ratio)
    image.set_type(pyvips.GValue.image_type, "gainmap", light)
    return image


def _read(data: Buffer, work: Work, limits: Limits) -> GainMap | None:
    """The map and its numbers, as libultrahdr finds them in the file."""
    source = pyvips.Source.new_from_memory(data)
    base = pyvips.Operation.call("uhdrload_source", source)
    names = [name for name in base.get_fields() if name.startswith(_FIELDS)]
    if "gainmap-data" not in names:
        return None
    packed = bytes(base.get("gainmap-data"))
    _check(packed, work, limits)
    image = open_pages(packed, "jpeg").copy_memory()
    page = stored_size(work.job.facts)
    ratio = min(_MOST_RATIO, max(1, round(page.width / image.width)))
    told = [name for name in names if name not in ("gainmap-data", "gainmap-scale-factor")]
    numbers = {name: (base.get_typeof(name), base.get(name)) for name in told}
    return GainMap(image=image, numbers=numbers, ratio=ratio)


def _check(packed: bytes, work: Work, limits: Limits) -> None:
    """Hold the map to the limits of any picture, and to the size of its base; raises NotAnImage or Unprocessable."""
    found: Structure = examine(memoryview(packed), sniff(packed[:HEAD_BYTES], ("jpeg",)), limits)
    if found.width * found.height > stored_size(work.job.facts).pixels:
        raise Unprocessable("The gain map is larger than its picture.")


def _like_the_base(image: Image, work: Work) -> Image:
    """The map through the same steps as the base, pixel for pixel.

    It is first brought to the size of the (reduced) page, so that it lies on the grid on which the steps cut and scale.
    """
    work = replace(work, shrink=_coarseness(work), linear_light=False)
    page = stored_size(work.job.facts)
    width, height = page.width // work.shrink, page.height // work.shrink
    across, down = page.width / work.shrink / image.width, page.height / work.shrink / image.height
    if across >= 1 and down >= 1:
        image = enlarged(image, across, down, Box(0, 0, width, height))
    else:
        image = image.resize(across, vscale=down, kernel="linear")
        image = image.embed(0, 0, max(width, image.width), max(height, image.height), extend="copy")
        image = image.crop(0, 0, width, height)
    for step in (crop, resize, orient, window, flip, rotate):
        image = step(image, work)
    return image


def _coarseness(work: Work) -> int:
    """By how much the page is taken reduced: by as much as the map is, where nothing is cut off.

    A cut may fall between two coarse pixels.
    """
    kept, facts, region = work.gain_map, work.job.facts, work.layout.region
    if kept is None or (region.width, region.height) != (facts.width, facts.height):
        return work.shrink
    for shrink in (8, 4, 2):
        if work.shrink < shrink <= kept.ratio and all(axis.faithful for axis in axes(facts, work.layout, shrink)):
            return shrink
    return work.shrink


def _reduced(image: Image, ratio: int) -> Image:
    """One pixel for `ratio` × `ratio` of the base, as the original had it; cut ones at the edges count as whole."""
    if ratio == 1:
        return image
    width, height = -(-image.width // ratio) * ratio, -(-image.height // ratio) * ratio
    return image.embed(0, 0, width, height, extend="copy").shrink(ratio, ratio)
