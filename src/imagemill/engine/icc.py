"""What an embedded colour profile is, read in Python before the colour engine sees it (threat D16).

Two questions: is it sound enough to be used at all, and is it sRGB or Display P3 under one of its many names, so that a
transform would cost time and change nothing? The second is answered by its numbers (primaries and tone curve), because
names and hashes never end. Pure; offsets are those of ICC.1:2022.
"""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from

_UTF16 = codecs.lookup("utf-16-be")  # found now: a confined worker opens no file, not even a codec's, later

MOST_BYTES = 4 * 1024 * 1024
"""A press profile has 0.5 to 3 MB; more is no profile."""

_MOST_TAGS = 100
_CLASSES = frozenset((b"mntr", b"scnr", b"prtr", b"spac"))
_SPACES = {b"RGB ": "rgb", b"GRAY": "gray", b"CMYK": "cmyk"}

_PRIMARIES = {  # D50-adapted colorants as profiles carry them (sRGB: IEC 61966-2-1; P3: SMPTE EG 432-1 with D65)
    "srgb": ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)),
    "p3": ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
}
_TABLES = frozenset((b"A2B", b"B2A"))
_PUBLIC = frozenset(
    b"desc cprt wtpt bkpt chad gamt rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC".split()
)  # the tags of ICC.1 9.2 that libraries convert by, and the two that every profile must have

_NEAR_XYZ = 0.002  # rounding in real profiles reaches 0.001; Adobe RGB is 0.17 away
_NEAR_CODE = 1.0 / 255  # a tone curve within one step of 8 bits at every sample shows no difference
_SAMPLES = tuple(step / 32 for step in range(1, 32))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFacts:
    """A sound profile: its space ("rgb", "gray", "cmyk"), its printable name, and what it equals.

    `like` is "srgb" or "p3" where using that instead shows no difference; for grey, "srgb" means sRGB's tone curve.
    `linear` says that its levels are proportional to light.
    """

    space: str
    name: str
    like: str | None
    linear: bool = False


@lru_cache(maxsize=32)
def read(profile: bytes) -> ProfileFacts | None:
    """Describe a profile, or None where it is unsound and must be ignored."""
    try:
        return _read(profile)
    except (struct.error, IndexError, ValueError, TypeError, ArithmeticError):  # curves and offsets of a stranger
        return None


def cleaned(profile: bytes) -> bytes:
    """A sound profile (`read` described it) with nothing in it but what conversion needs, and its name.

    Private tags may hold anything, and so may what stands between the tags or after the end. The profile's own digest
    (bytes 84 to 99) and the fields of its device and creator become zero, which means not stated (7.2.18).
    """
    (count,) = unpack_from(">I", profile, 128)
    entries = [unpack_from(">4sII", profile, 132 + 12 * index) for index in range(count)]
    kept = [entry for entry in entries if entry[0] in _PUBLIC or entry[0][:3] in _TABLES]
    places: dict[tuple[int, int], int] = {}
    body, start = bytearray(), 132 + 12 * len(kept)
    for _, offset, size in kept:
        if (offset, size) not in places:  # curves are often shared
            places[offset, size] = start + len(body)
            body += profile[offset : offset + size] + bytes(-size % 4)
    table = b"".join(struct.pack(">4sII", name, places[offset, size], size) for name, offset, size in kept)
    head = bytearray(profile[:128])
    head[48:64], head[80:128] = bytes(16), bytes(48)
    head[:4] = struct.pack(">I", start + len(body))
    return bytes(head) + struct.pack(">I", len(kept)) + table + bytes(body)


def _read(profile: bytes) -> ProfileFacts | None:
    """Header, tag table, then the tags that decide."""
    if not 132 <= len(profile) <= MOST_BYTES or profile[36:40] != b"acsp" or profile[12:16] not in _CLASSES:
        return None
    space = _SPACES.get(profile[16:20])
    (declared,) = unpack_from(">I", profile, 0)
    (count,) = unpack_from(">I", profile, 128)
    if space is None or declared > len(profile) or not 1 <= count <= _MOST_TAGS:
        return None
    tags: dict[bytes, bytes] = {}
    parts: dict[tuple[int, int], bytes] = {}  # several tags may share one; of large ones that overlap, none is sound
    for index in range(count):
        name, offset, size = unpack_from(">4sII", profile, 132 + 12 * index)
        if offset < 132 or offset + size > len(profile):
            return None
        if (offset, size) not in parts:
            parts[offset, size] = profile[offset : offset + size]
        tags[name] = parts[offset, size]
        if sum(map(len, parts.values())) > 2 * len(profile):
            return None
    if not all(_table_fits(tag) for name, tag in tags.items() if name[:3] in (b"A2B", b"B2A")):
        return None
    curve = tags.get(b"kTRC") if space == "gray" else tags.get(b"gTRC")
    return ProfileFacts(
        space=space,
        name=_name(tags.get(b"desc", b"")),
        like=_like(space, tags),
        linear=curve is not None and _curve_is_straight(curve),
    )


def _table_fits(tag: bytes) -> bool:
    """Whether a look-up table has room for the grid it announces (255¹⁵ points do not fit; ICC.1 10.10-10.12)."""
    if tag[:4] in (b"mft1", b"mft2"):
        inputs, outputs, grid = tag[8], tag[9], tag[10]
        return 1 <= inputs <= 4 and 1 <= outputs <= 4 and grid**inputs * outputs <= len(tag)
    if tag[:4] not in (b"mAB ", b"mBA "):
        return False
    inputs, outputs = tag[8], tag[9]
    (clut,) = unpack_from(">I", tag, 24)
    if not (1 <= inputs <= 4 and 1 <= outputs <= 4):
        return False
    if clut == 0:
        return True
    points = 1
    for axis in tag[clut : clut + inputs]:
        points *= axis
    return bool(clut + 20 + points * outputs * tag[clut + 16] <= len(tag))


def _name(tag: bytes) -> str:
    """The description, printable and short (version 2 `desc` or version 4 `mluc`)."""
    text = ""
    if tag[:4] == b"desc":
        (length,) = unpack_from(">I", tag, 8)
        text = tag[12 : 12 + min(length, 100)].decode("latin-1").rstrip("\x00")
    elif tag[:4] == b"mluc":
        length, offset = unpack_from(">II", tag, 20)
        text, _ = _UTF16.decode(tag[offset : offset + min(length, 200)], "replace")
    return "".join(letter for letter in text if letter.isprintable())[:64]


def _like(space: str, tags: dict[bytes, bytes]) -> str | None:
    """Which well-known space the numbers are; a profile with tables is never taken for one (they may do anything)."""
    if any(name[:3] == b"A2B" for name in tags):
        return None
    if space == "gray":
        return "srgb" if _curve_is_srgb(tags.get(b"kTRC", b"")) else None
    if space != "rgb" or not all(_curve_is_srgb(tags.get(name, b"")) for name in (b"rTRC", b"gTRC", b"bTRC")):
        return None
    colorants = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ") if name in tags]
    for word, known in _PRIMARIES.items():
        pairs = [(a, b) for got, want in zip(colorants, known, strict=False) for a, b in zip(got, want, strict=True)]
        if len(pairs) == 9 and all(abs(a - b) <= _NEAR_XYZ for a, b in pairs):
            return word
    return None


def _xyz(tag: bytes) -> tuple[float, float, float]:
    """An XYZType value (10.31)."""
    x, y, z = unpack_from(">iii", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _srgb_code(linear: float) -> float:
    """SRGB's encoded value 0…1 of a linear one."""
    linear = min(1.0, max(0.0, linear))
    return linear * 12.92 if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _curve_is_srgb(tag: bytes) -> bool:
    """Whether a tone curve stays within one 8-bit step of sRGB's."""
    if tag[:4] not in (b"curv", b"para"):
        return False
    return all(abs(_srgb_code(_curve(tag, code)) - code) <= _NEAR_CODE for code in _SAMPLES)


def _curve_is_straight(tag: bytes) -> bool:
    """Whether a tone curve leaves every level as it is."""
    if tag[:4] not in (b"curv", b"para"):
        return False
    return all(abs(_curve(tag, code) - code) <= _NEAR_CODE for code in _SAMPLES)


def _curve(tag: bytes, code: float) -> float:
    """The linear value that a `curv` (10.6) or `para` (10.18) tag gives an encoded one."""
    if tag[:4] == b"curv":
        (count,) = unpack_from(">I", tag, 8)
        if count == 0:
            return code
        if count == 1:
            (gamma,) = unpack_from(">H", tag, 12)
            return float(code ** (gamma / 256))
        place = code * (count - 1)
        below = min(int(place), count - 2)
        low, high = unpack_from(">HH", tag, 12 + 2 * below)
        return float(low + (high - low) * (place - below)) / 65535
    (kind,) = unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    g, a, b, c, d, e, f = ([value / 65536 for value in unpack_from(f">{count}i", tag, 12)] + [0.0] * 7)[:7]
    if kind == 0:
        return float(code**g)
    if kind in (1, 2):
        edge, low, lift = -b / a, c, c
        return float((a * code + b) ** g + (lift if kind == 2 else 0)) if code >= edge else (low if kind == 2 else 0.0)
    return float((a * code + b) ** g + e) if code >= d else c * code + f
