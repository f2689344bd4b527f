"""Metadata as JSON: the standards' names with values that are safe to show, bounded by `findings`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imagemill.engine.findings import Fields, Location, bounded
from imagemill.engine.findings import Value as Told
from imagemill.engine.metadata import exif_tags as tags
from imagemill.engine.metadata.exif import Directory, Exif, Field
from imagemill.engine.metadata.iptc import NAMES, Iptc
from imagemill.engine.metadata.text import decoded, safe_text
from imagemill.engine.metadata.xmp import EXIF as XMP_EXIF
from imagemill.engine.metadata.xmp import Array, Name, Value, Xmp

_MAX_NUMBERS = 16
_MAX_ITEMS = 100
_MAX_DEPTH = 8

_CODES = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16-le"}


def told_exif(exif: Exif) -> Fields:
    """Return the fields of the main directory and of the photograph, GPS apart."""
    return bounded([*_told(exif.main, tags.MAIN), *_told(exif.photo, tags.PHOTO)])


def told_gps(exif: Exif) -> Fields:
    """Return the fields about places and times of satellites."""
    return bounded(_told(exif.gps, tags.GPS))


def told_iptc(iptc: Iptc) -> Fields:
    """Return data sets by their names; those that repeat as a list."""
    gathered: dict[str, list[str | int | float]] = {}
    for number, text in iptc:
        gathered.setdefault(NAMES[number], []).append(text)
    return bounded((name, values[0] if len(values) == 1 else values[:_MAX_ITEMS]) for name, values in gathered.items())


def told_xmp(xmp: Xmp) -> Fields:
    """Return properties by paths: `dc:creator` is a list of texts, `xmpMM:DerivedFrom/stRef:documentID` one in another.

    Of a text in several languages the default is told, or the first.
    """
    return bounded(_flat(xmp, xmp.properties, "", 0))


def location_of(exif: Exif, xmp: Xmp) -> Location | None:
    """Return where the picture says it was taken; None where it does not, or says what is no place."""
    return _exif_location(exif.gps) or _xmp_location(xmp.properties)


def _told(directory: Directory, names: Mapping[int, str]) -> Iterator[tuple[str, Told]]:
    for number, one in directory.items():
        value = _value(number, one)
        if value is not None:
            yield names[number], value


def _value(number: int, one: Field) -> Told | None:
    """Return a field's value; None where it is empty or binary."""
    if number in tags.CODED_TEXTS:
        return safe_text(_coded(one.data)) or None
    if number in tags.DIGITS or one.kind in (2, 129):
        return safe_text(decoded(one.data)) or None
    numbers = [_plain(value) for value in one.numbers()[: _MAX_NUMBERS + 1]]
    if not numbers or len(numbers) > _MAX_NUMBERS:
        return None
    return numbers[0] if len(numbers) == 1 else list(numbers)


def _plain(value: float) -> int | float:
    """Return six significant digits, whole numbers as such; what is no number (a float may be none) as 0."""
    if isinstance(value, int):
        return value
    if not abs(value) < 1e15:
        return 0
    return int(value) if value == int(value) else float(f"{value:.6g}") if abs(value) < 1e-3 else round(value, 6)


def _coded(data: bytes) -> str:
    code = _CODES.get(data[:8], "")
    if code == "utf-16-le":
        return data[8:].decode("utf-16-le", "ignore")
    return decoded(data[8:].lstrip(b"\0")) if data[:8] in _CODES or not data[:8].strip(b"\0") else ""


# --- XMP -----------------------------------------------------------------------------------------------------------


def _flat(xmp: Xmp, struct: Mapping[Name, Value], path: str, depth: int) -> Iterator[tuple[str, Told]]:
    for (namespace, local), value in struct.items():
        yield from _told_value(xmp, f"{path}{xmp.prefix(namespace)}:{local}", value, depth)


def _told_value(xmp: Xmp, name: str, value: Value, depth: int) -> Iterator[tuple[str, Told]]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        text = safe_text(value)
        if text:
            yield name, text
    elif isinstance(value, Array):
        yield from _told_array(xmp, name, value, depth)
    else:
        yield from _flat(xmp, value, f"{name}/", depth + 1)


def _told_array(xmp: Xmp, name: str, array: Array, depth: int) -> Iterator[tuple[str, Told]]:
    found = (safe_text(item) for item in array.items[:_MAX_ITEMS] if isinstance(item, str))
    texts: list[str | int | float] = [text for text in found if text]
    if array.kind == "Alt" and texts and len(array.languages) == len(array.items):
        chosen = array.languages.index("x-default") if "x-default" in array.languages else 0
        item = array.items[chosen]
        yield name, safe_text(item) if isinstance(item, str) else texts[0]
    elif texts:
        yield name, texts
    structs = [item for item in array.items[:_MAX_ITEMS] if not isinstance(item, str)]
    for place, item in enumerate(structs, 1):
        yield from _told_value(xmp, f"{name}[{place}]", item, depth + 1)


# --- places --------------------------------------------------------------------------------------------------------


def _exif_location(gps: Directory) -> Location | None:
    latitude = _degrees(gps.get(0x0002), gps.get(0x0001), b"S", 90)
    longitude = _degrees(gps.get(0x0004), gps.get(0x0003), b"W", 180)
    if latitude is None or longitude is None:
        return None
    heights = gps[0x0006].numbers() if 0x0006 in gps else []
    altitude = None
    if heights and abs(heights[0]) < 100_000:
        below = 0x0005 in gps and gps[0x0005].data[:1] == b"\1"
        altitude = round(-heights[0] if below else heights[0], 2)
    return Location(latitude, longitude, altitude)


def _degrees(angle: Field | None, reference: Field | None, negative: bytes, most: int) -> float | None:
    """Return degrees, minutes and seconds as one number."""
    parts = angle.numbers() if angle is not None else []
    if not parts or not all(0 <= part <= 10_000 for part in parts):
        return None
    value: float = sum(part / 60.0**place for place, part in enumerate(parts[:3]))
    if value > most:
        return None
    south = reference is not None and reference.data[:1].upper() == negative
    return round(-value if south else value, 7)


def _xmp_location(properties: Mapping[Name, Value]) -> Location | None:
    latitude = _xmp_degrees(properties.get((XMP_EXIF, "GPSLatitude")), "S", 90)
    longitude = _xmp_degrees(properties.get((XMP_EXIF, "GPSLongitude")), "W", 180)
    if latitude is None or longitude is None:
        return None
    return Location(latitude, longitude)


def _xmp_degrees(value: Value | None, negative: str, most: int) -> float | None:
    """Read `51,30.4353N` or `51,30,26N` (XMP part 2, GPSCoordinate)."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    parts = value[:-1].split(",")
    if not 2 <= len(parts) <= 3 or not all(part.replace(".", "", 1).isdecimal() and part.isascii() for part in parts):
        return None
    degrees: float = sum(float(part) / 60.0**place for place, part in enumerate(parts))
    if degrees > most or value[-1].upper() not in "NSEW":
        return None
    return round(-degrees if value[-1].upper() == negative else degrees, 7)
