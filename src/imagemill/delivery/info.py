"""`GET /info/<key>`: what anyone who may see a picture may know of it (contract, "Delivery").

Format, size, colours and placeholders. Nothing of EXIF, IPTC and XMP, and nothing of where: those say more than the
picture shows, and are for the holder of a key (`/v1/info`).
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgspec

from imagemill.delivery.access import Access
from imagemill.delivery.authorisation import permitted
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.caching_headers import (
    cache_control,
    findable,
    http_date,
    not_modified,
    precondition_fails,
    private_age,
    private_cache_control,
)
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.permission import Permission, told_under
from imagemill.delivery.plan import PRIVATE, SECURITY
from imagemill.delivery.preflight import preflight
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.spend import client_of
from imagemill.delivery.values import HttpRequest, HttpResponse
from imagemill.dialects.native.parse import parse_info_url
from imagemill.dialects.values import InfoRequest
from imagemill.engine.findings import Findings
from imagemill.errors import PreconditionFailed
from imagemill.originals.values import Original
from imagemill.signing.gate import Gate
from imagemill.signing.grant import Grant

_NO_PLACE = frozenset(("GPSVersionID", "GPSTimeStamp", "GPSDateStamp", "GPSMapDatum"))
"""GPS fields that a camera without a receiver writes too, or that say when and not where."""


class Info:
    """Answers `/info/…`; raises an ImagemillError for the gateway to translate."""

    def __init__(
        self, inspector: Inspector, settings: DeliverySettings, access: Access, gate: Gate, tagging: Tagging = PLAIN
    ) -> None:
        """`access` is the rule that pictures are under, `gate` judges signatures."""
        self._gate = gate
        self._tagging = tagging
        self._inspector = inspector
        self._settings = settings
        self._access = access

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; a HEAD answer is cut off by the gateway."""
        if request.method == "OPTIONS":
            return preflight()
        asked = parse_info_url(request.path, request.query)
        permission = Permission.of_info(self._gate, request, asked)
        _, grant = await self._admitted(asked, permission)  # a decode is for those who may see its result
        with told_under(grant):
            original, findings, status = await self._inspector.inspect(asked.key, client_of(request.client))
        grant = _grant(original, permission, needed=self._access.hides(asked.key))
        body = msgspec.json.encode(public_info(original, findings))
        etag = b'"' + hashlib.sha256(body).hexdigest().encode() + b'"'
        modified = original.info.modified
        tags = self._tagging.header(original)
        headers = [
            (b"content-type", b"application/json"),
            (
                b"cache-control",
                findable(self._lifetime(asked, original, grant), counted=self._tagging.counted(tags[1])),
            ),
            tags,
            *(SECURITY if grant is None else PRIVATE),
            (b"etag", etag),
            (b"last-modified", http_date(modified)),
            (b"cache-status", status),
        ]
        if precondition_fails(request.headers, etag=etag, modified=modified):
            raise PreconditionFailed("If-Match or If-Unmodified-Since names another version of the picture.")
        # The date alone proves nothing: a focal point changes the version, and thereby the body, without it.
        if b"if-none-match" in request.headers and not_modified(request.headers, etag=etag, modified=modified):
            return HttpResponse(304, [header for header in headers if header[0] != b"content-type"])
        return HttpResponse(200, headers, body)

    async def authorise(self, request: HttpRequest) -> HttpResponse:
        """Answer whether `request` may be answered by a server in front of us; raise what the answer would raise."""
        asked = parse_info_url(request.path, request.query)
        original, grant = await self._admitted(asked, Permission.of_info(self._gate, request, asked))
        return permitted(grant, private_age(self._settings, asked_version=asked.v, version=original.version))

    async def _admitted(self, asked: InfoRequest, permission: Permission) -> tuple[Original, Grant | None]:
        """Return the original and the grant that it needs; raise Refused before anybody learns whether it is there."""
        grant = permission.demand() if self._access.hides(asked.key) else None
        with told_under(grant):
            original = await self._inspector.locate(asked.key)
        return original, _grant(original, permission, needed=self._access.hides(asked.key))

    def _lifetime(self, asked: InfoRequest, original: Original, grant: Grant | None) -> bytes:
        if grant is None:
            return cache_control(self._settings, asked_version=asked.v, version=original.version)
        age = private_age(self._settings, asked_version=asked.v, version=original.version)
        return private_cache_control(age, grant.until, time.time())


def _grant(original: Original, permission: Permission, *, needed: bool) -> Grant | None:
    """Return the grant that an answer about `original` is given under, None where it is open; raise Refused."""
    return permission.demand() if needed or original.private else None


def whole_info(findings: Findings) -> dict[str, Any]:
    """Return all findings as the holder of a key gets them; `located` says whether the file tells a place."""
    return {
        "format": findings.format,
        "width": findings.width,
        "height": findings.height,
        "pages": findings.pages,
        "animated": findings.animated,
        "alpha": findings.alpha,
        "bits": findings.bits,
        "space": findings.space,
        "profile": findings.profile,
        "orientation": findings.orientation,
        "loop": findings.loop,
        "delays": findings.delays,
        "colours": _colours(findings),
        "blurhash": findings.blurhash,
        "thumbhash": findings.thumbhash,
        "perceptual_hash": findings.perceptual_hash,
        "preview": findings.preview,
        "located": findings.location is not None or any(name not in _NO_PLACE for name in findings.gps),
        "location": None if findings.location is None else msgspec.structs.asdict(findings.location),
        "exif": findings.exif,
        "gps": findings.gps,
        "iptc": findings.iptc,
        "xmp": findings.xmp,
        "texts": findings.texts,
    }


def _colours(findings: Findings) -> dict[str, Any]:
    return {
        "average": findings.average,
        "dominant": findings.dominant,
        "palette": [{"colour": swatch.colour, "share": swatch.share} for swatch in findings.palette],
    }


def public_info(original: Original, findings: Findings) -> dict[str, Any]:
    """Return what the public may know; `findings` are named one by one, so that a new one is not public by accident."""
    return {
        "key": original.key,
        "version": original.version,
        "format": findings.format,
        "width": findings.width,
        "height": findings.height,
        "pages": findings.pages,
        "animated": findings.animated,
        "alpha": findings.alpha,
        "colours": _colours(findings),
        "blurhash": findings.blurhash,
        "thumbhash": findings.thumbhash,
        "preview": findings.preview,
    }
