"""The headers of tus 1.0 (https://tus.io/protocols/resumable-upload, version 1.0.0), read and written.

Separate from the routes, which know no syntax, and from `uploads.resumable`, which knows no headers. Extensions:
creation, creation-defer-length, creation-with-upload, checksum, expiration, termination.
"""

from __future__ import annotations

import base64
import binascii
import re
from email.utils import formatdate

from starlette.requests import Request

from imagemill.control.body import unsupported_media
from imagemill.errors import InvalidRequest, PreconditionFailed, TooLarge, shown
from imagemill.uploads.checksum import ALGORITHMS, Checksum
from imagemill.uploads.part import Progress

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-defer-length,creation-with-upload,checksum,expiration,termination"
BYTES = "application/offset+octet-stream"
MAX_METADATA = 4096
"""Bytes of Upload-Metadata; it is kept and given back, no more."""
MAX_PAIRS = 32

TUS_ALWAYS = ((b"tus-resumable", VERSION.encode()),)
TUS_OPTIONS = (
    *TUS_ALWAYS,
    (b"tus-version", VERSION.encode()),
    (b"tus-extension", EXTENSIONS.encode()),
    (b"tus-checksum-algorithm", ",".join(ALGORITHMS).encode()),
)
OVERRIDES = ("PATCH", "DELETE", "HEAD")
_PAIR = re.compile(r"([\x21-\x2b\x2d-\x7e]+)(?: ([A-Za-z0-9+/]*={0,2}))?", re.ASCII)


def check_version(request: Request) -> None:
    """Raise PreconditionFailed (`tus_version`) unless the client speaks our version; the answer names it."""
    said = request.headers.get("tus-resumable")
    if said != VERSION:
        raise PreconditionFailed(
            f"Tus-Resumable is “{shown(said or '')}”; this server speaks {VERSION}.", code="tus_version"
        )


def method_of(request: Request) -> str:
    """Return the method that is meant: X-HTTP-Method-Override counts for who cannot send PATCH or DELETE."""
    meant = request.headers.get("x-http-method-override", "").strip().upper()
    return meant if meant in OVERRIDES else request.method


def number(request: Request, name: str) -> int | None:
    """Return a header's whole number, None where there is none; raise InvalidRequest (`bad_upload_header`)."""
    text = request.headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise _bad(f"{name} is “{shown(text)}”; a whole number of bytes was expected")
    return int(text)


def length_of(request: Request, *, required: bool) -> int | None:
    """Return Upload-Length, None where it is deferred; raise InvalidRequest where neither or both are said."""
    length = number(request, "Upload-Length")
    deferred = request.headers.get("upload-defer-length")
    if deferred not in (None, "1"):
        raise _bad(f"Upload-Defer-Length is “{shown(deferred)}”; 1 is its only value")
    if (length is None) == (deferred is None) and (required or length is not None):
        raise _bad("Either Upload-Length or “Upload-Defer-Length: 1” is expected")
    return length


def offset_of(request: Request) -> int:
    """Return Upload-Offset; raise InvalidRequest where it is missing."""
    offset = number(request, "Upload-Offset")
    if offset is None:
        raise _bad("Upload-Offset is missing")
    return offset


def metadata_of(request: Request) -> str:
    """Return Upload-Metadata as it was sent, having checked its form: unique ASCII keys, values in base64."""
    field = request.headers.get("upload-metadata", "")
    if len(field) > MAX_METADATA:
        raise TooLarge(f"Upload-Metadata is longer than {MAX_METADATA} bytes.", code="upload_metadata_too_large")
    if not field:
        return ""
    names: set[str] = set()
    for pair in field.split(","):
        found = _PAIR.fullmatch(pair.strip())
        if found is None or not _is_base64(found.group(2) or ""):
            raise _bad(f"Upload-Metadata has “{shown(pair)}”; a key, a space and a value in base64 were expected")
        if found.group(1) in names or len(names) >= MAX_PAIRS:
            raise _bad(f"Upload-Metadata has “{shown(found.group(1))}” twice, or more than {MAX_PAIRS} keys")
        names.add(found.group(1))
    return field


def checksum_of(request: Request) -> Checksum | None:
    """Return what Upload-Checksum demands of the body."""
    field = request.headers.get("upload-checksum")
    return None if field is None else Checksum(field.strip())


def check_type(request: Request) -> None:
    """Raise 415 unless the body is bytes of an upload."""
    media = request.headers.get("content-type", "").strip().lower()
    if media != BYTES:
        raise unsupported_media(f"The body is “{shown(media)}”; {BYTES} was expected.")


def headers_of(progress: Progress, expires: float) -> dict[str, str]:
    """Return what tells a client how far its upload is; names with `_` for `-`, as `answers` takes them."""
    headers = {"upload_offset": str(progress.offset)}
    if progress.length is None:
        headers["upload_defer_length"] = "1"
    else:
        headers["upload_length"] = str(progress.length)
    if progress.metadata:
        headers["upload_metadata"] = progress.metadata
    if progress.length is None or progress.offset < progress.length:
        headers["upload_expires"] = expires_of(expires)
    return headers


def expires_of(expires: float) -> str:
    """Return Upload-Expires: a date as HTTP writes it."""
    return formatdate(expires, usegmt=True)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"{why}.", code="bad_upload_header")
