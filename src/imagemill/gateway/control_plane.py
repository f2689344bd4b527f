"""The control application as the front door passes requests on to it, with what every answer of ours carries.

Separate from `app`, which answers by itself: here bodies are streamed both ways, and nothing of them is held.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from imagemill.delivery.values import Headers, HttpRequest
from imagemill.gateway.asgi import CLIENT, REQUEST_ID, AsgiApp, Message, Receive, Scope, Send
from imagemill.gateway.records import Records
from imagemill.observability.metrics import Metrics

_OURS = (b"x-request-id", b"server")


class ControlPlane:
    """The application, imported when it is first asked for."""

    def __init__(self, app: Callable[[], AsgiApp], metrics: Metrics, records: Records) -> None:
        """`app` returns the application; it is called with each request."""
        self._app = app
        self._metrics = metrics
        self._records = records

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, request: HttpRequest, came: float, more: Callable[[], Headers]
    ) -> None:
        """Have `request` answered, which came at `came` by the performance counter.

        `more` returns what else the answer has in its header, as of when it begins: a long upload may have begun before
        the server was told to stop, and its connection ends with its answer all the same.
        """
        status, size = 0, 0

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                theirs = ((name, value) for name, value in message.get("headers", ()) if name not in _OURS)
                id_ = (b"x-request-id", request.request_id.encode())
                message = {**message, "headers": [*theirs, id_, *more()]}
            else:
                size += len(message.get("body", b""))
            await send(message)

        async def counted() -> Message:
            message = await receive()
            self._metrics.count("imagemill_upload_bytes", by=len(message.get("body", b"")))
            return message

        # The id goes with the request, so that an error's body and the log name the same one.
        scope[REQUEST_ID] = request.request_id
        scope[CLIENT] = request.client
        await self._app()(scope, counted, watched)
        self._records.answer(request, "control", status, size, time.perf_counter() - came, "none")
