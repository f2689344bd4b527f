"""An answer that is longer than one message of this home may be: the client is sent to where the variant is kept.

A function in the cloud answers with at most 6 MB of JSON. So a longer picture is kept first, and its address is told
(302, RFC 9110 section 15.4.3, which no cache may keep): the one that names its version where a CDN takes that straight
from the bucket, else a link that the bucket signs. What could not be kept has no address: that is an error, and never a
way back to us, so no client is sent in circles.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from imagemill.delivery.plan import PRIVATE, SECURITY
from imagemill.delivery.values import Headers, HttpRequest, HttpResponse, Plan, Variant
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.values import ImageRequest
from imagemill.errors import Overloaded
from imagemill.recipe.model import Recipe
from imagemill.variants.port import VariantName

LINK_SECONDS = 300
"""For how long a link counts: a browser follows it at once, and S3 looks at the time only when a download begins."""
RETRY_AFTER = 30.0
_TOLD = ("cache-control", "content-disposition", "content-type")
"""What our answer would have said and a bucket can say in its place."""


class Link(Protocol):
    """Signs a link to a kept variant."""

    def __call__(self, name: VariantName, *, expires_in: int, answer: Mapping[str, str]) -> Awaitable[str]:
        """Return a URL that the store itself answers for `expires_in` seconds, with the headers `answer`."""
        ...


class Outsize:
    """Turns answers of more than `most` bytes into redirects."""

    def __init__(
        self,
        most: int,
        link: Link | None,
        *,
        mount: str = "",
        is_static: Callable[[Recipe, str], bool] = lambda *_: False,
    ) -> None:
        """`link` signs, None where variants are in no bucket; `mount` is the path below which people see us.

        `is_static(recipe, key)` says whether a CDN itself takes the picture from the bucket, when it is asked by the
        canonical address of the recipe with the original's version.
        """
        self._most = most
        self._link = link
        self._mount = mount
        self._is_static = is_static

    async def fitted(
        self, request: HttpRequest, image: ImageRequest, plan: Plan, variant: Variant, response: HttpResponse
    ) -> HttpResponse:
        """Return `response`, or the redirect in its place; raise Overloaded where the variant is nowhere to be had."""
        size = len(response.body)
        if size <= self._most:
            return response
        if not variant.stored or self._link is None:
            raise Overloaded(
                f"This answer has {size} bytes, more than the {self._most} that can be sent at once from here, and the "
                "picture could not be kept where longer ones are fetched from.",
                code="too_long_to_send",
                retry_after=RETRY_AFTER,
            )
        location = self._static_address(request, image, plan) or await self._signed_link(plan, response, self._link)
        headers: Headers = [
            (b"location", location.encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"cache-status", variant.status),
            *(SECURITY if plan.grant is None else PRIVATE),
        ]
        if variant.timing:
            headers.append((b"server-timing", variant.timing))
        return HttpResponse(302, headers)

    def _static_address(self, request: HttpRequest, image: ImageRequest, plan: Plan) -> str | None:
        """Return the address that a CDN answers by itself; None where there is none, or it is the one that was asked.

        Who asked it and came to us would come again: the CDN does not find there what we have kept.
        """
        asked = image.asked
        open_to_all = plan.grant is None and not plan.original.private
        if not open_to_all or asked.preset is not None or asked.download is not None or plan.layers:
            return None
        if not self._is_static(asked.recipe, image.key):
            return None
        address = path_for(asked.recipe, image.key, plan.original.version)
        path, _, query = address.partition("?")
        if path == request.path.decode("latin-1") and image.v == plan.original.version:
            return None
        return f"{self._mount}{path}?{query}"

    async def _signed_link(self, plan: Plan, response: HttpResponse, link: Link) -> str:
        said = {name.decode("ascii"): value.decode("latin-1") for name, value in response.headers}
        answer = {name: said[name] for name in _TOLD if name in said}
        seconds = LINK_SECONDS
        if plan.grant is not None and plan.grant.until is not None:
            seconds = max(1, min(seconds, int(plan.grant.until - time.time())))
        return await link(plan.name, expires_in=seconds, answer=answer)
