"""The maker: `/img/…` and `/info/…` for CloudFront, asked where the bucket of variants has no answer.

The same application as on one machine (`gateway.app`); what differs is told in `assembly.functions`. What it kept is
answered by the bucket the next time, so each variant is made here about once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from imagemill.assembly.functions import RUNTIME, SITE, FunctionPlatform, build
from imagemill.errors import ImagemillError, NotFound
from imagemill.functions.bridge import MOST_BODY, Answer, problem, result_of
from imagemill.functions.http_event import HttpEvent, read_event
from imagemill.functions.in_time import answer_in_time
from imagemill.functions.variables import EDGE_SECRET
from imagemill.functions.viewer import as_asked
from imagemill.functions.warm import Warm

ADDRESSES = (b"/img/", b"/info/", b"/healthz/", b"/health")
"""What is answered here: the rest of the platform is another function's, or no function's."""


async def start() -> FunctionPlatform:
    """Return the started platform of this function; raises SettingsError, or Overloaded while a store is away."""
    return await build(edge_secret=os.environ.get(EDGE_SECRET, ""), most_body=MOST_BODY)


WARM = Warm(start)
if RUNTIME in os.environ:
    WARM.initialise()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; raises NotHttp for an event that is none."""
    request = read_event(event)
    return result_of(respond(WARM, request, context), request.shape)


def respond(warm: Warm, request: HttpEvent, context: object) -> Answer:
    """Return the answer to `request`, in the time that `context` says is left."""
    try:
        request = as_asked(request, site=SITE)
        if not request.path.startswith(ADDRESSES):
            raise NotFound("There is nothing at this address.")
        return warm.run(partial(answer_in_time, request=request, context=context))
    except ImagemillError as error:  # no application was asked, or none could be made: a store is away
        return problem(error, request)
