"""Who asked, and for what, before CloudFront: its function may have rewritten the path, and it stands between.

    x-imagemill-uri              the viewer's path and what of the query means something to us
    cloudfront-viewer-address    the viewer's address and port

Both count only where nobody but CloudFront can write them: in a request to the function's own URL, which takes requests
that CloudFront has signed. A path is believed if it is the one that came in another spelling, or if what came is the
name of a file of ours, which only our function at the edge asks for: else the answer would be kept under an address
that it does not belong to (threat C1).
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from imagemill.functions.http_event import HttpEvent, written_path

URI_HEADER = b"x-imagemill-uri"
ADDRESS_HEADER = b"cloudfront-viewer-address"


def as_asked(request: HttpEvent, *, site: str) -> HttpEvent:
    """Return the request as its viewer made it; `site` begins the names of our files."""
    uri, address = request.header(URI_HEADER), request.header(ADDRESS_HEADER)
    request = replace(request, headers=tuple(one for one in request.headers if one[0] != URI_HEADER))
    if not request.from_function_url:
        return request
    client = None if address is None else _client_of(address)
    if client is not None:
        request = replace(request, client=client)
    if not uri or not uri.startswith("/"):
        return request
    path, _, query = uri.partition("?")
    asked = written_path(path)
    if not request.path.startswith(f"/{site}/".encode()) and unquote_to_bytes(asked) != unquote_to_bytes(request.path):
        return request
    return replace(request, path=asked, query=query.encode("utf-8", "surrogateescape"))


def _client_of(text: str) -> str | None:
    """Return the address of `198.51.100.10:46532` or `2001:db8::7:46532` (CloudFront writes no brackets)."""
    address = text.rpartition(":")[0].strip("[]")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
