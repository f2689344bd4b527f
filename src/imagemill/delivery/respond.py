"""The answer: validators, ranges, HEAD; the same headers whichever tier the bytes came from."""

from __future__ import annotations

from imagemill.delivery.caching_headers import http_date, not_modified, precondition_fails, range_of
from imagemill.delivery.validators import entity_tag
from imagemill.delivery.values import Headers, HttpRequest, HttpResponse, Plan, Variant
from imagemill.errors import PreconditionFailed, RangeNotSatisfiable
from imagemill.variants.port import Kept


def stable_headers(plan: Plan, kept: Kept) -> Headers:
    """Return the headers that any 200 or 304 for this plan and these bytes carries."""
    return [
        *plan.headers,
        (b"etag", entity_tag(kept, dated=plan.dated)),
        (b"last-modified", http_date(kept.modified)),
    ]


def respond(request: HttpRequest, plan: Plan, variant: Variant, *, changed: float = 0) -> HttpResponse:
    """Return 200, 206, 304, or raise for 412 and 416; `changed` as in `Originals.changed_at`."""
    headers = stable_headers(plan, variant.kept)
    headers.append((b"cache-status", variant.status))
    if variant.timing:
        headers.append((b"server-timing", variant.timing))
    return answer(request.method, request.headers, headers, variant.kept, dated=plan.dated, replaced=changed)


def _without_dates(asked: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the request's headers without conditions on a date: another picture of the address may have the same.

    A preset or a layer may change without its original, and no step of time is begun by that.
    """
    asked = {name: value for name, value in asked.items() if name != b"if-modified-since"}
    if b"range" in asked and not asked.get(b"if-range", b'"').startswith(b'"'):
        del asked[b"range"]
    return asked


def answer(
    method: str, asked: dict[bytes, bytes], headers: Headers, kept: Kept, *, dated: bool, replaced: float = 0
) -> HttpResponse:
    """Apply conditions, ranges and HEAD to a representation whose `headers` are complete but for its length.

    `dated` is as in `Plan`; `replaced` is when something else was last under this key, in seconds since 1970.
    """
    if not dated:
        asked = _without_dates(asked)
    etag = entity_tag(kept, dated=dated)
    if precondition_fails(asked, etag=etag, modified=kept.modified):
        raise PreconditionFailed("If-Match or If-Unmodified-Since names another version of the picture.")
    if not_modified(asked, etag=etag, modified=kept.modified, replaced=replaced, dated=dated):
        return HttpResponse(304, [header for header in headers if header[0] != b"content-type"])
    size = len(kept.data)
    part = None
    if method == "GET":
        part = range_of(asked, size=size, etag=etag, modified=kept.modified, replaced=replaced, dated=dated)
    if part is False:
        raise RangeNotSatisfiable(f"The picture has {size} bytes; the asked range begins after its end.", size=size)
    if isinstance(part, tuple):
        first, last = part
        headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, size)))
        headers.append((b"content-length", b"%d" % (last - first + 1)))
        return HttpResponse(206, headers, kept.data[first : last + 1])
    headers.append((b"content-length", b"%d" % size))
    return HttpResponse(200, headers, b"" if method == "HEAD" else kept.data)
