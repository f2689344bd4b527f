"""A function that answers HTTP: each request that it admits, through the application, in the time that is left.

What Lambda cuts off is answered by nobody: its caller reads 502 and no word of ours. So an answer is given up shortly
before that, as a problem that says to ask again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from imagemill.assembly.functions import FunctionPlatform
from imagemill.errors import ImagemillError, NotFound, Overloaded
from imagemill.functions.bridge import Answer, call, problem, result_of
from imagemill.functions.http_event import HttpEvent, read_event
from imagemill.functions.warm import RESERVE, Warm, deadline_of, seconds_left


class HttpFunction:
    """A warm platform, and what of the requests for it the application is asked."""

    def __init__(self, warm: Warm, admitted: Callable[[HttpEvent], HttpEvent]) -> None:
        """`admitted` returns what the application is asked for a request; its ImagemillError is an answer as well."""
        self.warm = warm
        self._admitted = admitted

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Answer one request, in the time that `context` says is left; raises NotHttp for an event that is none."""
        request = read_event(event)
        return result_of(self._respond(request, context), request.shape)

    def _respond(self, request: HttpEvent, context: object) -> Answer:
        try:
            admitted = self._admitted(request)
        except NotFound as error:
            return self._not_found(error, request)
        except ImagemillError as error:
            return problem(error, request)
        try:
            return self.warm.run(partial(_answer_in_time, request=admitted, context=context))
        except ImagemillError as error:  # no application could be made: a store is away
            return problem(error, request)

    def _not_found(self, error: NotFound, request: HttpEvent) -> Answer:
        """Return a 404 that lives as long as the application's; where none can be made, nobody may keep it."""
        try:
            seconds = self.warm.ready().settings.delivery.not_found_max_age
        except ImagemillError:
            seconds = 0
        return problem(error, request, not_found_max_age=seconds)


async def _answer_in_time(platform: FunctionPlatform, *, request: HttpEvent, context: object) -> Answer:
    """Return what the platform's application answers to `request`; `context` is that of the invocation."""
    left = seconds_left(context)
    platform.engine.deadline = deadline_of(context)
    try:
        async with asyncio.timeout(None if left is None else max(RESERVE, left - RESERVE)):
            return await call(platform.app, request)
    except TimeoutError:
        sentence = "The time of this invocation ended before its answer was there; please ask again."
        return problem(Overloaded(sentence, code="no_time_left", retry_after=1), request)
