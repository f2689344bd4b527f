"""Request bodies: streamed with a limit on pauses, or read up to a bound; never decompressed (threats H2, H3, H5).

Separate from what is made of them: `json_body` decodes, `originals.uploads` verifies.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request

from imagemill.errors import ImagemillError, InvalidRequest, Kind, TooLarge, shown


def unsupported_media(sentence: str, code: str = "unsupported_media_type") -> ImagemillError:
    """Return a 415 for a body in a form that we do not read."""
    return ImagemillError(sentence, code=code, kind=Kind.NOT_AN_IMAGE)


def check_encoding(request: Request) -> None:
    """Raise 415 where the body is compressed: inflating a stranger's bytes has no natural end."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise unsupported_media(
            f"The body has the Content-Encoding “{shown(encoding)}”; send it as it is (identity).", "encoded_body"
        )


def declared_length(request: Request) -> int | None:
    """Return Content-Length, None where the body is chunked; raise InvalidRequest where it is no number."""
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest(
            f"Content-Length is “{shown(text)}”; a number of bytes was expected.", code="bad_content_length"
        )
    return int(text)


GRACE_SECONDS = 5.0
MIN_RATE = 1024
"""Bytes a second that a body must come with on average, after a start of its own (threat H2)."""


async def stream(request: Request, pause: float) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; raise InvalidRequest (`body_stalled`) after `pause` seconds without a byte.

    Or when they come more slowly than `MIN_RATE`: a byte now and then would hold a connection for days. Only the
    waiting for the client counts, not what is done with the bytes.
    """
    chunks = request.stream()
    received, waited = 0, 0.0
    while True:
        came = time.monotonic()
        try:
            async with asyncio.timeout(pause):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise InvalidRequest(
                f"No byte of the body came for {pause:g} seconds, so the request was given up.", code="body_stalled"
            ) from None
        received += len(chunk)
        waited += time.monotonic() - came
        if waited > GRACE_SECONDS + received / MIN_RATE:
            raise InvalidRequest(
                f"The body came with less than {MIN_RATE} bytes a second, so the request was given up.",
                code="body_stalled",
            )
        if chunk:
            yield chunk


async def read(request: Request, most: int, pause: float) -> bytes:
    """Return the whole body; raise TooLarge at the first byte over `most`."""
    check_encoding(request)
    length = declared_length(request)
    if length is not None and length > most:
        raise _too_large(most)
    body = bytearray()
    async for chunk in stream(request, pause):
        if len(body) + len(chunk) > most:
            raise _too_large(most)
        body += chunk
    return bytes(body)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is longer than {most} bytes.", code="body_too_large")
