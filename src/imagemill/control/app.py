"""The control API: every resource and every layer in front of them, listed.

    boundary          every error becomes a problem document
    token addresses   what a one-time token opens goes past the next three (cross_origin)
    authenticated     nothing is looked at before the key (auth)
    idempotent        the same POST again gets the same answer (idempotency)
    built             what the contract has and this version has not: 501 (unbuilt)
    FastAPI           the resources, one file each

FastAPI is imported only in this package, and this package only once the port is open (architecture, "Chosen parts").
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from imagemill.control.addresses import Addresses
from imagemill.control.answers import answer, problem
from imagemill.control.asgi import raw_path, request_id
from imagemill.control.auth import AdminKey, Authenticated
from imagemill.control.browser_uploads import browser_uploads_router
from imagemill.control.content import content_router
from imagemill.control.cross_origin import TokenAddresses
from imagemill.control.docs_page import HEADERS, PAGE
from imagemill.control.explain import explain_router
from imagemill.control.forms import forms_router
from imagemill.control.idempotency import Idempotent
from imagemill.control.info import info_router
from imagemill.control.limits import limits_router
from imagemill.control.listing import listing_router
from imagemill.control.openapi import document
from imagemill.control.originals import originals_router
from imagemill.control.presets import presets_router
from imagemill.control.purges import purges_router
from imagemill.control.services import Explainer, Services
from imagemill.control.signing_keys import signing_keys_router
from imagemill.control.store_events import store_events_router
from imagemill.control.unbuilt import check_built
from imagemill.control.uploads import uploads_router
from imagemill.control.variants import variants_router
from imagemill.delivery.access import Access
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.purging import Purging
from imagemill.delivery.signed_link import Links
from imagemill.engine.limits import Limits
from imagemill.errors import Fault, ImagemillError, InvalidRequest, MethodNotAllowed, NotFound, shown
from imagemill.gateway.asgi import AsgiApp, Message, Receive, Scope, Send
from imagemill.gateway.problems import internal_error
from imagemill.originals.library import Originals
from imagemill.originals.notifications import Place
from imagemill.throttling.gate import Attempts
from imagemill.throttling.settings import ThrottleSettings
from imagemill.uploads.intake import Intake
from imagemill.uploads.settings import UploadsSettings
from imagemill.variants.port import VariantStore

log = logging.getLogger(__name__)


def create_control(
    *,
    originals: Originals,
    variants: VariantStore,
    limits: Limits,
    public_url: str,
    access: Access,
    admin_key: AdminKey,
    explain: Explainer,
    purging: Purging,
    presets: PresetBook,
    inspector: Inspector,
    uploads: Intake,
    links: Links,
    body_seconds: float = 20.0,
    attempts: Attempts | None = None,
    rates: ThrottleSettings | None = None,
    places: Sequence[Place] = (),
    api_url: str | None = None,
    most_body: int | None = None,
) -> AsgiApp:
    """Return the application that answers `/v1/…`, `/openapi.json` and `/docs`.

    `public_url` builds links, empty makes them relative, and `access` says which ones work; `body_seconds` is how long
    an upload may pause. `attempts` counts wrong keys, and `rates` are shown at /v1/limits.
    `places` are the buckets whose events count. `api_url` is where this application is, by default at `public_url`.
    `most_body` bounds the bytes of one answer: a longer original is fetched from its store.
    """
    services = Services(
        originals=originals,
        variants=variants,
        limits=limits,
        addresses=Addresses(
            public_url=public_url,
            api_url=public_url if api_url is None else api_url,
            access=access,
            presets=presets,
        ),
        pause=body_seconds,
        rates=rates or ThrottleSettings(),
        explain=explain,
        purging=purging,
        presets=presets,
        inspector=inspector,
        uploads=uploads,
        links=links,
        places=places,
        attempts=attempts,
        most_body=most_body,
    )
    api = _resources(services)
    return _front(api, uploads.settings, Authenticated(Idempotent(Built(api)), admin_key, attempts))


def _front(api: AsgiApp, settings: UploadsSettings, guarded: AsgiApp) -> AsgiApp:
    """Return `guarded`, and `api` without a key for what a token opens."""
    return Boundary(TokenAddresses(api, guarded, origins=settings.origins, max_bytes=settings.max_bytes))


def _resources(services: Services) -> FastAPI:
    api = FastAPI(
        title="Imagemill",
        version=version("imagemill"),
        summary="Originals, their variants, and what may be done with them.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a key may end in anything, and a redirect would be built from Host
    )
    routers = (
        originals_router(services),
        listing_router(services),
        forms_router(services),
        content_router(services),
        variants_router(services),
        purges_router(services),
        store_events_router(services),
        presets_router(services),
        signing_keys_router(services),
        info_router(services),
        limits_router(services),
        explain_router(services),
        uploads_router(services),
        browser_uploads_router(services),
    )
    for router in routers:
        api.include_router(router)
    _describe_itself(api)
    api.add_exception_handler(ImagemillError, _known)
    api.add_exception_handler(RequestValidationError, _invalid)
    routes = [*api.routes, *(route for router in routers for route in router.routes)]
    api.add_exception_handler(HTTPException, _Unrouted(routes))
    api.add_exception_handler(ClientDisconnect, _gone)
    api.add_exception_handler(Exception, _unforeseen)
    return api


def _describe_itself(api: FastAPI) -> None:
    described: list[bytes] = []

    async def openapi(request: Request) -> Response:
        if not described:  # made when first asked for: it costs more than all the routes
            described.append(msgspec.json.encode(document(api)))
        return answer(msgspec.Raw(described[0]))

    async def docs(request: Request) -> Response:
        return HTMLResponse(PAGE, headers=HEADERS)

    api.add_route("/openapi.json", openapi, methods=["GET"], include_in_schema=False)
    api.add_route("/docs", docs, methods=["GET"], include_in_schema=False)


class Boundary:
    """The outermost layer: whatever is raised below becomes a problem document, unless an answer has begun."""

    def __init__(self, inner: AsgiApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of scope (lifespan, WebSocket) are not ours."""
        if scope["type"] != "http":
            return
        begun = False
        silent = scope["method"] == "HEAD"

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send({**message, "body": b""} if silent and message["type"] == "http.response.body" else message)

        try:
            await self._inner(scope, receive, watched)
        except Exception as error:
            if not isinstance(error, ImagemillError):
                log.error("A control request failed (request %s)", request_id(scope), exc_info=error)
                error = internal_error()
            if not begun:
                await problem(error, scope)(scope, receive, send)


class Built:
    """Answers 501 for what the contract has and this version has not."""

    def __init__(self, inner: AsgiApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is built."""
        check_built(raw_path(scope))
        await self._inner(scope, receive, send)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, ImagemillError)
    return problem(error, request.scope)


async def _gone(request: Request, error: Exception) -> Response:
    """Nobody reads this; the log of the gateway shows the status."""
    return problem(InvalidRequest("The client left before its body was complete.", code="client_gone"), request.scope)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Starlette raises `error` again after this answer, and the boundary logs it."""
    return problem(internal_error(), request.scope)


async def _invalid(request: Request, error: Exception) -> Response:
    """Translate FastAPI's complaints about parameters."""
    assert isinstance(error, RequestValidationError)
    faults = tuple(_fault(one) for one in error.errors())
    sentence = "; ".join(str(fault) for fault in faults)
    return problem(
        InvalidRequest(f"The request has wrong parameters: {sentence}.", code="invalid_parameters", faults=faults),
        request.scope,
    )


def _fault(one: dict[str, Any]) -> Fault:
    """Return one complaint in our words: theirs are whole sentences ("Input should be a valid integer, …")."""
    name = str(one["loc"][-1])
    if one["type"] == "missing":
        return Fault(name, "a value", "nothing")
    expected = str(one["msg"]).removeprefix("Input should be ").split(",", 1)[0]
    return Fault(name, expected, shown(str(one.get("input", ""))))


class _Unrouted:
    """Translates the router's 404 and 405; Allow lists the methods of every route of the path, not only the first's."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Answer with the problem that `error` stands for."""
        assert isinstance(error, HTTPException)
        allow = self._methods(request.scope["path"])
        known: ImagemillError
        if error.status_code == 405 and allow:
            sentence = f"The method {shown(request.method)} is not for this address, which takes {', '.join(allow)}."
            known = MethodNotAllowed(sentence, allow=allow)
        elif error.status_code in (404, 405):
            known = NotFound("There is no such resource in the control API; /docs lists them.")
        else:
            known = InvalidRequest("The request cannot be understood.", code="bad_request")
        return problem(known, request.scope)

    def _methods(self, path: str) -> tuple[str, ...]:
        matching = (route for route in self._routes if route.path_regex.match(path))
        return tuple(sorted({method for route in matching for method in route.methods or ()}))
