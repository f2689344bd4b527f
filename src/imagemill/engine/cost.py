"""What a job will cost, before it is done: CPU-seconds for admission, bytes of memory for refusal.

Pure and cheap (microseconds): admission asks for every variant that is not kept. The coefficients were measured on one
core of the machine in docs/engine.md over photographs; a sparse picture costs less. They need to be right within a
factor of two: they order the queue and share it out, and the worker's own limits catch what they miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagemill.engine.effect_cost import copies_held, effect_seconds
from imagemill.engine.frames import FILMS, frame_count
from imagemill.engine.geometry import Layout, Size, lay_out
from imagemill.engine.orientation import is_sideways
from imagemill.engine.placement import layer_recipe, layer_size
from imagemill.engine.port import Facts
from imagemill.engine.sampling import shrink_for
from imagemill.engine.settings import EngineSettings
from imagemill.errors import Unprocessable
from imagemill.recipe.measures import SEARCHING
from imagemill.recipe.model import Colour, ImageLayer, Recipe
from imagemill.recipe.vocabulary import Blend, Dynamic, Format, Profile

_MEGA = 1_000_000
_BATCH = 256 * 1024 * 1024  # as much of an animated WebP is decoded at a time

_FIXED = 0.003  # seconds: reading headers, building pipelines, Python
_FIXED_BYTES = 32 * 1024 * 1024  # what a rested worker has, and strips in flight

# Seconds a megapixel.
_DECODE = {"jpeg": 0.0030, "png": 0.0150, "gif": 0.0090, "webp": 0.0150, "avif": 0.0280, "tiff": 0.0090} | {
    "heic": 0.0330,
    "jxl": 0.0210,
    "bmp": 0.0080,
    "ico": 0.0500,
    "jp2": 0.1000,
    "svg": 0.0400,
    "pdf": 0.0600,  # of what is drawn
}
_DRAWING = 0.0200  # reading and drawing a plain SVG of some size
_DECODE_REDUCED = {1: 1.0, 2: 0.8, 4: 0.7, 8: 0.65}  # a JPEG's entropy coding is read whatever the factor
_DECODE_PROGRESSIVE = 0.0080
_RESIZE = 0.0018  # of the pixels that the decoder delivers
_RESIZE_ALPHA = 0.0050
_LINEAR = 0.0060  # more, in linear light
_DEEP = 2.0  # times, for more than 8 bits
_TRANSFORM = 0.0120  # of the result, through a colour profile
_TRANSFORM_DEEP = 0.1000  # the same from more than 8 bits, which goes by way of Lab (`steps.colour`)
_TRANSFORM_CMYK = 0.0300
_FIXED_CMYK = 0.0250  # building the tables from four inks
_MASK = 0.0350
_BLEND = 0.0120  # of what a layer covers
_BLEND_MIXED = 0.0400  # the same in any mode but normal
_GLYPHS = 0.0040  # of letters times the square of their size
_DERIVED = 0.0080  # a background taken from the picture
_LOOK = 0.0080  # smartcrop
_TRIM = 0.0060  # of the original, beside decoding it twice
_ENCODE = {
    Format.JPEG: 0.0075,
    Format.PNG: 0.0480,
    Format.WEBP: 0.0430,
    Format.AVIF: 0.0750,
    Format.GIF: 0.3900,
    Format.TIFF: 0.0340,
    Format.JXL: 0.0290,
}
_ENCODE_ALPHA = {Format.WEBP: 2.5, Format.AVIF: 1.2, Format.PNG: 1.2, Format.JXL: 2.0}  # times
_FILM = {Format.AVIF: 0.7, Format.PNG: 2.0}  # times, of a film: what stands still is cheap, comparing frames is not
_ENCODE_PALETTE = 0.2400  # a PNG with a palette
_ENCODE_LOSSLESS = {Format.WEBP: 0.0650, Format.AVIF: 0.2200, Format.JXL: 0.0050}

# Bytes a pixel held at once: of one frame of the original, of the result.
_HELD = {"jpeg": 0.0, "png": 0.8, "gif": 6.0, "webp": 8.0, "avif": 16.0, "tiff": 1.0}
_HELD_WHOLE = {"jpeg": 6.0, "png": 4.0, "gif": 6.0, "webp": 8.0, "avif": 16.0, "tiff": 5.0} | {
    "heic": 8.0,
    "jxl": 8.0,
    "bmp": 15.0,
    "ico": 15.0,
    "jp2": 16.0,
    "svg": 8.0,
    "pdf": 8.0,  # of what is drawn
}
_HELD_ALPHA = {Format.WEBP: 18.0, Format.AVIF: 45.0}  # where the result has transparency
_HELD_RESULT = {
    Format.JPEG: 0.5,
    Format.PNG: 1.0,
    Format.WEBP: 6.0,
    Format.AVIF: 30.0,
    Format.GIF: 12.0,
    Format.TIFF: 3.0,
    Format.JXL: 20.0,
}
_HELD_PALETTE = 6.0
_HELD_FILM = 6.0  # of each frame: Pillow's own, and what is written
_HELD_DEEP = 5.0  # more, of a result of 16 bits or with a gain map
_HELD_LOSSLESS = {Format.WEBP: 20.0, Format.AVIF: 40.0, Format.JXL: 3.0}
_HELD_SMALL_JXL = 60.0  # libjxl streams only what is larger
_SMALL_JXL = 2048 * 2048

_DOUBT = 2.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """CPU-seconds and the most memory, in bytes of the worker process."""

    cpu_seconds: float
    peak_bytes: int


def estimate(
    facts: Facts,
    recipe: Recipe,
    output: Format,
    layout: Layout,
    layers: Sequence[Facts] = (),
    *,
    linear_light: bool = False,
) -> Estimate:
    """Estimate the job that makes `layout` of a picture of `facts` in the format `output`.

    `layers` are the facts of the originals that the recipe's image layers name; `linear_light` is the setting.
    """
    frames = frame_count(facts, recipe, output)
    reading = _reading(facts, recipe, layout, linear_light=linear_light)
    writing = _writing(facts, recipe, output, layout) * (_FILM.get(output, 1.0) if frames > 1 else 1.0)
    seconds = frames * (reading + writing + effect_seconds(facts, recipe, layout))
    if recipe.redact is not None and layout.gravity in SEARCHING and layout.window != layout.scaled:
        seconds += reading  # the window must be known before the areas in it are
    if frames > 1 and facts.format == "webp":
        batches = max(1, -(-frames * 4 * facts.width * facts.height // _BATCH))
        seconds += frames * (batches - 1) / 2 * _DECODE["webp"] * facts.width * facts.height / _MEGA
    elif recipe.page and facts.animated:
        seconds += recipe.page * _DECODE[facts.format] * facts.width * facts.height / _MEGA
    if facts.colour == "cmyk":
        seconds += _FIXED_CMYK
    held = _bytes(facts, recipe, output, layout, frames)
    if recipe.layers:
        drawing, blending, drawn = _laying(recipe, layers, layout)
        seconds += drawing + frames * blending
        held += drawn
    return Estimate(_FIXED + seconds, held)


def check_affordable(cost: Estimate, settings: EngineSettings) -> None:
    """Refuse, before anything is decoded, a job that would not fit; raises Unprocessable (`too_complex`).

    What may just fit in time is tried, because an estimate of time is right within a factor of two and no more.
    """
    if cost.peak_bytes > settings.memory_bytes:
        asked, most = cost.peak_bytes // 2**20, settings.memory_bytes // 2**20
        raise Unprocessable(f"This would take about {asked} MiB of memory; a job may use {most}.", code="too_complex")
    if cost.cpu_seconds > _DOUBT * settings.cpu_seconds:
        raise Unprocessable(
            f"This would take about {cost.cpu_seconds:.0f} CPU-seconds; a job may use {settings.cpu_seconds:g}.",
            code="too_complex",
        )


def _reading(facts: Facts, recipe: Recipe, layout: Layout, *, linear_light: bool = False) -> float:
    """Seconds to decode and scale one frame."""
    if facts.drawn:
        return _DRAWING + _DECODE[facts.format] * layout.scaled.pixels / _MEGA
    pixels = facts.width * facts.height / _MEGA
    shrink = 1 if linear_light else shrink_for(facts, layout)
    progressive = facts.format == "jpeg" and facts.whole_frame
    decode = _DECODE_PROGRESSIVE if progressive else _DECODE[facts.format] * _DECODE_REDUCED[shrink]
    if recipe.trim is not None:
        decode += _DECODE[facts.format] + _TRIM
    resize = (_RESIZE_ALPHA if facts.alpha else _RESIZE) + (_LINEAR if linear_light else 0.0)
    deep = _DEEP if facts.bits > 8 else 1.0
    region = layout.region.width * layout.region.height / _MEGA / shrink**2
    return deep * (decode * pixels + resize * region)


def _writing(facts: Facts, recipe: Recipe, output: Format, layout: Layout) -> float:
    """Seconds to colour, dress and encode one frame."""
    pixels = layout.width * layout.height / _MEGA
    lossless = recipe.output.lossless and output in _ENCODE_LOSSLESS
    encode = _ENCODE_LOSSLESS[output] if lossless else _ENCODE.get(output, 0.05)
    if recipe.output.palette:
        encode = _ENCODE_PALETTE
    masked = recipe.radius is not None or recipe.mask is not None
    if facts.alpha or masked or recipe.rotate % 90:
        encode *= _ENCODE_ALPHA.get(output, 1.0)
    encode *= _depth(facts, recipe, output)
    if facts.colour == "cmyk":
        encode += _TRANSFORM_CMYK
    elif facts.profile is not None or recipe.output.profile is Profile.P3:
        encode += _TRANSFORM_DEEP if facts.bits > 8 else _TRANSFORM
    encode += _MASK if masked else 0.0
    encode += _DERIVED if recipe.background is not None and not isinstance(recipe.background, Colour) else 0.0
    if layout.window != layout.scaled:
        encode += _LOOK
    return encode * pixels


def _depth(facts: Facts, recipe: Recipe, output: Format) -> float:
    """Times the work of writing: for 16 bits kept, and for a gain map, which may be there, and the base with it."""
    if recipe.output.dynamic is not Dynamic.KEEP:
        return 1.0
    written = output in (Format.PNG, Format.TIFF) and facts.bits > 8
    return _DEEP if written or (output is Format.JPEG and facts.format == "jpeg") else 1.0


def _laying(recipe: Recipe, layers: Sequence[Facts], layout: Layout) -> tuple[float, float, int]:
    """Seconds to draw all layers, seconds to lay them on one frame, bytes of all of them and of the dearest decoder."""
    canvas = Size(layout.width, layout.height)
    drawing = blending = held = decoding = 0.0
    of_image = iter(layers)
    for layer in recipe.layers:
        if isinstance(layer, ImageLayer):
            facts = next(of_image)
            size = layer_size(layer, facts, canvas)
            own = layer_recipe(size)
            own_layout = lay_out(facts, own)
            drawing += _reading(facts, own, own_layout)
            decoding = max(decoding, _decoder_bytes(facts, own_layout))
            held += 8.0 * size.pixels  # as it is decoded, and once more with its opacity
            blend = _BLEND if layer.blend is Blend.NORMAL else _BLEND_MIXED
            blending += blend * (canvas if layer.tile else size).pixels / _MEGA
        else:
            glyphs = len(layer.text) * layer.size**2
            drawing += _GLYPHS * glyphs / _MEGA
            held += 3.0 * glyphs + 4.0 * min(2 * glyphs, canvas.pixels)
            blending += _BLEND * min(2 * glyphs, canvas.pixels) / _MEGA
    return drawing, blending, int(held + decoding)


def _decoder_bytes(facts: Facts, layout: Layout) -> float:
    """What a decoder holds of one frame."""
    if facts.drawn:
        return _HELD_WHOLE[facts.format] * layout.scaled.pixels
    each = (_HELD_WHOLE if facts.whole_frame else _HELD)[facts.format] * (_DEEP if facts.bits > 8 else 1.0)
    return each * facts.width * facts.height


def _bytes(facts: Facts, recipe: Recipe, output: Format, layout: Layout, frames: int) -> int:
    """The most memory at once: what the decoder holds, finished frames, what the encoder holds."""
    pixels = facts.width * facts.height
    held = _decoder_bytes(facts, layout)
    if frames > 1 and facts.format == "webp":
        held += min(frames * 4 * pixels, _BATCH)
    result = layout.width * layout.height
    bands = 4 if facts.alpha or recipe.rotate % 90 or output is not Format.JPEG else 3
    kept = bands * result * frames if frames > 1 or is_sideways(facts.orientation) else 0
    working, staying = (bands * result * copies for copies in copies_held(recipe))
    lossless = recipe.output.lossless and output in _HELD_LOSSLESS
    encoder = (_HELD_LOSSLESS[output] if lossless else _HELD_RESULT.get(output, 8.0)) * result
    if _depth(facts, recipe, output) > 1:
        encoder += _HELD_DEEP * result
    if facts.alpha or recipe.rotate % 90 or recipe.radius is not None or recipe.mask is not None:
        encoder = max(encoder, _HELD_ALPHA.get(output, 0.0) * result)
    if recipe.output.palette:
        encoder = _HELD_PALETTE * result
    if frames > 1 and output in FILMS:
        encoder = _HELD_FILM * result * frames
    if output is Format.JXL and not lossless:
        encoder = max(encoder, _HELD_SMALL_JXL * min(result, _SMALL_JXL))
    return int(_FIXED_BYTES + held + kept + max(working, staying + encoder))
