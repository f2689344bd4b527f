"""The maker: `/img/…` and `/info/…` for CloudFront, asked where the bucket of variants has no answer.

The same application as on one machine (`gateway.app`); what differs is told in `assembly.functions`. What it kept is
answered by the bucket the next time, so each variant is made here about once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from imagemill.assembly.functions import SITE, FunctionPlatform, build
from imagemill.errors import NotFound
from imagemill.functions.bridge import MOST_BODY
from imagemill.functions.http_event import HttpEvent
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.variables import EDGE_SECRET
from imagemill.functions.viewer import as_asked
from imagemill.functions.warm import Warm

ADDRESSES = (b"/img/", b"/info/", b"/healthz/", b"/health")
"""What is answered here: the rest of the platform is another function's, or no function's."""


async def start() -> FunctionPlatform:
    """Return the started platform of this function; raises SettingsError, or Overloaded while a store is away."""
    return await build(edge_secret=os.environ.get(EDGE_SECRET, ""), most_body=MOST_BODY)


def admitted(request: HttpEvent) -> HttpEvent:
    """Return what the viewer asked of CloudFront; raises NotFound for what is not answered here."""
    request = as_asked(request, site=SITE)
    if not request.path.startswith(ADDRESSES):
        raise NotFound("There is nothing at this address.")
    return request


FUNCTION = HttpFunction(Warm(start), admitted)
FUNCTION.warm.begin()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; raises NotHttp for an event that is none."""
    return FUNCTION(event, context)
