"""The fonts that `text` may use: two of our own, and those of a folder that the operator names (`engine.fonts`).

Separate from `steps.text`, which draws with them, because planning needs the list too, to refuse an unknown name
before anything is decoded. The machine's own fonts are never looked at: the same text has the same pixels everywhere.
"""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

from imagemill.engine.placement import check_room
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.model import Recipe, TextLayer

DEFAULT = "DejaVuSans"
"""The font where a URL names none; its bold brother is `DejaVuSans-Bold`."""

MOST = 8
"""Fonts in all. Cairo keeps ten font files open and closes one for the next; a confined worker could not open it
again."""

FOLDER = Path(__file__).parent
"""Where our own fonts lie, with their licence and `fonts.conf`."""

_ENDINGS = frozenset((".ttf", ".otf"))
_FONT_BYTES = 32 * 1024 * 1024
_POSTSCRIPT_NAME = 6
_UNICODE_PLATFORMS = frozenset((0, 3))


class UnfitFont(ValueError):
    """A font of the operator's folder that cannot be used; its text says which and why."""


def absolute(folder: str) -> str:
    """Return the folder of the setting from anywhere: a worker's own folder is the root."""
    return str(Path(folder).expanduser().absolute()) if folder else ""


@cache
def available(folder: str = "") -> dict[str, Path]:
    """Return the fonts by PostScript name (OpenType "name" table, id 6), ours first, then those of `folder`.

    Only files ending in `.ttf` and `.otf` are looked at, in byte order. Raises UnfitFont for a folder that is none, a
    file that is no font, a name twice, and more than `MOST` in all.
    """
    found = {path.stem: path for path in sorted(FOLDER.glob("*.ttf"), key=_by_name)}
    more = MOST - len(found)
    for path in _files(folder) if folder else ():
        name = _postscript_name(path)
        if name is None:
            raise UnfitFont(f"“{path.name}” in the folder of fonts is no TrueType or OpenType font with a name.")
        if name in found:
            raise UnfitFont(f"“{path.name}” in the folder of fonts has the name of another font: {name}.")
        found[name] = path
    if len(found) > MOST:
        raise UnfitFont(f"The folder of fonts has {len(found) - MOST + more} fonts; at most {more} can be used.")
    return found


def check_texts(recipe: Recipe, folder: str = "") -> None:
    """Raise InvalidRequest for text that cannot be drawn: in no font that is here, or far too large."""
    for layer in recipe.layers:
        if isinstance(layer, TextLayer):
            check_room(layer)
            if layer.font is not None:
                check_font(layer.font, tuple(available(folder)))


def check_font(name: str, names: tuple[str, ...]) -> None:
    """Raise InvalidRequest (`unknown_font`) unless `name` is one of `names`."""
    if name not in names:
        listed = ", ".join(names)
        raise InvalidRequest(
            f"There is no font “{shown(name)}” here; there are: {listed}.",
            code="unknown_font",
            faults=(Fault("textfont", listed, shown(name)),),
        )


def _by_name(path: Path) -> str:
    """The order of a list of fonts: DejaVuSans before DejaVuSans-Bold."""
    return path.stem


def _files(folder: str) -> list[Path]:
    """The font files of the operator's folder."""
    try:
        files = Path(absolute(folder)).iterdir()
        return sorted(path for path in files if path.suffix.lower() in _ENDINGS and path.is_file())
    except OSError as error:
        raise UnfitFont(f"The folder of fonts cannot be read: {error.strerror or 'unknown reason'}.") from error


def _postscript_name(path: Path) -> str | None:
    """The PostScript name of a font file, or None where there is none that a URL can say."""
    if path.stat().st_size > _FONT_BYTES:
        return None
    try:
        found = _names(path.read_bytes())
    except (struct.error, UnicodeDecodeError):
        return None
    plain = bool(found) and all(c.isascii() and (c.isalnum() or c in "-_.") for c in found)
    return found if plain and len(found) <= 64 else None


def _names(data: bytes) -> str:
    """Name id 6 of an sfnt file (OpenType specification, "name" table); empty where it has none."""
    _version, count = struct.unpack_from(">4sH", data)
    for index in range(min(count, 64)):
        tag, _sum, offset, _length = struct.unpack_from(">4sIII", data, 12 + 16 * index)
        if tag == b"name":
            break
    else:
        return ""
    _format, records, strings = struct.unpack_from(">HHH", data, offset)
    for index in range(min(records, 1024)):
        platform, _encoding, _language, name, length, start = struct.unpack_from(">6H", data, offset + 6 + 12 * index)
        if name == _POSTSCRIPT_NAME:
            raw = data[offset + strings + start :][:length]
            return raw.decode("utf-16-be" if platform in _UNICODE_PLATFORMS else "ascii")
    return ""
