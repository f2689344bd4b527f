"""One request through the application, in the time that its invocation has left.

What Lambda cuts off is answered by nobody: its caller reads 502 and no word of ours. So an answer is given up shortly
before that, as a problem that says to ask again.
"""

from __future__ import annotations

import asyncio

from imagemill.assembly.functions import FunctionPlatform
from imagemill.errors import Overloaded
from imagemill.functions.bridge import Answer, call, problem
from imagemill.functions.http_event import HttpEvent
from imagemill.functions.warm import RESERVE, deadline_of, seconds_left


async def answer_in_time(platform: FunctionPlatform, *, request: HttpEvent, context: object) -> Answer:
    """Return what the platform's application answers to `request`; `context` is that of the invocation."""
    left = seconds_left(context)
    platform.engine.deadline = deadline_of(context)
    try:
        async with asyncio.timeout(None if left is None else max(RESERVE, left - RESERVE)):
            return await call(platform.app, request)
    except TimeoutError:
        sentence = "The time of this invocation ended before its answer was there; please ask again."
        return problem(Overloaded(sentence, code="no_time_left", retry_after=1), request)
