"""What a TIFF says it holds, read from its directories in Python before libtiff sees it (threat D5).

Separate from `structure` because a TIFF is a chain of pages (image file directories), each with its own size and way of
being stored, and because most of its dangers are tags that contradict each other: a loop of directories, a thousand
million strips, a tile of ten gigapixels, 65 535 bands, a JPEG strip of another size than its page. Classic TIFF is
TIFF 6.0 (1992); BigTIFF is Adobe's Technical Note of 2007 (64-bit offsets). Section numbers are those of TIFF 6.0.

What libvips cannot turn into a picture of ours is refused here by name (415), not left to a decoder's words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from imagemill.engine.claims import Structure, damaged
from imagemill.engine.limits import Limits
from imagemill.errors import NotAnImage, Unprocessable

MOST_PAGES = 10_000
"""Directories walked; a scanned book has a thousand."""

HELD_WHOLE = 24_000_000
"""Bytes that one strip or row of tiles may hold before the page counts as held whole by the decoder (D3)."""

_MOST_FIELDS = 1000  # of one directory; the oddest real one has about a hundred
_LONGEST_OPENING = 1.5  # seconds; see opening_seconds
_MOST_SAMPLES = 8  # CMYK, its alpha and a few masks that are left out
_MOST_SEGMENT = 256 * 1024 * 1024  # bytes of one decoded strip or tile
_MOST_SIDE = 1_000_000  # pixels; a page beyond is refused by its area when it is asked
_MOST_JPEGS = 1000  # strips or tiles whose own JPEG header is compared with the page's

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR = 273, 274, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_SUBFILE, _SUB_DIRECTORIES, _SAMPLE_FORMAT, _DNG_VERSION = 254, 330, 339, 50706
_EXTRA, _YCBCR_WEIGHTS, _YCBCR_SUBSAMPLING, _BLACK_AND_WHITE = 338, 529, 530, 532

_JPEG = 7
_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, _JPEG, 8, 32773, 32946))
"""None, CCITT (3), LZW, JPEG, Deflate (2), PackBits. Old-style JPEG (6) and the rare ones are attack surface only."""

_YCBCR = 6
_PHOTOMETRICS = frozenset((0, 1, 2, 3, 5, _YCBCR))
"""White is zero, black is zero, RGB, palette, separated (CMYK), YCbCr."""

_FULL_RANGE = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)  # black and white of Y, Cb, Cr where nothing is said (20)
_BT601 = (0.299, 0.587, 0.114)  # the weights where nothing sound is said

_UNSIGNED, _FLOAT = 1, 3
_DEPTHS = {_UNSIGNED: frozenset((1, 2, 4, 8, 16)), _FLOAT: frozenset((16, 32))}

_ADVICE = "Imagemill reads grey, palette, RGB, YCbCr and CMYK of 1 to 16 bits, and RGB of 16 or 32-bit floats."

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # the types that hold whole numbers


@dataclass(frozen=True, slots=True)
class Samples:
    """What libvips leaves to us in a page's samples.

    `selection`: the first band after the colours is no transparency but something unspecified, such as an editor's
    saved selection (ExtraSamples 0, section 18). `luma`: the page is YCbCr that libtiff does not convert; these are the
    weights of red, green and blue in Y, and `reference` black and white of each band (section 21).
    """

    selection: bool = False
    luma: tuple[float, ...] | None = None
    reference: tuple[float, ...] = _FULL_RANGE


@dataclass(frozen=True, slots=True)
class _Field:
    """One tag: its type, how many values, and where in the file they lie."""

    kind: int
    count: int
    at: int


def read_tiff(view: memoryview, _limits: Limits) -> Structure:
    """Read and check the first page, and count the pages of the file as `frames`.

    A chain of directories that leads back ends there; a later page that is cut off is no page. Raises Unprocessable
    (`damaged`, `too_many_pixels`, `too_complex` over `MOST_PAGES`), NotAnImage for kinds of TIFF that are not read, and
    IndexError where the file ends inside the first directory.
    """
    directories = _Directories(view)
    chain = directories.chain(MOST_PAGES + 1)
    if len(chain) > MOST_PAGES:
        raise Unprocessable(f"The TIFF has more than {MOST_PAGES} pages.", code="too_complex")
    if directories.opening_seconds(chain) > _LONGEST_OPENING:
        raise Unprocessable("The TIFF has too many fields in all its pages together.", code="too_complex")
    first = _Page(directories, directories.fields(chain[0]))
    first.refuse_raw()
    return replace(first.structure(), frames=len(chain))


def read_tiff_page(view: memoryview, page: int) -> Structure:
    """Read and check one page (from 0) without walking beyond it; raises as `read_tiff`, `damaged` where it is not."""
    directories = _Directories(view)
    chain = directories.chain(page + 1)
    if page >= len(chain):
        raise damaged("its pages do not reach so far")
    try:
        return _Page(directories, directories.fields(chain[page])).structure()
    except IndexError:
        raise damaged("a later page ends early") from None


def page_samples(view: memoryview, page: int) -> Samples:
    """How the samples of one page, which `read_tiff` or `read_tiff_page` has checked, are meant."""
    directories = _Directories(view)
    chain = directories.chain(page + 1)
    return _Page(directories, directories.fields(chain[min(page, len(chain) - 1)])).meaning()


def page_sizes(view: memoryview, most: int) -> list[tuple[int, int]]:
    """Width and height of the first `most` pages, upright; those before one that cannot be read or is no picture."""
    directories = _Directories(view)
    sizes: list[tuple[int, int]] = []
    for at in directories.chain(most):
        try:
            size = _Page(directories, directories.fields(at)).upright_size
        except (Unprocessable, IndexError):
            break
        if not 1 <= min(size) <= max(size) <= _MOST_SIDE:
            break
        sizes.append(size)
    return sizes


def opening_seconds(view: memoryview) -> float:
    """Return about how long libtiff takes to open any page of a file, as it reads all directories each time."""
    directories = _Directories(view)
    return directories.opening_seconds(directories.chain(MOST_PAGES))


class _Directories:
    """Byte order and offset width of one file, and its numbers."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        head = bytes(view[:4])
        self._order = "<" if head[:2] == b"II" else ">"
        self.big = head in (b"II+\x00", b"MM\x00+")

    def number(self, code: str, at: int) -> int:
        """One whole number; IndexError beyond the end."""
        try:
            (value,) = struct.unpack_from(self._order + code, self.view, at)
        except (struct.error, OverflowError):  # the second for offsets of 2⁶³ and more
            raise IndexError(at) from None
        return int(value)

    def chain(self, most: int) -> list[int]:
        """The offsets of the first `most` directories, each once, in the order of the file's pages (section 2)."""
        at = self.number("Q", 8) if self.big else self.number("I", 4)
        found: dict[int, None] = {}
        while at and at not in found and len(found) < most:
            try:
                following = self._after(at)
            except IndexError:
                if not found:
                    raise
                break  # a later page that is cut off is no page
            found[at] = None
            at = following
        if not found:
            raise damaged("the TIFF has no page")
        return list(found)

    def _after(self, at: int) -> int:
        """The offset that follows the directory at `at`."""
        if self.big:
            return self.number("Q", at + 8 + 20 * self.count(at))
        return self.number("I", at + 2 + 12 * self.count(at))

    def count(self, at: int) -> int:
        """How many fields the directory at `at` has."""
        return self.number("Q" if self.big else "H", at)

    def opening_seconds(self, chain: list[int]) -> float:
        """What `opening_seconds` tells of these directories: libtiff looks each unknown field up among the others."""
        counts = [self.count(at) for at in chain]
        return sum(2e-6 * count + 2e-8 * count**2 for count in counts)

    def fields(self, at: int) -> dict[int, _Field]:
        """The tags of one directory; of one that comes twice the first counts, as in libtiff."""
        wide = self.big
        count = self.count(at)
        if count > _MOST_FIELDS:
            raise damaged("a TIFF directory has too many fields")
        at += 8 if wide else 2
        found: dict[int, _Field] = {}
        for _ in range(count):
            tag, kind = self.number("H", at), self.number("H", at + 2)
            values = self.number("Q" if wide else "I", at + 4)
            here = at + (12 if wide else 8)
            inside = _SIZES.get(kind, 1) * values <= (8 if wide else 4)
            where = here if inside else self.number("Q" if wide else "I", here)
            found.setdefault(tag, _Field(kind, values, where))
            at += 20 if wide else 12
        return found


class _Page:
    """The tags of one directory and what must hold between them."""

    def __init__(self, directories: _Directories, fields: dict[int, _Field]) -> None:
        self._directories = directories
        self._fields = fields
        self.width, self.height = self._value(_WIDTH), self._value(_HEIGHT)
        self.samples = self._value(_SAMPLES, 1)
        self.planar = self._value(_PLANAR, 1) == 2
        self.tiled = _TILE_OFFSETS in fields or _TILE_WIDTH in fields
        rows = min(self._value(_ROWS, self.height), self.height)
        self.segment_width = self._value(_TILE_WIDTH) if self.tiled else self.width
        self.segment_height = self._value(_TILE_HEIGHT) if self.tiled else rows

    def _value(self, tag: int, absent: int | None = None, index: int = 0) -> int:
        """A whole number of a tag; damaged where a tag that must be there is not, or holds something else."""
        field = self._fields.get(tag)
        if field is None:
            if absent is None:
                raise damaged(f"the TIFF lacks field {tag}")
            return absent
        if field.kind not in _WHOLE or index >= field.count:
            raise damaged(f"field {tag} of the TIFF is not what it should be")
        return self._directories.number(_WHOLE[field.kind], field.at + index * _SIZES[field.kind])

    def refuse_raw(self) -> None:
        """Refuse a camera's raw file, which is a TIFF whose first page is a thumbnail and whose picture lies deeper."""
        reduced = self._value(_SUBFILE, 0) & 1 and _SUB_DIRECTORIES in self._fields
        if _DNG_VERSION in self._fields or reduced or bytes(self._directories.view[8:10]) == b"CR":
            raise NotAnImage("This looks like a camera's raw file, which this installation does not read.")

    def structure(self) -> Structure:
        """The page in stored pixels; raises where its tags do not fit together, or are of a kind that is not read."""
        if self.width < 1 or self.height < 1:
            raise damaged("its header gives a width or height of zero")
        self._check_kind()
        self._check_segments()
        if self._value(_COMPRESSION, 1) == _JPEG:
            self._check_jpegs()
        # One strip, or one row of tiles, is decoded at once.
        held = self.width * min(self.segment_height, self.height) * self.samples * self._value(_BITS, 1) // 8
        return Structure(width=self.width, height=self.height, whole_frame=held > HELD_WHOLE)

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height with the page's orientation applied (section 8, Orientation)."""
        sideways = 5 <= self._value(_ORIENTATION, 1) <= 8
        return (self.height, self.width) if sideways else (self.width, self.height)

    def meaning(self) -> Samples:
        """What the samples stand for; libtiff converts YCbCr itself where it is JPEG or where chroma is halved."""
        extra = self._fields.get(_EXTRA)
        selection = extra is not None and extra.kind in _WHOLE and extra.count > 0 and self._value(_EXTRA) == 0
        if self._value(_PHOTOMETRIC, 1) != _YCBCR or self._value(_COMPRESSION, 1) == _JPEG or self._halved:
            return Samples(selection)
        weights = self._fractions(_YCBCR_WEIGHTS, 3)
        sound = weights is not None and min(weights) > 0 and abs(sum(weights) - 1) < 0.01
        reference = self._fractions(_BLACK_AND_WHITE, 6) or _FULL_RANGE
        if any(white <= black for black, white in zip(reference[::2], reference[1::2], strict=True)):
            reference = _FULL_RANGE
        return Samples(selection, weights if sound and weights else _BT601, reference)

    @property
    def _halved(self) -> bool:
        """Whether chroma has fewer samples than luma; 2 each way where nothing is said (section 21)."""
        return (self._value(_YCBCR_SUBSAMPLING, 2), self._value(_YCBCR_SUBSAMPLING, 2, 1)) != (1, 1)

    def _fractions(self, tag: int, count: int) -> tuple[float, ...] | None:
        """The first values of a field of fractions (RATIONAL, type 5); None where it is not there or holds no such."""
        field = self._fields.get(tag)
        if field is None or field.kind != 5 or field.count < count:
            return None
        numbers = [self._directories.number("I", field.at + 4 * index) for index in range(2 * count)]
        if 0 in numbers[1::2]:
            return None
        return tuple(above / below for above, below in zip(numbers[::2], numbers[1::2], strict=True))

    def _check_kind(self) -> None:
        """Samples, their depth and format, the colour model and the compression."""
        if not 1 <= self.samples <= _MOST_SAMPLES:
            raise NotAnImage(
                f"This TIFF has {self.samples} samples a pixel; at most {_MOST_SAMPLES} are read. {_ADVICE}"
            )
        bits, kind = self._value(_BITS, 1), self._value(_SAMPLE_FORMAT, _UNSIGNED)
        floating = kind == _FLOAT
        if bits not in _DEPTHS.get(kind, ()):
            raise NotAnImage(f"This TIFF has samples of {bits} bits in format {kind}, which are not read. {_ADVICE}")
        model = self._value(_PHOTOMETRIC, 1)
        if model not in _PHOTOMETRICS or (floating and (model != 2 or self.samples < 3)):
            raise NotAnImage(f"This TIFF has the colour model {model}, which is not read here. {_ADVICE}")
        if model == _YCBCR and bits != 8:
            raise NotAnImage(f"This TIFF has YCbCr of {bits} bits, which is not read. {_ADVICE}")
        compression = self._value(_COMPRESSION, 1)
        if compression not in _COMPRESSIONS or (compression == _JPEG and self.planar):
            raise NotAnImage(
                f"This TIFF is compressed by method {compression}, which is not read here. "
                "Imagemill reads TIFF with LZW, Deflate, PackBits, CCITT and JPEG, or without compression."
            )

    def _check_segments(self) -> None:
        """Strips or tiles: of a size that can be held, and as many offsets as the page needs (sections 3 and 15)."""
        across, down = self.segment_width, self.segment_height
        if across < 1 or down < 1:
            raise damaged("the TIFF has strips or tiles of no size")
        together = 1 if self.planar else self.samples
        size = across * down * together * self._value(_BITS, 1)
        if size > 8 * _MOST_SEGMENT:
            raise Unprocessable(
                f"A strip or tile of the TIFF has {across}x{down} pixels; that is more than is decoded at once.",
                code="too_many_pixels",
            )
        needed = self._columns() * -(-self.height // down) * (self.samples if self.planar else 1)
        for tag in (_TILE_OFFSETS, _TILE_BYTES) if self.tiled else (_STRIP_OFFSETS, _STRIP_BYTES):
            field = self._fields.get(tag)
            if field is None and tag == _STRIP_BYTES:
                continue  # old writers left it out; libtiff works it out
            if field is None or field.count < needed:
                raise damaged("the TIFF names fewer strips or tiles than its page needs")
            if field.at + field.count * _SIZES.get(field.kind, 1) > len(self._directories.view):
                raise damaged("the TIFF's list of strips or tiles reaches beyond its end")

    def _columns(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.segment_width) if self.tiled else 1

    def _check_jpegs(self) -> None:
        """Each JPEG strip or tile covers its part of the page and is no larger than a segment (Technical Note 2)."""
        offsets = _TILE_OFFSETS if self.tiled else _STRIP_OFFSETS
        columns = self._columns()
        count = columns * -(-self.height // self.segment_height)
        for index in range(min(count, _MOST_JPEGS)):
            start = self._value(offsets, index=index)
            width, height = _jpeg_size(self._directories.view, start)
            left = index % columns * self.segment_width
            top = index // columns * self.segment_height
            fits = min(self.segment_width, self.width - left) <= width <= self.segment_width
            fits &= min(self.segment_height, self.height - top) <= height <= self.segment_height
            if not fits:
                raise damaged(
                    f"a JPEG of {width}x{height} stands in the TIFF where one of "
                    f"{self.segment_width}x{self.segment_height} belongs"
                )


def _jpeg_size(view: memoryview, at: int) -> tuple[int, int]:
    """Width and height of the abbreviated JPEG stream at `at` (ITU T.81 B.2.2)."""
    if bytes(view[at : at + 2]) != b"\xff\xd8":
        raise damaged("a strip or tile of the TIFF is not the JPEG it should be")
    at += 2
    for _ in range(64):
        marker = bytes(view[at : at + 2])
        if len(marker) < 2 or marker[0] != 0xFF:
            break
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            return (view[at + 7] << 8) + view[at + 8], (view[at + 5] << 8) + view[at + 6]
        at += 2 + (view[at + 2] << 8) + view[at + 3]
    raise damaged("a JPEG in the TIFF has no frame header")
