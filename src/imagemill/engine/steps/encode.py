"""Write the result: frames joined, metadata left behind, each format at the effort that was measured for it.

Encoder effort is the real cost of a modern page (docs/engine.md has the table). Of the original's metadata
nothing is written but what was asked (`metadata.keeping`); `keep` lets that through and the profile that the
colour step left on the pixels: our own of Display P3, or the original's where it is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from imagemill.engine.frames import FILMS
from imagemill.engine.image_fields import EXIF_FIELD, PROFILE_FIELD, XMP_FIELD, block_of
from imagemill.engine.libvips import Image, pyvips
from imagemill.engine.limits import Limits
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.metadata.writing import attach
from imagemill.engine.rare.jxl import write_jxl
from imagemill.engine.stopping import stoppable
from imagemill.engine.ultra_hdr_file import with_base
from imagemill.engine.work import Work
from imagemill.errors import Unprocessable
from imagemill.recipe.quality import encoder_quality, jxl_distance
from imagemill.recipe.vocabulary import Format

SHORTEST_DELAY = 20
"""Milliseconds a frame stays at least: less asks for endless work (D6)."""

_USUAL_DELAY = 100
"""Milliseconds of a frame that states none: what every browser shows, and so what its maker saw."""

FULL_CHROMA = 90
"""The JPEG quality from which libvips keeps chroma at full size, and the standard's own quantisation is the better."""

_DITHER = 0.5
"""Of Floyd and Steinberg's errors, as much is passed on: all of it is noise that costs bytes, a quarter shows bands."""

Options = dict[str, object]


def join(frames: list[Image], delays: list[int], work: Work) -> Image:
    """Stand the finished frames one above the other; `delays` are milliseconds a frame, as the original had them."""
    if len(frames) == 1:
        return frames[0]
    image = pyvips.Image.arrayjoin(frames, across=1).copy()
    times = (delays + [_USUAL_DELAY] * len(frames))[: len(frames)]
    image.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    image.set_type(pyvips.GValue.array_int_type, "delay", [max(SHORTEST_DELAY, time or _USUAL_DELAY) for time in times])
    image.set_type(pyvips.GValue.gint_type, "loop", work.job.facts.loop)
    return image


def encode(image: Image, work: Work, limits: Limits) -> bytes:
    """Encode; this is where libvips computes every pixel. Raises Unprocessable (`too_many_bytes`) over the limit."""
    image = stoppable(image)
    if work.job.format is Format.JXL:
        return _within(_jxl(image, work), limits)
    name, options = _SAVERS[work.job.format]
    tagged = bool(image.get_typeof(PROFILE_FIELD))
    keep = ["icc"] if tagged else []
    if work.metadata is not None:
        image, said = attach(image, work.metadata, work.job.format, srgb=not tagged)
        keep += said
    if work.frames > 1 and work.job.format in FILMS:
        return _within(_film(image, work), limits)
    if image.get_typeof("gainmap"):
        return _within(_ultra_hdr(image.copy_memory(), keep, work), limits)
    return _within(bytes(pyvips.Operation.call(name, image, keep=",".join(keep) or "none", **options(work))), limits)


def _within(data: bytes, limits: Limits) -> bytes:
    """The result, where it is not too large to be kept."""
    if len(data) > limits.result_bytes:
        raise Unprocessable(
            f"The result has {len(data)} bytes; at most {limits.result_bytes} are kept. Ask a smaller size or quality.",
            code="too_many_bytes",
        )
    return data


def _jpeg(work: Work) -> Options:
    """Optimised tables, baseline; below the quality at which chroma is no longer halved, table 5 of mozjpeg.

    That table (Klein, Silverstein and Carney, 1992) is free and looks better at every such quality (docs/encoders.md).
    """
    if work.job.recipe.output.lossless:  # the nearest that JPEG has
        return {"Q": 100, "subsample_mode": "off", "optimize_coding": True}
    table = {} if work.quality >= FULL_CHROMA else {"quant_table": 5}
    return {"Q": work.quality, "optimize_coding": True, **table}


def _ultra_hdr(image: Image, keep: list[str], work: Work) -> bytes:
    """The JPEG as it always is, and the gain map after it: libultrahdr would encode the base in its own way."""
    options = _jpeg(work)
    file = pyvips.Operation.call("uhdrsave_buffer", image, keep=",".join([*keep, "gainmap"]), Q=options["Q"])
    base = bytes(pyvips.Operation.call("jpegsave_buffer", image, keep=",".join(keep) or "none", **options))
    try:
        return with_base(bytes(file), base)
    except ValueError:  # another libultrahdr may write its files otherwise
        return base


def _webp(work: Work) -> Options:
    """Effort 2: half the time of the default for 7 % of the bytes; 0 and 1 cost quality."""
    if work.job.recipe.output.lossless:
        return {"lossless": True, "effort": 0}
    return {"Q": encoder_quality(work.quality, Format.WEBP), "effort": 2}


def _avif(work: Work) -> Options:
    """Effort 0 while someone waits, in 10 bits: under two fifths of the time of effort 1 for 4 % of the bytes."""
    common: Options = {"compression": "av1", "encoder": "aom", "bitdepth": _avif_depth(work), "effort": 0}
    if work.job.recipe.output.lossless:
        return common | {"lossless": True, "subsample_mode": "off"}
    return common | {"Q": encoder_quality(work.quality, Format.AVIF), "subsample_mode": "on"}


def _avif_depth(work: Work) -> int:
    """Bits a band: 10, also of 8-bit pixels, because a finer scale inside the encoder saves 5 % of the bytes.

    8 where every pixel must come back as it was; 12 only for an original that has as many, as fewer decoders have that
    profile of AV1.
    """
    if not work.deep:
        return 8 if work.job.recipe.output.lossless else 10
    return 12 if work.job.facts.format == "avif" and work.job.facts.bits == 12 else 10


def _jxl(image: Image, work: Work) -> bytes:
    """Effort 3: efforts 5 and more cost five times the time for 3 to 14 % of the bytes.

    Lossless at effort 1 takes a tenth of the time of WebP's, and effort 3 a twentieth of the bytes less for 25 times
    as much.
    """
    # Always: this writer keeps what is on the image, and the original's own is on it still.
    chosen = work.metadata or Metadata()
    image, _ = attach(image, chosen, Format.JXL, srgb=not image.get_typeof(PROFILE_FIELD))
    if work.job.recipe.output.lossless:
        return write_jxl(image, distance=0.0, effort=1)
    return write_jxl(image, distance=jxl_distance(work.quality), effort=3)


def _film(image: Image, work: Work) -> bytes:
    """The module is there: a film is written by a rare worker, which loaded it, or where nothing is confined."""
    from imagemill.engine.rare.films import Film, write_film

    film = Film(
        frames=image,
        height=image.get("page-height"),
        delays=image.get("delay"),
        plays=image.get("loop"),
        quality=encoder_quality(work.quality, Format.AVIF),
        profile=block_of(image, PROFILE_FIELD),
        exif=block_of(image, EXIF_FIELD),
        xmp=block_of(image, XMP_FIELD),
    )
    return write_film(film, work.job.format)


def _png(work: Work) -> Options:
    """Paeth at level 3 is smaller on graphics than any other at its speed. A palette where a quality was asked for."""
    if not work.quantised:
        return {"compression": 3, "filter": "paeth"}
    return {"palette": True, "Q": work.quality, "effort": 3, "dither": _DITHER, "compression": 9}


def _tiff(_work: Work) -> Options:
    """Always lossless, by a method that every reader has. Level 3 is faster than LZW and 7 % smaller."""
    return {"compression": "deflate", "level": 3, "predictor": "horizontal"}


def _gif(_work: Work) -> Options:
    """A palette a frame where needed; efforts 1 to 3 are one, 4 and more cost twice to six times for 1 to 10 %."""
    return {"effort": 3, "dither": _DITHER}


_SAVERS: dict[Format, tuple[str, Callable[[Work], Options]]] = {
    Format.JPEG: ("jpegsave_buffer", _jpeg),
    Format.PNG: ("pngsave_buffer", _png),
    Format.WEBP: ("webpsave_buffer", _webp),
    Format.AVIF: ("heifsave_buffer", _avif),
    Format.GIF: ("gifsave_buffer", _gif),
    Format.TIFF: ("tiffsave_buffer", _tiff),
}
