"""`/v1/limits`: the one table of how big things may be, and how often one may ask (contract, "Limits")."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from imagemill.control.answers import answer
from imagemill.control.routing import says
from imagemill.control.services import Services


def limits_router(services: Services) -> APIRouter:
    """Return the route of the limits."""
    router = APIRouter(tags=["limits"])

    @router.get(
        "/v1/limits", summary="How big things may be, how often one may ask", responses=says(None, 200, "The table.")
    )
    async def get() -> Response:
        # How many nodes there are is nobody's business but the operator's.
        rates = {name: rate for name, rate in asdict(services.rates).items() if name != "nodes"}
        resumable = services.uploads.settings.max_bytes
        return answer({**asdict(services.limits), "resumable_upload_bytes": resumable, "throttle": rates})

    router.add_api_route("/v1/limits", get, methods=["HEAD"], include_in_schema=False)
    return router
