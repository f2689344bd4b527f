"""What the control function leaves to the queue of events: purges that the CDN did not take, changes it may die in.

A function stands still after its answer, may never run again, and may be ended in the middle; a message waits. It comes
again five times, and then lies among the dead letters, where an alarm tells of it. Messages are our own, and nobody
else may write there:

    {"purge": [["default/photos/cat.jpg", ["0123456789abcdef"]]]}    tags, and the purges that wait for each
    {"changing": ["photos/cat.jpg"]}                                 sent before the change, seen when it must be over
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from imagemill.aws_calls.queues import send_message
from imagemill.aws_calls.service import AwsService
from imagemill.errors import InvalidRequest
from imagemill.functions.variables import EVENTS_URL
from imagemill.object_store.naming import check_existing_key

MOST = 200
"""Tags in one message: with a few numbers each, well below the 256 KiB that every queue takes."""
LATER = 45
"""Seconds after which a change is over, done or not: longer than the function may run (`deploy.aws.functions`)."""
Asked = list[tuple[str, tuple[str, ...]]]


class QueueBacklog:
    """Leaves it to a queue of SQS; see `cdn.port.Backlog`. Belongs to one event loop."""

    def __init__(self, queue_url: str, environ: Mapping[str, str], later: int = LATER) -> None:
        """Nothing is asked yet. A change counts as over after `later` seconds; tests shorten them."""
        self._url = queue_url
        self._later = later
        self._environ = environ
        self._service: AwsService | None = None

    @classmethod
    def of_environment(cls) -> QueueBacklog | None:
        """Return the queue that this function's environment names, None where it names none."""
        url = os.environ.get(EVENTS_URL, "")
        return cls(url, os.environ) if url else None

    async def purges(self, asked: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Have tags purged; raises AwsCallError."""
        every = [[tag, sorted(numbers)] for tag, numbers in asked]
        for start in range(0, len(every), MOST):
            await self._send(json.dumps({"purge": every[start : start + MOST]}))

    async def changing(self, key: str) -> None:
        """Have an original looked at when its change is over; raises AwsCallError."""
        await self._send(json.dumps({"changing": [key]}), delay=self._later)

    async def _send(self, body: str, delay: int = 0) -> None:
        if self._service is None:
            self._service = AwsService("sqs", environ=self._environ)
        await send_message(self._url, body, self._service, delay=delay)

    async def close(self) -> None:
        """Close the connections."""
        if self._service is not None:
            await self._service.close()


def purges_of(message: Any) -> Asked | None:
    """Return the tags and the numbers of purges that a message asks for; None for any other message.

    Raises InvalidRequest where it begins like one of ours and is none.
    """
    if not isinstance(message, dict) or set(message) != {"purge"}:
        return None
    try:
        return [(_text(tag), tuple(map(_text, _list(numbers)))) for tag, numbers in map(_list, _list(message["purge"]))]
    except (TypeError, ValueError):
        raise InvalidRequest("A message of purges holds pairs of a tag and numbers.", code="unknown_event") from None


def changing_of(message: Any) -> list[str] | None:
    """Return the keys whose change a message announced; None for any other message.

    Raises InvalidRequest where it begins like one of ours and is none.
    """
    if not isinstance(message, dict) or set(message) != {"changing"}:
        return None
    try:
        return [check_existing_key(_text(key)) for key in _list(message["changing"])]
    except TypeError:
        raise InvalidRequest("A message of changes holds keys.", code="unknown_event") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(value)
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value
