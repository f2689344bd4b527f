"""Who asked, and for what, before CloudFront: its function may have rewritten the path, and it stands between.

    x-imagemill-uri              the viewer's path and what of the query means something to us
    cloudfront-viewer-address    the viewer's address and port
    x-imagemill-loop             that the viewer is an Imagemill in search of an original (`gateway.loops`)

They count only where nobody but CloudFront can write them: in a request to the function's own URL, which takes requests
that CloudFront has signed. What came must be the same path in another spelling, or the name of a file of ours, which
only our function at the edge asks for. Anything else is refused: an answer to either of two addresses would be kept
under the other (threat C1).
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from imagemill.edge_config.maker_headers import LOOP_HEADER, URI_HEADER
from imagemill.errors import InvalidRequest
from imagemill.functions.http_event import HttpEvent, written_path
from imagemill.gateway.loops import MARK

ADDRESS_HEADER = b"cloudfront-viewer-address"
_URI, _LOOP = URI_HEADER.encode(), LOOP_HEADER.encode()


def as_asked(request: HttpEvent, *, site: str) -> HttpEvent:
    """Return the request as its viewer made it; `site` begins the names of our files.

    Raises InvalidRequest (`bad_address`) where two different paths came.
    """
    uri, address, loops = (request.header(name) for name in (_URI, ADDRESS_HEADER, _LOOP))
    headers = tuple(one for one in request.headers if one[0] not in (_URI, _LOOP))
    request = replace(request, headers=headers)
    if not request.from_function_url:
        return request
    if loops:
        request = replace(request, headers=(*headers, MARK))
    client = None if address is None else _client_of(address)
    if client is not None:
        request = replace(request, client=client)
    if not uri:
        return request
    path, _, query = uri.partition("?")
    asked = written_path(path)
    if not request.path.startswith(f"/{site}/".encode()) and not _is_same(asked, request.path):
        raise InvalidRequest("The address of this request came in two forms that differ.", code="bad_address")
    return replace(request, path=asked, query=query.encode("utf-8", "surrogateescape"))


def _is_same(asked: bytes, came: bytes) -> bool:
    """Whether a path came as it was asked, in another spelling, or decoded once on the way."""
    decoded = unquote_to_bytes(asked)
    return decoded == unquote_to_bytes(came) or written_path(decoded.decode("utf-8", "replace")) == came


def _client_of(text: str) -> str | None:
    """Return the address of `198.51.100.10:46532` or `2001:db8::7:46532` (CloudFront writes no brackets)."""
    address = text.rpartition(":")[0].strip("[]")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
