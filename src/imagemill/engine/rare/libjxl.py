"""libjxl through ctypes: decode the first frame of a JPEG XL, and write one.

The Python packages that carry libjxl say too little of colour (imagecodecs) or decode the last frame (pillow-jxl), so
the library itself is called, by its stable C interface of 0.9 and later. It comes with the `imagecodecs` wheel (the
extra `jxl`), of which nothing else is imported, or with the system; `jxl_library` finds it.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_double, c_float, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from functools import cache

from imagemill.engine.rare import jxl_library

OLDEST = 9000
"""libjxl 0.9, where the calls for profiles took their present shape."""

LEAST_DISTANCE = 0.05
"""Below it a lossy JPEG XL is larger than a lossless one."""

_SUCCESS, _NEED_BUFFER, _BASIC_INFO, _COLOUR, _FULL_IMAGE = 0, 5, 0x40, 0x100, 0x1000
_NEED_MORE_OUTPUT = 2
_EFFORT = 0
_UINT8, _UINT16 = 2, 3
_LEVEL_5_PIXELS = 1 << 28
_RGB, _GRAY = 0, 1
_D65, _SRGB_PRIMARIES, _P3_PRIMARIES, _SRGB_TRANSFER = 1, 1, 11, 13
_ORIGINAL, _TARGET = 0, 1
_BLACK = 4
_SDR_NITS = 255.0
_MOST_PROFILE = 4 * 1024 * 1024
_CHUNK = 256 * 1024


class JxlError(Exception):
    """libjxl does not accept the bytes or the pixels; the words are for the log."""


@dataclass(frozen=True, slots=True)
class JxlPicture:
    """The header of a JPEG XL, upright: sides in pixels, bands with alpha, bits of a sample, an ICC profile or none."""

    width: int
    height: int
    bands: int
    alpha: bool
    bits: int
    profile: bytes

    @property
    def sample_bytes(self) -> int:
        """Bytes of one decoded sample: two where the picture has more than 8 bits, which linear light needs."""
        return 2 if self.bits > 8 else 1


class _Preview(ctypes.Structure):
    _fields_ = (("xsize", c_uint32), ("ysize", c_uint32))


class _Animation(ctypes.Structure):
    _fields_ = (
        ("tps_numerator", c_uint32),
        ("tps_denominator", c_uint32),
        ("num_loops", c_uint32),
        ("have_timecodes", c_int),
    )


class _BasicInfo(ctypes.Structure):
    """JxlBasicInfo of jxl/codestream_header.h."""

    _fields_ = (
        ("have_container", c_int),
        ("xsize", c_uint32),
        ("ysize", c_uint32),
        ("bits_per_sample", c_uint32),
        ("exponent_bits_per_sample", c_uint32),
        ("intensity_target", c_float),
        ("min_nits", c_float),
        ("relative_to_max_display", c_int),
        ("linear_below", c_float),
        ("uses_original_profile", c_int),
        ("have_preview", c_int),
        ("have_animation", c_int),
        ("orientation", c_int),
        ("num_color_channels", c_uint32),
        ("num_extra_channels", c_uint32),
        ("alpha_bits", c_uint32),
        ("alpha_exponent_bits", c_uint32),
        ("alpha_premultiplied", c_int),
        ("preview", _Preview),
        ("animation", _Animation),
        ("intrinsic_xsize", c_uint32),
        ("intrinsic_ysize", c_uint32),
        ("padding", c_uint8 * 100),
    )


class _PixelFormat(ctypes.Structure):
    """JxlPixelFormat of jxl/types.h."""

    _fields_ = (("num_channels", c_uint32), ("data_type", c_int), ("endianness", c_int), ("align", c_size_t))


class _ColorEncoding(ctypes.Structure):
    """JxlColorEncoding of jxl/color_encoding.h."""

    _fields_ = (
        ("color_space", c_int),
        ("white_point", c_int),
        ("white_point_xy", c_double * 2),
        ("primaries", c_int),
        ("primaries_red_xy", c_double * 2),
        ("primaries_green_xy", c_double * 2),
        ("primaries_blue_xy", c_double * 2),
        ("transfer_function", c_int),
        ("gamma", c_double),
        ("rendering_intent", c_int),
    )


_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "JxlDecoderVersion": (c_uint32, ()),
    "JxlDecoderCreate": (c_void_p, (c_void_p,)),
    "JxlDecoderDestroy": (None, (c_void_p,)),
    "JxlDecoderSubscribeEvents": (c_int, (c_void_p, c_int)),
    "JxlDecoderSetUnpremultiplyAlpha": (c_int, (c_void_p, c_int)),
    "JxlDecoderSetDesiredIntensityTarget": (c_int, (c_void_p, c_float)),
    "JxlDecoderSetInput": (c_int, (c_void_p, c_void_p, c_size_t)),
    "JxlDecoderCloseInput": (None, (c_void_p,)),
    "JxlDecoderProcessInput": (c_int, (c_void_p,)),
    "JxlDecoderGetBasicInfo": (c_int, (c_void_p, POINTER(_BasicInfo))),
    "JxlDecoderGetExtraChannelInfo": (c_int, (c_void_p, c_size_t, c_void_p)),
    "JxlDecoderGetColorAsEncodedProfile": (c_int, (c_void_p, c_int, POINTER(_ColorEncoding))),
    "JxlDecoderSetPreferredColorProfile": (c_int, (c_void_p, POINTER(_ColorEncoding))),
    "JxlDecoderGetICCProfileSize": (c_int, (c_void_p, c_int, POINTER(c_size_t))),
    "JxlDecoderGetColorAsICCProfile": (c_int, (c_void_p, c_int, c_void_p, c_size_t)),
    "JxlDecoderImageOutBufferSize": (c_int, (c_void_p, POINTER(_PixelFormat), POINTER(c_size_t))),
    "JxlDecoderSetImageOutBuffer": (c_int, (c_void_p, POINTER(_PixelFormat), c_void_p, c_size_t)),
    "JxlEncoderCreate": (c_void_p, (c_void_p,)),
    "JxlEncoderDestroy": (None, (c_void_p,)),
    "JxlEncoderInitBasicInfo": (None, (POINTER(_BasicInfo),)),
    "JxlEncoderSetBasicInfo": (c_int, (c_void_p, POINTER(_BasicInfo))),
    "JxlColorEncodingSetToSRGB": (None, (POINTER(_ColorEncoding), c_int)),
    "JxlEncoderSetICCProfile": (c_int, (c_void_p, c_void_p, c_size_t)),
    "JxlEncoderSetCodestreamLevel": (c_int, (c_void_p, c_int)),
    "JxlEncoderUseBoxes": (c_int, (c_void_p,)),
    "JxlEncoderAddBox": (c_int, (c_void_p, ctypes.c_char_p, c_void_p, c_size_t, c_int)),
    "JxlEncoderSetColorEncoding": (c_int, (c_void_p, POINTER(_ColorEncoding))),
    "JxlEncoderFrameSettingsCreate": (c_void_p, (c_void_p, c_void_p)),
    "JxlEncoderFrameSettingsSetOption": (c_int, (c_void_p, c_int, ctypes.c_int64)),
    "JxlEncoderSetFrameDistance": (c_int, (c_void_p, c_float)),
    "JxlEncoderSetFrameLossless": (c_int, (c_void_p, c_int)),
    "JxlEncoderAddImageFrame": (c_int, (c_void_p, POINTER(_PixelFormat), c_void_p, c_size_t)),
    "JxlEncoderCloseInput": (None, (c_void_p,)),
    "JxlEncoderProcessOutput": (c_int, (c_void_p, POINTER(c_void_p), POINTER(c_size_t))),
}


@cache
def load() -> ctypes.CDLL:
    """Load the library and declare its calls; raises JxlError where there is none, or one that is too old."""
    places = jxl_library.find()
    if not places:
        raise JxlError("libjxl is not installed")
    try:
        library = [ctypes.CDLL(place) for place in places][-1]
        for name, (result, arguments) in _SIGNATURES.items():
            call = getattr(library, name)
            call.restype, call.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise JxlError(str(error)) from error
    if library.JxlDecoderVersion() < OLDEST:
        raise JxlError("libjxl is older than 0.9")
    return library


def version() -> str:
    """The library's version as people write it."""
    number = int(load().JxlDecoderVersion())
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def read_header(data: bytes | memoryview) -> JxlPicture:
    """Return what the header says, no pixel decoded; raises JxlError."""
    return _decoded(data, pixels=False)[0]


def decode(data: bytes | memoryview) -> tuple[JxlPicture, bytearray]:
    """Return the header and the first frame, `sample_bytes` each, bands interleaved, upright; raises JxlError.

    Colours are in the space of the header's profile, or sRGB where it has none.
    """
    return _decoded(data, pixels=True)


def _decoded(data: bytes | memoryview, *, pixels: bool) -> tuple[JxlPicture, bytearray]:
    library = load()
    body = bytes(data)
    decoder = library.JxlDecoderCreate(None)
    if not decoder:
        raise MemoryError
    try:
        _must(library.JxlDecoderSubscribeEvents(decoder, _BASIC_INFO | _COLOUR | (_FULL_IMAGE if pixels else 0)))
        _must(library.JxlDecoderSetUnpremultiplyAlpha(decoder, 1))
        _must(library.JxlDecoderSetDesiredIntensityTarget(decoder, _SDR_NITS))
        _must(library.JxlDecoderSetInput(decoder, body, len(body)))
        library.JxlDecoderCloseInput(decoder)
        return _run(library, decoder, pixels=pixels)
    finally:
        library.JxlDecoderDestroy(decoder)


def _run(library: ctypes.CDLL, decoder: int, *, pixels: bool) -> tuple[JxlPicture, bytearray]:
    """Answer the decoder's questions until it has what was asked."""
    info, picture, buffer = _BasicInfo(), None, bytearray()
    while True:
        status = library.JxlDecoderProcessInput(decoder)
        if status == _BASIC_INFO:
            _must(library.JxlDecoderGetBasicInfo(decoder, byref(info)))
            _refuse_ink(library, decoder, info)
        elif status == _COLOUR:
            picture = _described(info, _colours(library, decoder, info))
            if not pixels:
                return picture, buffer
        elif status == _NEED_BUFFER and picture is not None:
            buffer = _give_buffer(library, decoder, picture)
        elif status == _FULL_IMAGE and picture is not None:
            return picture, buffer
        else:
            raise JxlError(f"the decoder stopped with status {status}")


def _described(info: _BasicInfo, profile: bytes) -> JxlPicture:
    alpha = info.alpha_bits > 0
    bands = int(info.num_color_channels) + alpha
    return JxlPicture(int(info.xsize), int(info.ysize), bands, alpha, int(info.bits_per_sample), profile)


def _refuse_ink(library: ctypes.CDLL, decoder: int, info: _BasicInfo) -> None:
    """CMYK comes as three colours and an extra channel of black, which are not three colours without it."""
    for index in range(min(int(info.num_extra_channels), 256)):
        channel = (c_int * 128)()
        _must(library.JxlDecoderGetExtraChannelInfo(decoder, index, channel))
        if channel[0] == _BLACK:
            raise JxlError("the picture is in CMYK")


def _colours(library: ctypes.CDLL, decoder: int, info: _BasicInfo) -> bytes:
    """Choose the space of the pixels; return its profile, nothing for sRGB.

    A lossy file holds colours as eyes see them and can be had in any space: sRGB where it came from there, else
    Display P3, which our results are at most in. A file that kept its own samples has them in its own profile.
    """
    if not info.uses_original_profile:
        encoding = _ColorEncoding()
        known = library.JxlDecoderGetColorAsEncodedProfile(decoder, _ORIGINAL, byref(encoding)) == _SUCCESS
        narrow = known and encoding.primaries == _SRGB_PRIMARIES
        grey = info.num_color_channels == 1
        _must(library.JxlDecoderSetPreferredColorProfile(decoder, byref(_space(library, p3=not narrow, grey=grey))))
        if narrow or grey:
            return b""
    size = c_size_t()
    if library.JxlDecoderGetICCProfileSize(decoder, _TARGET, byref(size)) != _SUCCESS or size.value > _MOST_PROFILE:
        return b""
    profile = ctypes.create_string_buffer(size.value)
    _must(library.JxlDecoderGetColorAsICCProfile(decoder, _TARGET, profile, size.value))
    return profile.raw


def _space(library: ctypes.CDLL, *, p3: bool, grey: bool) -> _ColorEncoding:
    """SRGB, or Display P3, which has its curve and white."""
    encoding = _ColorEncoding()
    library.JxlColorEncodingSetToSRGB(byref(encoding), int(grey))
    if p3 and not grey:
        encoding.primaries = _P3_PRIMARIES
    return encoding


def _give_buffer(library: ctypes.CDLL, decoder: int, picture: JxlPicture) -> bytearray:
    """Lend the decoder memory for the pixels of one frame."""
    layout = _PixelFormat(picture.bands, _UINT8 if picture.sample_bytes == 1 else _UINT16, 0, 0)
    size = c_size_t()
    _must(library.JxlDecoderImageOutBufferSize(decoder, byref(layout), byref(size)))
    if size.value != picture.width * picture.height * picture.bands * picture.sample_bytes:
        raise JxlError("the decoder asks for another amount of memory")
    buffer = bytearray(size.value)
    place = (c_uint8 * size.value).from_buffer(buffer)
    _must(library.JxlDecoderSetImageOutBuffer(decoder, byref(layout), place, size.value))
    return buffer


@dataclass(frozen=True, slots=True, kw_only=True)
class JxlPixels:
    """What is written: samples of 8 or 16 bits, bands interleaved (grey or RGB; the last of two or four is alpha).

    Colours are sRGB, Display P3 where `p3`, else what `profile` (ICC) says. `exif` (a TIFF block) and `xmp` are added.
    """

    samples: bytes
    width: int
    height: int
    bands: int
    bits: int = 8
    p3: bool = False
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""


def encode(pixels: JxlPixels, *, distance: float, effort: int) -> bytes:
    """Write a JPEG XL; raises JxlError.

    `distance` is libjxl's own scale: 0 is lossless, 1 is hardly to be told apart, 25 is the worst. `effort` is 1 to 9.
    """
    library = load()
    encoder = library.JxlEncoderCreate(None)
    if not encoder:
        raise MemoryError
    try:
        _describe_result(library, encoder, pixels, lossless=distance == 0)
        settings = library.JxlEncoderFrameSettingsCreate(encoder, None)
        _must(library.JxlEncoderFrameSettingsSetOption(settings, _EFFORT, effort))
        if distance == 0:
            _must(library.JxlEncoderSetFrameLossless(settings, 1))
        else:
            _must(library.JxlEncoderSetFrameDistance(settings, max(LEAST_DISTANCE, distance)))
        for kind, content in ((b"Exif", pixels.exif and bytes(4) + pixels.exif), (b"xml ", pixels.xmp)):
            if content:
                _must(library.JxlEncoderAddBox(encoder, kind, content, len(content), 0))
        layout = _PixelFormat(pixels.bands, _UINT8 if pixels.bits == 8 else _UINT16, 0, 0)
        _must(library.JxlEncoderAddImageFrame(settings, byref(layout), pixels.samples, len(pixels.samples)))
        library.JxlEncoderCloseInput(encoder)
        return _collected(library, encoder)
    finally:
        library.JxlEncoderDestroy(encoder)


def _describe_result(library: ctypes.CDLL, encoder: int, pixels: JxlPixels, *, lossless: bool) -> None:
    """Tell the encoder what it will be given."""
    grey, alpha = pixels.bands < 3, pixels.bands in (2, 4)
    info = _BasicInfo()
    library.JxlEncoderInitBasicInfo(byref(info))
    info.xsize, info.ysize, info.bits_per_sample = pixels.width, pixels.height, pixels.bits
    info.num_color_channels = 1 if grey else 3
    info.num_extra_channels, info.alpha_bits = int(alpha), pixels.bits * alpha
    info.uses_original_profile = int(lossless)
    if pixels.bits > 8 or pixels.width * pixels.height > _LEVEL_5_PIXELS:
        _must(library.JxlEncoderSetCodestreamLevel(encoder, 10))
    if pixels.exif or pixels.xmp:
        _must(library.JxlEncoderUseBoxes(encoder))
    _must(library.JxlEncoderSetBasicInfo(encoder, byref(info)))
    if pixels.profile and not pixels.p3:
        _must(library.JxlEncoderSetICCProfile(encoder, pixels.profile, len(pixels.profile)))
    else:
        _must(library.JxlEncoderSetColorEncoding(encoder, byref(_space(library, p3=pixels.p3, grey=grey))))


def _collected(library: ctypes.CDLL, encoder: int) -> bytes:
    """Take the encoder's output, piece by piece."""
    pieces: list[bytes] = []
    room = ctypes.create_string_buffer(_CHUNK)
    while True:
        place, left = c_void_p(ctypes.addressof(room)), c_size_t(_CHUNK)
        status = library.JxlEncoderProcessOutput(encoder, byref(place), byref(left))
        pieces.append(room.raw[: _CHUNK - left.value])
        if status == _SUCCESS:
            return b"".join(pieces)
        if status != _NEED_MORE_OUTPUT:
            raise JxlError(f"the encoder stopped with status {status}")


def _must(status: int) -> None:
    """Raise JxlError unless a call succeeded."""
    if status != _SUCCESS:
        raise JxlError(f"a call of libjxl failed with status {status}")
