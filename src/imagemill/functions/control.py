"""`/v1` behind API Gateway: the same control application as on one machine, with the admin key out of a secret.

What differs is how much comes through: Lambda takes events of 6 MB, a body in base64 among them, so longer pictures go
to the bucket themselves by a link of `POST /v1/uploads` (and `deploy.aws.gateway_responses` says so for bodies that do
not even reach this function). Resumable uploads need a folder that stays, which no function has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagemill.assembly.functions import FunctionPlatform, build, environment
from imagemill.errors import NotFound, TooLarge
from imagemill.functions.admin_secret import KEY_FILE, PLACE, admin_key_file
from imagemill.functions.backlog import QueueBacklog
from imagemill.functions.bridge import MOST_BODY
from imagemill.functions.http_event import HttpEvent
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.variables import ADMIN_SECRET_ARN
from imagemill.functions.warm import Warm
from imagemill.settings import Settings

ADDRESSES = (b"/v1/", b"/openapi.json", b"/docs")
"""What is answered here; pictures are another function's."""


async def start() -> FunctionPlatform:
    """Return the started platform of this function; raises SettingsError, or Overloaded while a service is away."""
    environ = environment()
    place = PLACE if environ.get(ADMIN_SECRET_ARN) and not environ.get(KEY_FILE) else ""
    key_file = await admin_key_file(environ)
    if key_file is not None:
        environ[KEY_FILE] = str(key_file)
    platform = await build(
        Settings.load(environ=environ),
        asks_cdn=True,
        most_body=MOST_BODY,
        key_place=place,
        backlog=QueueBacklog.of_environment(),
    )
    platform.control()  # its imports belong to the time in which Lambda initialises the process
    return platform


def admitted(request: HttpEvent) -> HttpEvent:
    """Return the same request; raises NotFound for what is not answered here, and TooLarge.

    A body longer than a function is given is refused before anything is made of it: what came is a part at best.
    """
    if not request.path.startswith(ADDRESSES):
        raise NotFound("There is no such resource in the control API; /docs lists them.")
    declared = request.header(b"content-length") or ""
    length = int(declared) if declared.isascii() and declared.isdigit() and len(declared) <= 18 else 0
    if max(length, len(request.body)) > MOST_BODY:
        raise TooLarge(
            f"The body has {max(length, len(request.body))} bytes, and at most {MOST_BODY} come through here; "
            "ask POST /v1/uploads for a link to the store itself."
        )
    return request


FUNCTION = HttpFunction(Warm(start), admitted)
FUNCTION.warm.begin()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; raises NotHttp for an event that is none."""
    return FUNCTION(event, context)
