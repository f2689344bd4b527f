"""The rows of the output: what the bytes are (capabilities T2, T4 and T7)."""

from __future__ import annotations

from imagemill.recipe.model import Recipe, SearchedQuality
from imagemill.recipe.options.option import Option, flag, maybe, unless
from imagemill.recipe.spelling import decimal, first_of, one_of, switch, whole, write_number
from imagemill.recipe.vocabulary import Dynamic, Format, Metadata, Profile

_FORMATS = {fmt.value: fmt for fmt in Format} | {"jpg": Format.JPEG}
_TARGETS = {"low": 50.0, "good": 75.0, "best": 85.0}
_target = first_of(one_of(_TARGETS), decimal(1, 100))
_quality = whole(1, 100)


def _read_quality(text: str) -> int | SearchedQuality:
    if text == "auto":
        return SearchedQuality()
    return SearchedQuality(_target(text[5:])) if text.startswith("auto:") else _quality(text)


def _write_quality(recipe: Recipe) -> str:
    quality = recipe.output.quality
    if isinstance(quality, SearchedQuality):
        return "auto" if quality.target is None else f"auto:{write_number(quality.target)}"
    return "" if quality is None else str(quality)


OUTPUT: tuple[Option, ...] = (
    Option(
        name="fm",
        field="output.format",
        aliases=("format", "f"),
        values="auto, jpeg (jpg), png, webp, avif, gif, tiff, jxl, best or source",
        read=one_of(_FORMATS),
        write=lambda r: "" if r.output.format is Format.AUTO else r.output.format.value,
        default="auto",
        example="fm=webp",
        row="T2",
        about="Format of the result; `auto` follows the client's Accept header, `source` is the original's own, or "
        "JPEG (PNG with transparency) where the web does not show that: TIFF, SVG, HEIC, BMP, ICO.",
    ),
    Option(
        name="q",
        field="output.quality",
        aliases=("quality",),
        values="1…100, auto, or auto:N with N 1…100, low, good or best",
        read=_read_quality,
        write=_write_quality,
        default="76",
        example="q=60",
        row="T7",
        about="Quality on JPEG's scale (table below); `auto:N` searches for N in SSIMULACRA2 (`low` 50, `good` 75, "
        "`best` 85). Nothing in GIF and lossless results; a PNG asked for by name (`fm=png`) gets a palette of that "
        "quality below 100, and is lossless without it.",
    ),
    Option(
        name="max_bytes",
        field="output.max_bytes",
        values="1000…100000000",
        read=whole(1000, 100_000_000),
        write=lambda r: maybe(r.output.max_bytes),
        example="max_bytes=50000",
        row="T7",
        about="The result is no larger; wins over `q`.",
    ),
    Option(
        name="lossless",
        field="output.lossless",
        values="0 or 1",
        read=switch,
        write=lambda r: flag(r.output.lossless),
        default="0",
        example="fm=webp,lossless=1",
        row="T2",
        about="Every pixel exact; not with `fm=jpeg`, `fm=gif` or `max_bytes`.",
    ),
    Option(
        name="anim",
        field="output.animate",
        values="0 or 1",
        read=switch,
        write=lambda r: "0" if not r.output.animate and not r.page else "",
        default="1",
        example="anim=0",
        row="T2",
        about="Whether an animation stays one: WebP, GIF, AVIF and PNG do, other formats show the first frame.",
    ),
    Option(
        name="page",
        field="page",
        values="0…9999",
        read=whole(0, 9999),
        write=lambda r: unless(0, r.page),
        default="0",
        example="page=2",
        row="T2",
        about="Which page or frame, from 0; a page after the first is a still picture.",
    ),
    Option(
        name="meta",
        field="output.metadata",
        values="none, copyright, all or all+gps",
        read=one_of({meta.value: meta for meta in Metadata}),
        write=lambda r: "" if r.output.metadata is Metadata.NONE else r.output.metadata.value,
        default="none",
        example="meta=copyright",
        row="T4",
        about="What of EXIF, IPTC and XMP survives; `all` is all but GPS.",
    ),
    Option(
        name="icc",
        field="output.profile",
        values="srgb, keep or p3",
        read=one_of({profile.value: profile for profile in Profile}),
        write=lambda r: "" if r.output.profile is Profile.SRGB else r.output.profile.value,
        default="srgb",
        example="icc=p3",
        row="T4",
        about="Colour space of the result: sRGB, Display P3, or the original's own with its profile. CMYK, and grey "
        "under a profile, stay only where the format can hold them and nothing is drawn or adjusted.",
    ),
    Option(
        name="hdr",
        field="output.dynamic",
        values="sdr or keep",
        read=one_of({dynamic.value: dynamic for dynamic in Dynamic}),
        write=lambda r: "" if r.output.dynamic is Dynamic.SDR else r.output.dynamic.value,
        default="sdr",
        example="hdr=keep",
        row="T4",
        about="`keep` keeps more than 8 bits (16 in PNG and TIFF, 10 or 12 in AVIF) and, in a JPEG of an Ultra HDR "
        "photo, the gain map, as long as pixels are only cut, scaled and turned. The picture itself is the same "
        "either way.",
    ),
)
"""Rows about the bytes; `write` takes a Recipe."""
