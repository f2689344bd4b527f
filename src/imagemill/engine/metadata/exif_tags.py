"""The fields of EXIF that have a public meaning, by the names of CIPA DC-008 (Exif 3.0, section 4.6) and TIFF 6.0.

What is not listed is not told and not kept: maker notes (37500) and private tags may hold anything, places included.
Left out on purpose: what describes the stored bytes (strips, thumbnails, offsets), pointers, and the orientation, which
is applied.
"""

from __future__ import annotations

EXIF_POINTER = 0x8769
GPS_POINTER = 0x8825
ARTIST = 0x013B
COPYRIGHT = 0x8298
COLOUR_SPACE = 0xA001

USER_COMMENT = 0x9286
CODED_TEXTS = frozenset((USER_COMMENT, 0x001B, 0x001C))
"""Texts that begin with eight bytes naming their code (section 4.6.6): UserComment, GPSProcessingMethod and
GPSAreaInformation."""

DIGITS = frozenset((0x9000, 0xA000))
"""Versions: bytes that are digits."""

BYTES = frozenset((0x0000,))
"""Numbers of a byte each: GPSVersionID."""


def _table(text: str) -> dict[int, str]:
    words = text.split()
    return {int(number, 16): name for number, name in zip(words[::2], words[1::2], strict=True)}


MAIN = _table("""
010E ImageDescription  010F Make  0110 Model  011A XResolution  011B YResolution  0128 ResolutionUnit  0131 Software
0132 DateTime  013B Artist  013C HostComputer  013E WhitePoint  013F PrimaryChromaticities  0211 YCbCrCoefficients
0213 YCbCrPositioning  0214 ReferenceBlackWhite  4746 Rating  4749 RatingPercent  8298 Copyright
""")

PHOTO = _table("""
829A ExposureTime  829D FNumber  8822 ExposureProgram  8824 SpectralSensitivity  8827 PhotographicSensitivity
8830 SensitivityType  8831 StandardOutputSensitivity  8832 RecommendedExposureIndex  8833 ISOSpeed
8834 ISOSpeedLatitudeyyy  8835 ISOSpeedLatitudezzz  9000 ExifVersion  9003 DateTimeOriginal  9004 DateTimeDigitized
9010 OffsetTime  9011 OffsetTimeOriginal  9012 OffsetTimeDigitized  9102 CompressedBitsPerPixel
9201 ShutterSpeedValue  9202 ApertureValue  9203 BrightnessValue  9204 ExposureBiasValue  9205 MaxApertureValue
9206 SubjectDistance  9207 MeteringMode  9208 LightSource  9209 Flash  920A FocalLength  9214 SubjectArea
9286 UserComment  9290 SubSecTime  9291 SubSecTimeOriginal  9292 SubSecTimeDigitized  9400 AmbientTemperature
9401 Humidity  9402 Pressure  9403 WaterDepth  9404 Acceleration  9405 CameraElevationAngle  A000 FlashpixVersion
A001 ColorSpace  A002 PixelXDimension  A003 PixelYDimension  A004 RelatedSoundFile  A20B FlashEnergy
A20E FocalPlaneXResolution  A20F FocalPlaneYResolution  A210 FocalPlaneResolutionUnit  A214 SubjectLocation
A215 ExposureIndex  A217 SensingMethod  A401 CustomRendered  A402 ExposureMode  A403 WhiteBalance
A404 DigitalZoomRatio  A405 FocalLengthIn35mmFilm  A406 SceneCaptureType  A407 GainControl  A408 Contrast
A409 Saturation  A40A Sharpness  A40C SubjectDistanceRange  A420 ImageUniqueID  A430 CameraOwnerName
A431 BodySerialNumber  A432 LensSpecification  A433 LensMake  A434 LensModel  A435 LensSerialNumber  A436 ImageTitle
A437 Photographer  A438 ImageEditor  A439 CameraFirmware  A43A RAWDevelopingSoftware  A43B ImageEditingSoftware
A43C MetadataEditingSoftware  A460 CompositeImage  A461 SourceImageNumberOfCompositeImage  A500 Gamma
""")

GPS = _table("""
0000 GPSVersionID  0001 GPSLatitudeRef  0002 GPSLatitude  0003 GPSLongitudeRef  0004 GPSLongitude  0005 GPSAltitudeRef
0006 GPSAltitude  0007 GPSTimeStamp  0008 GPSSatellites  0009 GPSStatus  000A GPSMeasureMode  000B GPSDOP
000C GPSSpeedRef  000D GPSSpeed  000E GPSTrackRef  000F GPSTrack  0010 GPSImgDirectionRef  0011 GPSImgDirection
0012 GPSMapDatum  0013 GPSDestLatitudeRef  0014 GPSDestLatitude  0015 GPSDestLongitudeRef  0016 GPSDestLongitude
0017 GPSDestBearingRef  0018 GPSDestBearing  0019 GPSDestDistanceRef  001A GPSDestDistance  001B GPSProcessingMethod
001C GPSAreaInformation  001D GPSDateStamp  001E GPSDifferential  001F GPSHPositioningError
""")

OF_THE_FILE = frozenset((0x011A, 0x011B, 0x0128, 0x9000, 0xA000, 0xA001, 0xA002, 0xA003, 0x0213))
"""What the encoder says of the file it writes: resolution, sizes, versions, colour space."""
