"""One question to a source host and its answer, with every bound of threats S2 and S4 to S7.

Separate from `store`, which decides when to ask and what to remember. What is sent is ours alone: method, target, host,
a name, and the validators of what we already have; no header, cookie or credential of a client, nothing of the
environment (httpcore knows no proxies). Each question has a connection of its own, so each is resolved and checked, and
bytes that a lying host sends beyond its Content-Length end with the connection instead of becoming the next answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpcore

from imagemill.errors import InvalidRequest
from imagemill.object_store.durable import translated
from imagemill.object_store.https.body import Body, Filling
from imagemill.object_store.https.dialer import Dialer
from imagemill.object_store.https.failures import FetchFailed, FetchSlow
from imagemill.object_store.https.location import Location, Reach

MAX_REDIRECTS = 3
MAX_HEADERS = 100
"""Lines of a head; h11 bounds its bytes to about 100 KB before that."""
CONNECT_SECONDS = 3.0
LOOP_HEADER = b"cdn-loop"
LOOP_NAME = b"imagemill"
"""RFC 8586: whoever fetches on behalf of others says so, and refuses to do it for one who said the same."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_MAX_AGE = re.compile(r"(?:^|[,\s])(?:s-maxage|max-age)\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_VALIDATOR = re.compile(r"[ -~]{1,1024}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much and how long: `seconds` for the whole answer, `idle_seconds` between two pieces of its body."""

    seconds: float = 10.0
    idle_seconds: float = 2.0
    max_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Validators:
    """What the host `at` (the address that answered) calls the present bytes (RFC 9110 section 8.8); empty: nothing."""

    at: str
    etag: str = ""
    last_modified: str = ""

    @property
    def usable(self) -> bool:
        """Whether the host can be asked for changes only."""
        return bool(self.etag or self.last_modified)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer. `max_age` in seconds as the host said, None where it said nothing; `modified` since 1970."""

    body: Body
    validators: Validators
    content_type: str
    modified: float | None
    max_age: int | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What we have is still what there is."""

    max_age: int | None


class Fetcher:
    """Asks the hosts of one source."""

    def __init__(
        self, reach: Reach, dialer: Dialer, bounds: Bounds, scratch: Path, tls: ssl.SSLContext | None = None
    ) -> None:
        """`scratch` takes large bodies while they come; `tls` None means the system's authorities."""
        self._reach = reach
        self._dialer = dialer
        self._bounds = bounds
        self._scratch = scratch
        self._tls = tls or default_tls()

    async def get(self, location: Location, known: Validators | None = None) -> Fetched | Unchanged | None:
        """Return the original at `location`, Unchanged where it is still that of `known`, None where there is none.

        Raises FetchFailed, FetchSlow; StorageFull or Overloaded where this machine cannot take the bytes.
        """
        try:
            async with asyncio.timeout(self._bounds.seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await self._ask(location, known)
                    if not isinstance(answer, Location):
                        return answer
                    location = answer
        except TimeoutError:
            raise FetchSlow(f"{location.origin} took more than {self._bounds.seconds:g} s") from None
        raise FetchFailed(f"{location.origin} redirects more than {MAX_REDIRECTS} times")

    async def _ask(self, location: Location, known: Validators | None) -> Fetched | Unchanged | Location | None:
        if not self._reach.admits(location):
            raise FetchFailed(f"a redirect leads to {location.origin}, which the source does not list")
        sent = known if known is not None and known.usable and known.at == str(location) else None
        try:
            async with self._asked(location, sent) as response:
                return await self._answer(location, response, sent)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise FetchFailed(f"{location.origin}: {error or 'the connection took too long'}", away=True) from None
        except httpcore.TimeoutException:
            raise FetchSlow(f"{location.origin} did not answer in time") from None
        except (httpcore.ProtocolError, httpcore.NetworkError, ssl.SSLError, EOFError) as error:
            raise FetchFailed(f"{location.origin}: {error or type(error).__name__}") from None

    @contextlib.asynccontextmanager
    async def _asked(self, location: Location, known: Validators | None) -> AsyncIterator[httpcore.Response]:
        """Send the question on a connection of its own, and close it whatever comes."""
        url = httpcore.URL(
            scheme=location.scheme.encode(),
            host=location.host.encode(),
            port=location.port,
            target=location.target.encode(),
        )
        timeouts = {"connect": CONNECT_SECONDS, "read": self._bounds.seconds, "write": self._bounds.seconds}
        connection = httpcore.AsyncHTTPConnection(
            httpcore.Origin(url.scheme, url.host, location.port), ssl_context=self._tls, network_backend=self._dialer
        )
        async with (
            connection,
            connection.stream("GET", url, headers=_headers(location, known), extensions={"timeout": timeouts}) as got,
        ):
            yield got

    async def _answer(
        self, location: Location, response: httpcore.Response, sent: Validators | None
    ) -> Fetched | Unchanged | Location | None:
        headers = _head(location, response)
        if response.status in _REDIRECTS:
            return _redirect(location, headers)
        if response.status in _GONE:
            return None
        max_age = _max_age(headers)
        if response.status == 304 and sent is not None:
            return Unchanged(max_age)
        if response.status != 200:
            raise FetchFailed(f"{location.origin} answered {response.status}")
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise FetchFailed(f"{location.origin} sent a body encoded as {encoding!r}, which was not asked for")
        body = await self._receive(location, response, _announced(location, headers))
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(
            body=body,
            validators=Validators(str(location), _plain(headers.get("etag")), _plain(headers.get("last-modified"))),
            content_type=media if _MEDIA_TYPE.fullmatch(media) else "application/octet-stream",
            modified=_date(headers.get("last-modified")),
            max_age=max_age,
        )

    async def _receive(self, location: Location, response: httpcore.Response, announced: int | None) -> Body:
        most = self._bounds.max_bytes
        if announced is not None and announced > most:
            raise FetchFailed(f"{location.origin} announces {announced} bytes; at most {most} are taken")
        with translated("take the bytes of an original"):
            filling = Filling(self._scratch, announced)
        try:
            chunks = aiter(response.aiter_stream())
            while (chunk := await self._next(location, chunks)) is not None:
                if filling.size + len(chunk) > most:
                    raise FetchFailed(f"{location.origin} sends more than {most} bytes")
                with translated("take the bytes of an original"):
                    filling.write(chunk)
            return filling.finish()
        finally:
            filling.abort()

    async def _next(self, location: Location, chunks: AsyncIterator[bytes]) -> bytes | None:
        try:
            async with asyncio.timeout(self._bounds.idle_seconds):
                return await anext(chunks, None)
        except TimeoutError:
            raise FetchSlow(f"{location.origin} sent nothing for {self._bounds.idle_seconds:g} s") from None


def default_tls() -> ssl.SSLContext:
    """Return what trusts the system's authorities, or those that come with httpx where a system has none."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _headers(location: Location, known: Validators | None) -> list[tuple[bytes, bytes]]:
    """Return all that is sent, the same for every asker: one original has one body, whoever wants a variant of it."""
    headers = [
        (b"Host", location.origin.partition("://")[2].encode()),
        (b"User-Agent", b"Imagemill/" + version("imagemill").encode()),
        (b"Accept", b"image/*,*/*;q=0.5"),
        (b"Accept-Encoding", b"identity"),
        (LOOP_HEADER, LOOP_NAME),
        (b"Connection", b"close"),
    ]
    if known is not None and known.etag:
        headers.append((b"If-None-Match", known.etag.encode()))
    elif known is not None:
        headers.append((b"If-Modified-Since", known.last_modified.encode()))
    return headers


def _head(location: Location, response: httpcore.Response) -> Mapping[str, str]:
    """Return the headers by lower-case name; a name that stands twice counts with its values joined."""
    if len(response.headers) > MAX_HEADERS:
        raise FetchFailed(f"{location.origin} sent {len(response.headers)} header lines")
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("ascii", "replace").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _redirect(location: Location, headers: Mapping[str, str]) -> Location:
    try:
        target = location.follow(headers.get("location", ""))
    except InvalidRequest as error:
        raise FetchFailed(f"{location.origin} redirects to nowhere: {error.sentence}") from None
    if location.scheme == "https" and target.scheme != "https":
        raise FetchFailed(f"{location.origin} redirects from https to {target.scheme}")
    return target


def _announced(location: Location, headers: Mapping[str, str]) -> int | None:
    """Return Content-Length where it says how long the body is; h11 has checked that it is one number."""
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and "transfer-encoding" not in headers else None


def _max_age(headers: Mapping[str, str]) -> int | None:
    control = headers.get("cache-control", "")
    if re.search(r"\bno-(?:cache|store)\b", control, re.IGNORECASE):
        return 0
    ages = [int(age) for age in _MAX_AGE.findall(control)]
    return min(ages) if ages else None


def _plain(value: str | None) -> str:
    """Return a validator that can be sent back as it is, "" for none."""
    return value if value is not None and _VALIDATOR.fullmatch(value) else ""


def _date(value: str | None) -> float | None:
    try:
        return None if value is None else email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
