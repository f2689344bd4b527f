"""What can be told of an original beyond its header; made by `inspect` in a worker, kept beside the original.

Separate from `Facts`, which plans every variant and must stay small: this is asked for seldom, and may hold what is
nobody's business (where a picture was taken), so what the public may see is chosen elsewhere (`delivery.info`). Every
part has a bound, so that no picture can fill a record: see `MAX_FIELDS` and `MAX_BLOCK_BYTES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

REVISION = 1
"""Counted up when the same picture gives other findings, so that kept ones are made anew."""

MAX_FIELDS = 300
"""Fields of one block (EXIF, GPS, IPTC, XMP, texts)."""
MAX_BLOCK_BYTES = 16 * 1024
"""UTF-8 bytes of all names and values of one block together; what comes later is left out."""
MAX_TEXT = 2000
"""Characters of one value."""
MAX_DELAYS = 1000
"""Frames whose delays are told; a file may hold any number of them."""
MAX_BYTES = 256 * 1024
"""Bytes of all findings as JSON: five blocks, and room for the rest."""

Value = str | int | float | list[str | int | float]
"""A value of a field: text, a number, or several of them."""

Fields = dict[str, Value]

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_BASE83 = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,200}")
_BASE64 = re.compile(r"[0-9A-Za-z+/]{4,64}={0,2}")
_HASH = re.compile(r"[0-9a-f]{16}")
_PREVIEW = re.compile(r"data:image/webp;base64,[0-9A-Za-z+/]{4,8192}={0,2}")
_NAME = re.compile(r"[!-~]{1,200}")


class Swatch(msgspec.Struct, frozen=True):
    """A colour of the palette (`#rrggbb`, sRGB) and the share of the picture (0…1) that is nearest to it."""

    colour: str
    share: float


class Location(msgspec.Struct, frozen=True):
    """Where a picture was taken: degrees north and east (WGS 84), metres above the sea where it says so."""

    latitude: float
    longitude: float
    altitude: float | None = None


class Findings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that can be told of an original.

    Sizes and `format` as in `Facts`; `space` is the colour space of the stored pixels in libvips' word, `profile` the
    embedded profile's name. `delays` are the frames' milliseconds (only for animations, at most `MAX_DELAYS`), `loop`
    is 0 for ever. Colours, hashes and preview are those of the first page, upright, in sRGB, fitted into 100x100
    (`inspect` says how): `average`, `dominant` and the `palette` (most frequent first), `blurhash` (4x3), `thumbhash`
    (base64), `perceptual_hash` (64 bits in hex, as `imagehash.phash`), `preview` (a data URI of some 200 bytes).

    `exif`, `gps` and `iptc` map the standards' names to values, `xmp` paths such as `dc:creator`, `texts` what formats
    hold besides (comments, PNG's text chunks). `location` is what the GPS fields of EXIF or XMP say.
    """

    revision: int = REVISION
    format: str
    width: int
    height: int
    pages: int = 1
    animated: bool = False
    alpha: bool = False
    bits: int = 8
    space: str = "srgb"
    profile: str | None = None
    orientation: int = 1
    loop: int = 0
    delays: tuple[int, ...] = ()
    average: str
    dominant: str
    palette: tuple[Swatch, ...]
    blurhash: str
    thumbhash: str
    perceptual_hash: str
    preview: str
    exif: Fields = {}
    gps: Fields = {}
    iptc: Fields = {}
    xmp: Fields = {}
    texts: Fields = {}
    location: Location | None = None


_decoder = msgspec.json.Decoder(Findings)


def encode_findings(findings: Findings) -> bytes:
    """Return findings as JSON of at most `MAX_BYTES`."""
    return msgspec.json.encode(findings)


def decode_findings(data: bytes | msgspec.Raw) -> Findings:
    """Return the findings in `data`; ValueError for what `inspect` never writes.

    They come from a process that has fed a stranger's bytes to a decoder, so words and bounds are checked again.
    """
    if len(bytes(data)) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes of findings, received {len(bytes(data))}")
    findings = _decoder.decode(data)  # raises a ValueError of its own
    if findings.revision != REVISION:
        raise ValueError(f"expected findings of revision {REVISION}, received {findings.revision}")
    _check(findings)
    return findings


def bounded(fields: Iterable[tuple[str, Value]]) -> Fields:
    """Return as many of `fields` as a block may hold, in their order; of equal names the first."""
    kept: Fields = {}
    room = MAX_BLOCK_BYTES
    for name, value in fields:
        size = len(name.encode()) + len(msgspec.json.encode(value))
        if name in kept or not _NAME.fullmatch(name) or size > room:
            continue
        kept[name] = value
        room -= size
        if len(kept) == MAX_FIELDS:
            break
    return kept


def _check(findings: Findings) -> None:
    """Raise ValueError where a part is not of the form that it always has."""
    forms: tuple[tuple[str, re.Pattern[str]], ...] = (
        (findings.average, _COLOUR),
        (findings.dominant, _COLOUR),
        *((swatch.colour, _COLOUR) for swatch in findings.palette),
        (findings.blurhash, _BASE83),
        (findings.thumbhash, _BASE64),
        (findings.perceptual_hash, _HASH),
        (findings.preview, _PREVIEW),
    )
    words = (findings.format, findings.space, findings.profile or "-")
    sound = (
        all(form.fullmatch(text) for text, form in forms)
        and all(0 < len(word) <= 64 and word.isprintable() for word in words)
        and len(findings.palette) <= 32
        and len(findings.delays) <= MAX_DELAYS
        and findings.width > 0 < findings.height
        and all(
            _is_block(block) for block in (findings.exif, findings.gps, findings.iptc, findings.xmp, findings.texts)
        )
    )
    if not sound:
        raise ValueError("findings that no picture has")


def _is_block(block: Mapping[str, Value]) -> bool:
    texts = [value for value in block.values() if isinstance(value, str)]
    return (
        len(block) <= MAX_FIELDS
        and all(_NAME.fullmatch(name) for name in block)
        and all(len(text) <= MAX_TEXT for text in texts)
    )
