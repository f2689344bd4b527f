"""The API's function with one request, to be killed while it carries that out: `<queue> <method> <key>`, body on stdin.

A process of its own, because what is tested is that nothing of it is left. Its word to the queue is seen at once.
"""

from __future__ import annotations

import os
import sys

from tests.control.control_kit import OWN_KEY
from tests.functions.http_events import Context, gateway_1

from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.functions import control
from imagemill.functions.backlog import QueueBacklog
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.warm import Warm
from imagemill.settings import Settings


def main(queue: str, method: str, key: str) -> None:
    """Carry out one change."""

    async def start() -> FunctionPlatform:
        backlog = QueueBacklog(queue, os.environ, later=0)
        return await build(Settings.load(environ=os.environ), asks_cdn=True, backlog=backlog)

    headers = {"x-api-key": OWN_KEY, "content-type": "application/json"}
    body = sys.stdin.buffer.read()
    HttpFunction(Warm(start), control.admitted)(
        gateway_1(f"/v1/originals/{key}", method, headers, body=body), Context(60.0)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
