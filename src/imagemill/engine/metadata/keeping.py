"""Which fields a variant keeps: by default none, on request those of the owner, or all, with or without the place.

| `meta` | kept |
|---|---|
| `copyright` | who made it, who owns it, how it may be used, and whether a machine made it |
| `all` | every field with a public meaning but those that say where |
| `all+gps` | those too |

Never kept, whatever is asked: maker notes and private tags (they may hold a place, a face, a picture), embedded
thumbnails and other pictures, what describes the original's bytes (sizes, orientation, gain maps, motion photos), and
fields that are not text or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from imagemill.engine.metadata import exif_tags as tags
from imagemill.engine.metadata import xmp as spaces
from imagemill.engine.metadata.blocks import read_metadata
from imagemill.engine.metadata.exif import Exif
from imagemill.engine.metadata.text import decoded, safe_text
from imagemill.engine.metadata.values import Metadata
from imagemill.engine.metadata.xmp import Array, Name, Struct, Value
from imagemill.engine.steps.load import open_pages
from imagemill.engine.work import Buffer
from imagemill.recipe.vocabulary import Metadata as Asked

_OWNERS_IPTC = {80: "By-line", 110: "Credit", 116: "CopyrightNotice"}

_OWNERS_SPACES = frozenset((spaces.XMP_RIGHTS, spaces.PLUS, spaces.CREATIVE_COMMONS))
"""Namespaces that are about rights as a whole."""

_OWNERS_XMP = frozenset(
    (
        (spaces.DC, "rights"),
        (spaces.DC, "creator"),
        (spaces.PHOTOSHOP, "Credit"),
        (spaces.IPTC_CORE, "CopyrightNotice"),
        (spaces.IPTC_EXT, "DigitalSourceType"),
        (spaces.IPTC_EXT, "DigitalSourcefileType"),
        (spaces.IPTC_EXT, "DigitalSourceFileType"),
        (spaces.IPTC_EXT, "AISystemUsed"),
        (spaces.IPTC_EXT, "AISystemVersionUsed"),
    )
)

_PLACES = ("gps", "latitude", "longitude", "longtitude", "geotag", "geohash", "geolocation")
"""Parts of names that say where, in any namespace; the misspelled one is DJI's."""

_OF_THE_BYTES = (
    frozenset(
        (spaces.TIFF, local)
        for local in (
            "Orientation",
            "ImageWidth",
            "ImageLength",
            "BitsPerSample",
            "Compression",
            "PhotometricInterpretation",
            "SamplesPerPixel",
            "PlanarConfiguration",
            "YCbCrSubSampling",
            "YCbCrPositioning",
            "XResolution",
            "YResolution",
            "ResolutionUnit",
            "NativeDigest",
        )
    )
    | frozenset(
        (spaces.EXIF, local)
        for local in ("PixelXDimension", "PixelYDimension", "ColorSpace", "NativeDigest", "MakerNote", "ExifVersion")
    )
    | frozenset(((spaces.DC, "format"), (spaces.PHOTOSHOP, "ColorMode"), (spaces.PHOTOSHOP, "ICCProfile")))
)

_PICTURES = (
    "http://ns.adobe.com/hdr-gain-map/",
    "http://ns.apple.com/",
    "http://ns.google.com/",
    "http://ns.adobe.com/xmp/note/",
    "http://ns.adobe.com/xap/1.0/g/img/",
    "http://ns.adobe.com/crx/",
)
"""Namespaces (their beginnings) of parts that a variant does not have: gain maps, depth, motion, second pictures."""

_THUMBNAILS = frozenset(("Thumbnails", "PageInfo", "thumbnail", "image"))

_PNG_AUTHOR = "Author"
_PNG_COPYRIGHT = "Copyright"


def kept_metadata(data: Buffer, kind: str, asked: Asked) -> Metadata | None:
    """Return what a variant of `meta=asked` carries of a file of format `kind`; None where nothing is asked."""
    if asked is Asked.NONE:
        return None
    return kept(read_metadata(data, kind, open_pages(data, kind)), asked)


def kept(found: Metadata, asked: Asked) -> Metadata:
    """Return what of `found` a variant of `meta=asked` carries; texts of the format's own become XMP."""
    if asked is Asked.NONE:
        return Metadata()
    if asked is Asked.COPYRIGHT:
        return _with_owners_in_xmp(_owners(found), found)
    everything = Metadata(
        exif=Exif(
            main={tag: one for tag, one in found.exif.main.items() if tag not in tags.OF_THE_FILE},
            photo={tag: one for tag, one in found.exif.photo.items() if tag not in tags.OF_THE_FILE},
            gps=found.exif.gps if asked is Asked.ALL_GPS else {},
        ),
        iptc=found.iptc,
        xmp=replace(found.xmp, properties=_pruned(found.xmp.properties, _everything(asked))),
    )
    return _with_owners_in_xmp(everything, found)


def _owners(found: Metadata) -> Metadata:
    """Return the fields about who made and owns the picture."""
    return Metadata(
        exif=Exif(main={tag: found.exif.main[tag] for tag in (tags.ARTIST, tags.COPYRIGHT) if tag in found.exif.main}),
        iptc=[(number, text) for number, text in found.iptc if number in _OWNERS_IPTC],
        xmp=replace(
            found.xmp,
            properties={
                name: value
                for name, value in _pruned(found.xmp.properties, _everything(Asked.ALL)).items()
                if name in _OWNERS_XMP or name[0] in _OWNERS_SPACES
            },
        ),
    )


def _with_owners_in_xmp(chosen: Metadata, found: Metadata) -> Metadata:
    """Say the creator and the rights in XMP too, where they stood elsewhere: it is the one block every format has."""
    properties = dict(chosen.xmp.properties)
    creators = [text for number, text in found.iptc if number == 80]
    creators = creators or _first(_text(found.exif, tags.ARTIST), found.texts.get(_PNG_AUTHOR, ""))
    rights = [text for number, text in found.iptc if number == 116]
    rights = rights or _first(_text(found.exif, tags.COPYRIGHT), found.texts.get(_PNG_COPYRIGHT, ""))
    credit = [text for number, text in found.iptc if number == 110]
    if creators:
        properties.setdefault((spaces.DC, "creator"), Array("Seq", list(creators), [""] * len(creators)))
    if rights:
        properties.setdefault((spaces.DC, "rights"), Array("Alt", [rights[0]], ["x-default"]))
    if credit:
        properties.setdefault((spaces.PHOTOSHOP, "Credit"), credit[0])
    return replace(chosen, xmp=replace(chosen.xmp, properties=properties))


def _first(*texts: str) -> list[str]:
    """Return the first text that is not empty, alone."""
    return [text for text in texts if text][:1]


def _text(exif: Exif, tag: int) -> str:
    """Return a text of the main directory; the copyright may be the photographer's and, after a NUL, the editor's."""
    one = exif.main.get(tag)
    if one is None:
        return ""
    return safe_text("; ".join(filter(None, (decoded(part) for part in one.data.rstrip(b"\0 ").split(b"\0")))))


def _everything(asked: Asked) -> Callable[[Name], bool]:
    """Return which property may stay under `all`."""

    def stays(name: Name) -> bool:
        namespace, local = name
        if name in _OF_THE_BYTES or local in _THUMBNAILS or namespace.startswith(_PICTURES):
            return False
        return asked is Asked.ALL_GPS or not any(word in local.lower() for word in _PLACES)

    return stays


def _pruned(properties: Mapping[Name, Value], stays: Callable[[Name], bool]) -> Struct:
    """Return the properties that may stay, at every depth; what is empty then goes as well."""
    found: Struct = {}
    for name, value in properties.items():
        if stays(name):
            left = _left(value, stays)
            if left:
                found[name] = left
    return found


def _left(value: Value, stays: Callable[[Name], bool]) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, Array):
        pairs = [(_left(item, stays), lang) for item, lang in zip(value.items, value.languages, strict=True)]
        pairs = [(item, lang) for item, lang in pairs if item]
        return Array(value.kind, [item for item, _ in pairs], [lang for _, lang in pairs]) if pairs else ""
    return _pruned(value, stays)
