"""A stand-in for CloudFront on loopback: what the template says, done to real requests.

The function's own text runs in node; behaviours, cache key, lifetimes, origin groups, custom headers, key groups,
headers of answers and invalidations by tag and path are those of the template (`cloudfront_template`). Buckets are
asked with SigV4, as origin access control does; the maker through a function URL's event. Left out: geography, the
firewall, compression, collapsed requests, several edges. What CloudFront does with an answer is from the Developer
Guide: "Manage how long content stays in the cache", "Configure error response behavior", "Origin failover".
"""

from __future__ import annotations

import re
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.object_store.s3_servers import S3Server
from tests.servers import cloudfront_signed, lambda_url
from tests.servers.cloudfront_function import Asked, EdgeFunction, edge_function
from tests.servers.cloudfront_template import Behavior, DistributionTemplate, Origin

Invoke = Callable[[dict[str, Any]], Mapping[str, Any]]
"""What runs the maker: an event in, its result out."""
NAMESPACE = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
ERROR_SECONDS = 10
"""For how long an error is kept that the template does not name."""
_NOT_SENT_ON = frozenset({"connection", "transfer-encoding", "keep-alive", "date", "server"})


@dataclass(slots=True)
class Answer:
    """An answer on its way back; header names are lower case. `source` is the id of the origin that gave it."""

    status: int
    headers: dict[str, str]
    body: bytes
    source: str = ""


@dataclass(slots=True)
class Entry:
    """A kept answer, in seconds of the monotonic clock; `path` is the rewritten one, `viewed` the viewer's."""

    answer: Answer
    since: float
    until: float
    path: str
    viewed: str
    tags: frozenset[str]


@dataclass
class Maker:
    """The function behind its URL; switched off it is as if Lambda were away. `calls` are the paths that reached it."""

    invoke: Invoke
    on: bool = True
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, method: str, path: str, query: str | None, headers: Mapping[str, str], client: str) -> Answer:
        """Return its answer; one at a time, as one execution environment works."""
        if not self.on:
            return Answer(502, {"content-type": "text/html"}, b"the function is away")
        event = lambda_url.event_of(method, path, query, headers, client)
        with self.lock:
            self.calls.append(headers.get("x-imagemill-uri", path))
            return Answer(*lambda_url.answer_of(self.invoke(event)))


class CloudFront:
    """One distribution with its cache."""

    def __init__(
        self,
        template: DistributionTemplate,
        functions: Mapping[str, EdgeFunction],
        s3: S3Server,
        buckets: Mapping[str, str],
        maker: Maker,
    ) -> None:
        """`buckets` gives the real bucket for a word of an origin's domain (`variants`)."""
        self.template = template
        self.maker = maker
        self.url = ""
        self.buckets_on = True
        """Whether buckets answer CloudFront; where not, it is as if their region was away."""
        self._functions = functions
        self._s3 = s3
        self._buckets = buckets
        self._client = httpx.Client(trust_env=False, timeout=60)
        self._entries: dict[tuple[object, ...], Entry] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections to origins."""
        self._client.close()

    # --- a request -----------------------------------------------------------------------------------------------

    def respond(self, method: str, target: str, headers: list[tuple[str, str]], client: str) -> Answer:
        """Return what a viewer gets."""
        path, mark, text = target.partition("?")
        query = text if mark else None
        if path == "/" and self.template.root:
            path += self.template.root
        behavior = next(one for one in self.template.behaviors if one.fits(path))
        if method not in behavior.methods:
            return Answer(403, {"content-type": "text/html"}, b"This distribution is not configured for that method.")
        if behavior.keys:
            cookies = "; ".join(value for name, value in headers if name.lower() == "cookie")
            query, words = cloudfront_signed.split(query)
            resource = f"{self.url}{path}" + ("" if query is None else f"?{query}")
            keys = {name: self.template.keys[name] for name in behavior.keys}
            if not cloudfront_signed.opens(words or cloudfront_signed.from_cookies(cookies), resource, keys, client):
                return Answer(403, {"content-type": "text/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
        asked = [(name, value) for name, value in headers if name.lower() != "host"]
        return self._conditional(
            method, dict(_joined(asked)), self._judged(behavior, method, path, query, asked, client)
        )

    def _judged(
        self,
        behavior: Behavior,
        method: str,
        path: str,
        query: str | None,
        headers: list[tuple[str, str]],
        client: str,
    ) -> Answer:
        uri, found, target = path, _joined(headers), behavior.target
        if behavior.function is not None:
            judged = self._functions[behavior.function](Asked(path, query, tuple(headers), method))
            if judged.refused is not None:
                return Answer(judged.refused, {"content-type": "application/problem+json"}, b"")
            uri, found = judged.uri, judged.headers
            query = "&".join(judged.querystring) or None
            target = judged.origin or target
        key = (uri, *(found.get(name) for name in behavior.cache.headers), query if behavior.cache.queries else None)
        kept = self._fresh(key) if method in ("GET", "HEAD") else None
        if kept is not None:
            answer = Answer(kept.answer.status, dict(kept.answer.headers), kept.answer.body, kept.answer.source)
            answer.headers |= {"x-cache": "Hit from cloudfront", "age": str(int(time.monotonic() - kept.since))}
        else:
            sent = {name: found[name] for name in behavior.cache.headers if name in found}
            sent |= {name: f"{client}:50000" for name in behavior.forwarded if name == "cloudfront-viewer-address"}
            answer = self._fetched(target, method, uri, query if behavior.cache.queries else None, sent)
            self._keep(key, method, answer, behavior, uri, path)
            answer.headers["x-cache"] = "Error from cloudfront" if answer.status >= 400 else "Miss from cloudfront"
        _dress(answer, behavior)
        if behavior.last is not None and answer.status < 400:
            answer.headers = self._functions[behavior.last].answered(answer.status, answer.headers)
        return answer

    def _conditional(self, method: str, headers: Mapping[str, str], answer: Answer) -> Answer:
        """Return the answer as the viewer's conditions and range ask for it; CloudFront does this itself."""
        if answer.status != 200:
            return answer
        tags = [tag.strip() for tag in headers.get("if-none-match", "").split(",")]
        since = headers.get("if-modified-since", "")
        if "etag" in answer.headers and answer.headers["etag"] in tags:
            return Answer(304, _without(answer.headers, "content-length", "content-type"), b"", answer.source)
        if since and tags == [""] and answer.headers.get("last-modified") and _not_after(answer.headers, since):
            return Answer(304, _without(answer.headers, "content-length", "content-type"), b"", answer.source)
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if found and method == "GET" and int(found[1]) < len(answer.body):
            first, last = int(found[1]), min(int(found[2] or len(answer.body)), len(answer.body) - 1)
            answer.headers["content-range"] = f"bytes {first}-{last}/{len(answer.body)}"
            return Answer(206, answer.headers, answer.body[first : last + 1], answer.source)
        return answer

    # --- origins -------------------------------------------------------------------------------------------------

    def _fetched(self, target: str, method: str, uri: str, query: str | None, headers: dict[str, str]) -> Answer:
        group = self.template.groups.get(target)
        if group is None:
            return self._from_origin(self.template.origins[target], method, uri, query, headers)
        first, second = (self.template.origins[one] for one in group.members)
        answer = self._from_origin(first, method, uri, query, headers)
        return self._from_origin(second, method, uri, query, headers) if answer.status in group.codes else answer

    def _from_origin(self, origin: Origin, method: str, uri: str, query: str | None, headers: dict[str, str]) -> Answer:
        assert origin.signs, f"{origin.id} would be asked without a signature"
        sent = headers | dict(origin.headers) | {"user-agent": "Amazon CloudFront"}
        if not origin.bucket:
            answer = self.maker.ask(method, uri, query, sent, "192.0.2.200")
        else:
            answer = self._from_bucket(origin, method, uri, sent)
        answer.source = origin.id
        return answer

    def _from_bucket(self, origin: Origin, method: str, uri: str, headers: dict[str, str]) -> Answer:
        if not self.buckets_on:
            return Answer(503, {"content-type": "application/xml"}, b"<Error><Code>SlowDown</Code></Error>")
        bucket = next(real for word, real in self._buckets.items() if f"-{word}-" in origin.domain)
        request = AWSRequest(method, f"{self._s3.url}/{bucket}{uri}", headers=headers)
        S3SigV4Auth(Credentials(self._s3.access, self._s3.secret), "s3", "us-east-1").add_auth(request)
        try:
            found = self._client.request(method, request.url, headers=dict(request.headers.items()))
        except httpx.TransportError:
            return Answer(502, {"content-type": "text/html"}, b"")
        kept = {name: value for name, value in found.headers.items() if name not in _NOT_SENT_ON}
        return Answer(found.status_code, kept, found.content)

    # --- the cache -----------------------------------------------------------------------------------------------

    def _fresh(self, key: tuple[object, ...]) -> Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            return entry if entry is not None and time.monotonic() < entry.until else None

    def _keep(
        self, key: tuple[object, ...], method: str, answer: Answer, behavior: Behavior, uri: str, viewed: str
    ) -> None:
        seconds = self._seconds(answer, behavior)
        if method != "GET" or seconds <= 0:
            return
        now = time.monotonic()
        words = answer.headers.get(self.template.tag_header, "").lower()
        kept = Answer(answer.status, dict(answer.headers), answer.body, answer.source)
        entry = Entry(kept, now, now + seconds, uri, viewed, frozenset(filter(None, re.split(r"[, ]+", words))))
        with self._lock:
            self._entries[key] = entry

    def _seconds(self, answer: Answer, behavior: Behavior) -> int:
        words = {
            name.strip().lower(): value
            for name, _, value in (part.partition("=") for part in answer.headers.get("cache-control", "").split(","))
        }
        said = None
        if words.keys() & {"no-store", "no-cache", "private"}:
            said = 0
        elif "s-maxage" in words or "max-age" in words:
            said = int(words.get("s-maxage") or words["max-age"])
        if answer.status >= 400:
            return max(self.template.errors.get(answer.status, ERROR_SECONDS), said or 0)
        policy = behavior.cache
        return min(max(policy.usual if said is None else said, policy.least), policy.longest)

    def invalidate(self, items: list[str]) -> int:
        """Drop what `items` name: paths of viewers, with `*` at the end, or `#tags`; return how many entries went."""
        tags = {item[1:].lower() for item in items if item.startswith("#")}
        paths = [item for item in items if not item.startswith("#")]

        def named(entry: Entry) -> bool:
            return bool(tags & entry.tags) or any(
                entry.viewed == path or (path.endswith("*") and entry.viewed.startswith(path[:-1])) for path in paths
            )

        with self._lock:
            gone = [key for key, entry in self._entries.items() if named(entry)]
            for key in gone:
                del self._entries[key]
        return len(gone)

    def forget(self) -> None:
        """Drop everything: another edge, where nothing has been asked yet."""
        with self._lock:
            self._entries.clear()


def _joined(headers: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        low = name.lower()
        found[low] = f"{found[low]}, {value}" if low in found else value
    return found


def _without(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def _not_after(headers: Mapping[str, str], since: str) -> bool:
    try:
        return parsedate_to_datetime(headers["last-modified"]) <= parsedate_to_datetime(since)
    except ValueError:
        return False


def _dress(answer: Answer, behavior: Behavior) -> None:
    """Do what the behaviour's response headers policy says."""
    policy = behavior.responses
    for name in policy.removed:
        answer.headers.pop(name, None)
    for name, value in policy.added:
        answer.headers.setdefault(name, value)
    answer.headers |= dict(policy.forced)


# --- on the wire ---------------------------------------------------------------------------------------------------


class _Viewer(BaseHTTPRequestHandler):
    """A viewer's connection; the server carries the distribution."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer any method."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        if self.path.startswith("/2020-05-31/distribution/"):
            answer = self._invalidated(body)
        else:
            answer = self.server.edge.respond(
                self.command, self.path, list(self.headers.items()), self.client_address[0]
            )
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("via", "1.1 example.cloudfront.net (CloudFront)")
        if answer.status not in (204, 304):
            said = answer.headers.get("content-length") if self.command == "HEAD" and not answer.body else None
            self.send_header("content-length", said or str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the names that http.server calls

    def _invalidated(self, body: bytes) -> Answer:
        """The API's CreateInvalidation (2020-05-31): the batch is XML, an item with `#` is a tag."""
        root = ET.fromstring(body)  # noqa: S314 - botocore's own
        items = [item.text or "" for item in root.iter(f"{NAMESPACE}Path")]
        assert int(next(root.iter(f"{NAMESPACE}Quantity")).text or 0) == len(items)
        self.server.edge.invalidate(items)
        self.server.invalidations.append(items)
        xml = (
            f'<?xml version="1.0"?><Invalidation xmlns="{NAMESPACE[1:-1]}"><Id>I{len(self.server.invalidations)}</Id>'
            "<Status>InProgress</Status><CreateTime>2026-11-22T07:00:00Z</CreateTime></Invalidation>"
        )
        return Answer(201, {"content-type": "text/xml"}, xml.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    edge: CloudFront
    invalidations: list[list[str]]


@contextmanager
def cloudfront(
    template: DistributionTemplate,
    s3: S3Server,
    buckets: Mapping[str, str],
    maker: Maker,
    folder: Path,
) -> Iterator[CloudFront]:
    """Run the distribution until the block ends; its `url` is for viewers, and takes invalidations beside."""
    with ExitStack() as stack:
        functions = {
            name: stack.enter_context(edge_function(text, folder, name)) for name, text in template.functions.items()
        }
        edge = CloudFront(template, functions, s3, buckets, maker)
        stack.callback(edge.close)
        server = stack.enter_context(_Server(("127.0.0.1", 0), _Viewer))
        server.edge, server.invalidations = edge, []
        edge.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield edge
        finally:
            server.shutdown()
            thread.join()
