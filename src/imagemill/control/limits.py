"""`/v1/limits`: the one table of how big things may be (contract, "Limits")."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Response

from imagemill.control.answers import answer
from imagemill.control.routing import says
from imagemill.control.services import Services


def limits_router(services: Services) -> APIRouter:
    """Return the route of the limits."""
    router = APIRouter(tags=["limits"])

    @router.get("/v1/limits", summary="How big things may be", responses=says(None, 200, "The table."))
    async def get() -> Response:
        return answer(asdict(services.limits))

    router.add_api_route("/v1/limits", get, methods=["HEAD"], include_in_schema=False)
    return router
