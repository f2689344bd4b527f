"""`/v1/explain?url=…`: what would happen to an image URL, step by step; delivery itself answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from imagemill.control.answers import answer
from imagemill.control.routing import says
from imagemill.control.services import Services

CREDENTIALS = frozenset({"authorization", "x-api-key", "cookie"})


def explain_router(services: Services) -> APIRouter:
    """Return the route of explanations."""
    router = APIRouter(tags=["explain"])

    @router.get("/v1/explain", summary="What would happen to a URL", responses=says(None, 200, "The explanation."))
    async def get(
        request: Request,
        url: Annotated[str, Query(min_length=1, max_length=8192, description="An image URL, or its path.")],
    ) -> Response:
        headers = {name: text for name, text in request.headers.items() if name not in CREDENTIALS}
        return answer(await services.explain(url, headers))

    router.add_api_route("/v1/explain", get, methods=["HEAD"], include_in_schema=False)
    return router
