"""The ASGI front door: which path goes where, and what every answer carries.

    /img/…  /info/…                     delivery
    /v1/…  /openapi.json  /docs         control (imported when first asked or once the port is open)
    /healthz/live  /healthz/ready       health (also /health)
    /internal/authorize                 for servers in front of us: may they send what they have?
    /metrics                            Prometheus text, from loopback or with the admin key
    /  /static/…  /robots.txt …         landing

Plain ASGI without a framework, because a hit in memory is answered in some ten microseconds. It also refuses what no
surface should have to think of: a request with no Host or two, a body where none belongs, an endless URL.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from imagemill.delivery import authorisation
from imagemill.delivery.authorisation import Authorisation
from imagemill.delivery.info import Info
from imagemill.delivery.memo import Memo, Shortcut
from imagemill.delivery.pipeline import Delivery
from imagemill.delivery.values import Headers, HttpRequest, HttpResponse
from imagemill.engine.limits import Limits
from imagemill.errors import ImagemillError, InvalidRequest, MethodNotAllowed, NotBuilt, NotFound, Quota, shown
from imagemill.gateway.asgi import AsgiApp, Receive, Scope, Send
from imagemill.gateway.clients import Clients
from imagemill.gateway.control_plane import ControlPlane
from imagemill.gateway.health import Health
from imagemill.gateway.lingering import Lingering
from imagemill.gateway.loops import HEADER, check_loop
from imagemill.gateway.pages import Pages
from imagemill.gateway.problems import internal_error, problem_response, rate_limit_fields
from imagemill.gateway.records import Records
from imagemill.gateway.request_ids import RequestIds
from imagemill.gateway.sending import WHOLE, send_body
from imagemill.observability.access_log import Log
from imagemill.observability.logging import events
from imagemill.observability.metrics import Metrics, render
from imagemill.observability.snapshot import Totals
from imagemill.throttling.gate import Gate
from imagemill.throttling.routes import Route, route_of

SERVER = (b"server", b"imagemill")
CLOSE = (b"connection", b"close")
CONTROL = (b"/v1", b"/openapi.json", b"/docs")
HTTP_1_0 = ("1.0", "1")
"""How ASGI, and Granian, call the version that knows no Host; from 1.1 on one is demanded (RFC 9112 section 3.2)."""
WATCH_AFTER = 0.25
"""Seconds after which we look whether the client is still there; most answers take less and are spared the watching."""
LATER = {b"/srcset/": "T12"}
"""Addresses that a later capability answers; until then they say so."""


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        *,
        delivery: Delivery,
        info: Info,
        memo: Memo,
        control: Callable[[], AsgiApp],
        health: Health,
        pages: Pages,
        clients: Clients,
        metrics: Metrics,
        log: Log,
        limits: Limits,
        is_remote: Callable[[str], bool] | None = None,
        gate: Gate | None = None,
        write_seconds: float = 20.0,
        totals: Totals | None = None,
        not_found_max_age: int = 0,
    ) -> None:
        """`control` returns the control application and is first called when it is needed; `gate` None: no rates.

        `totals` returns what all processes of this node have counted; None where this is the only one. `is_remote(key)`
        says whether a web server would be asked for it; None where there is no such source. A 404 may be kept for
        `not_found_max_age` seconds.
        """
        self._delivery = delivery
        self._info = info
        self._authorisation = Authorisation(delivery, info)
        self._memo = memo
        self._health = health
        self._pages = pages
        self._clients = clients
        self._metrics = metrics
        self._records = Records(metrics, log)
        self._control = ControlPlane(control, metrics, self._records)
        self._limits = limits
        self._is_remote = is_remote
        self._gate = gate
        self._totals = totals
        self._last_headers: Headers = [SERVER]
        self._write_seconds = write_seconds
        self._not_found_max_age = not_found_max_age
        self._hits_gate = gate if gate is not None and gate.judges(Route.DELIVERY) else None
        self._ids = RequestIds()
        self.under_way = 0

    def drain(self) -> None:
        """Say "not ready" from now on, and send clients elsewhere with each answer; what is under way is finished."""
        self._health.draining = True
        self.hand_over()

    def hand_over(self) -> None:
        """Send clients elsewhere: another process of this node serves on.

        Whoever keeps a connection open learns with its next answer that this was the last one on it (RFC 9112 section
        9.6), and opens another, which somebody else accepts: so no request is lost to a connection that closes.
        """
        self._last_headers = [SERVER, CLOSE]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        came = time.perf_counter()
        headers: dict[bytes, bytes] = {}
        hosts = 0
        for name, value in scope["headers"]:
            if name in headers:
                hosts += name == b"host"
                # Cookies that HTTP/2 has split are joined as RFC 9113 section 8.2.3 says.
                headers[name] = headers[name] + (b"; " if name == b"cookie" else b", ") + value
            else:
                headers[name] = value
        path: bytes = scope["raw_path"]
        plain = not hosts and headers.get(b"host") and b"transfer-encoding" not in headers
        paid = False
        if plain and path.startswith(b"/img/") and scope["method"] == "GET":
            if self._hits_gate is not None:
                paid = self._hits_gate.prepaid(self._clients.address(scope, headers))
            known = (
                None
                if self._hits_gate is not None and not paid
                else self._memo.recall(path, scope["query_string"], headers)
            )
            if known is not None:
                shortcut, kept = known
                await self._send_hot(scope, send, headers, shortcut, kept.data, came)
                return
        if b"content-length" in headers or b"transfer-encoding" in headers:
            patient = Lingering(headers, receive, send)
            receive, send = patient.receive, patient.send
        self.under_way += 1
        try:
            await self._route(scope, receive, send, headers, came, two_hosts=hosts > 0, paid=paid)
        finally:
            self.under_way -= 1

    async def _send_hot(
        self,
        scope: Scope,
        send: Send,
        asked: dict[bytes, bytes],
        shortcut: Shortcut,
        data: bytes,
        came: float,
    ) -> None:
        request_id = self._ids.of(asked)
        took = time.perf_counter() - came
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    *shortcut.headers,
                    (b"x-request-id", request_id.encode()),
                    (b"server-timing", b"total;dur=%.3f" % (took * 1000)),
                    *self._last_headers,
                ],
            }
        )
        if len(data) <= WHOLE:
            await send({"type": "http.response.body", "body": data})
        elif not await self._send_long(send, data):
            return
        self._records.hit(shortcut, len(data), took, self._clients.address(scope, asked), request_id)

    async def _route(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[bytes, bytes],
        came: float,
        *,
        two_hosts: bool,
        paid: bool,
    ) -> None:
        path: bytes = scope["raw_path"]
        request = HttpRequest(
            method=scope["method"],
            path=path,
            query=scope["query_string"],
            headers=headers,
            client=self._clients.address(scope, headers),
            request_id=self._ids.of(headers),
        )
        try:
            self._check(scope, request, two_hosts=two_hosts)
            quotas = () if self._gate is None or paid else await self._admit(self._gate, request)
            if path.startswith(CONTROL):
                await self._control.answer(
                    scope, receive, send, request, came, lambda: [*rate_limit_fields(quotas), *self._last_headers]
                )
                return
            response = await self._unless_gone(self._answer(request, scope), receive, request)
        except ImagemillError as error:
            response = self._problem(error, request)
        except Exception as error:  # noqa: BLE001 - the last resort: a stranger sees no trace, the operator does
            events().error("request.failed", request_id=request.request_id, exc_info=error)
            response = self._problem(internal_error(), request)
        if response is not None:
            await self._send(send, request, response, came)

    def _check(self, scope: Scope, request: HttpRequest, *, two_hosts: bool) -> None:
        """Refuse what no surface should meet (threats 2.7, H1)."""
        if two_hosts:
            raise InvalidRequest("The request has more than one Host header.", code="bad_host")
        if not request.headers.get(b"host") and scope["http_version"] not in HTTP_1_0:
            raise InvalidRequest("The request has no Host header.", code="bad_host")
        length = len(request.path) + len(request.query)
        if length > self._limits.url_bytes:
            raise InvalidRequest(
                f"The URL has {length} bytes; at most {self._limits.url_bytes} are allowed.", code="url_too_long"
            )
        if self._is_remote is not None and HEADER in request.headers:
            check_loop(request.path, request.query, request.headers, self._is_remote)
        carries_body = request.method in ("PUT", "POST", "PATCH") and request.path.startswith(b"/v1/")
        if b"transfer-encoding" in request.headers and not carries_body:
            raise InvalidRequest("A body was not expected here.", code="unexpected_body")

    async def _admit(self, gate: Gate, request: HttpRequest) -> tuple[Quota, ...]:
        """Take from the buckets of the request's route before anything of it is parsed; raise TooMany (threat O1)."""
        return await gate.admit(route_of(request.method, request.path), request.client)

    async def _answer(self, request: HttpRequest, scope: Scope) -> HttpResponse:
        path = request.path
        if path.startswith(b"/img/"):
            self._allow(request, "GET", "HEAD", "OPTIONS")
            return await self._delivery(request)
        if path.startswith(b"/info/"):
            self._allow(request, "GET", "HEAD", "OPTIONS")
            return await self._info(request)
        self._allow(request, "GET", "HEAD")
        if path in (b"/healthz/live", b"/health"):
            return self._health.live()
        if path == b"/healthz/ready":
            return await self._health.ready()
        if path == b"/metrics":
            self._clients.check_metrics(scope, request.headers)
            return HttpResponse(
                200,
                [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), (b"cache-control", b"no-store")],
                self._metrics.render() if self._totals is None else render(await self._totals()),
            )
        if path == authorisation.PATH and self._clients.is_in_front(scope):
            return await self._authorisation(request)
        later = next((row for prefix, row in LATER.items() if path.startswith(prefix)), None)
        if later is not None:
            raise NotBuilt(f"This address is part of the contract, but not built yet (capability {later}).", row=later)
        page = await self._pages.page(
            request,
            local=self._clients.is_local(scope, request.headers),
            near=self._clients.is_near(scope, request.headers),
        )
        if page is None:
            raise NotFound("There is nothing at this address.")
        return page

    def _allow(self, request: HttpRequest, *methods: str) -> None:
        if request.method not in methods:
            raise MethodNotAllowed(
                f"The method {shown(request.method)} is not for this address; {', '.join(methods)} are.", allow=methods
            )

    async def _unless_gone(
        self, answer: Awaitable[HttpResponse], receive: Receive, request: HttpRequest
    ) -> HttpResponse | None:
        """Await `answer`, but give up when the client leaves: nobody would read it (threat O4)."""
        work = asyncio.ensure_future(answer)
        try:
            done, _ = await asyncio.wait({work}, timeout=WATCH_AFTER)
            if not done:
                gone = asyncio.ensure_future(_left(receive))
                try:
                    await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    gone.cancel()
            if work.done():
                return work.result()
            self._records.left()
            return None
        finally:
            work.cancel()  # also where this request itself is given up: a function's time has ended

    def _problem(self, error: ImagemillError, request: HttpRequest) -> HttpResponse:
        self._metrics.count("imagemill_errors", error.code)
        return HttpResponse(*problem_response(error, request.request_id, not_found_max_age=self._not_found_max_age))

    async def _send(self, send: Send, request: HttpRequest, response: HttpResponse, came: float) -> None:
        took = time.perf_counter() - came
        names = {name for name, _ in response.headers}
        headers = [
            *response.headers,
            (b"x-request-id", request.request_id.encode()),
            (b"server-timing", b"total;dur=%.3f" % (took * 1000)),
            *self._last_headers,
        ]
        if b"content-length" not in names and response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(response.body)))
        body = b"" if request.method == "HEAD" else response.body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if not await self._send_long(send, body):
            return
        surface = "delivery" if request.path.startswith((b"/img/", b"/info/")) else "other"
        self._records.answer(request, surface, response.status, len(body), took, _cache_word(response))

    async def _send_long(self, send: Send, body: bytes) -> bool:
        """Send a body of any length; count a client that does not take it as one that has left."""
        self.under_way += 1
        try:
            if await send_body(send, body, self._write_seconds):
                return True
        finally:
            self.under_way -= 1
        self._records.stalled()
        return False


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cache_word(response: HttpResponse) -> str:
    for name, value in response.headers:
        if name == b"cache-status":
            text = value.decode("ascii")
            return "collapsed" if text.endswith("collapsed") else text.rsplit("=", 1)[-1]
    return "none"
