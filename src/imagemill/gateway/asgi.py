"""The few ASGI types there are here; ASGI is a convention of dictionaries (asgiref 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID = "imagemill.request_id"
"""Where a scope has the id of its request, once the front door has given it one."""
CLIENT = "imagemill.client"
"""Where a scope has the address that counts as the client's (`gateway.clients`)."""
