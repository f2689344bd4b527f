"""Where events go that nobody can carry out, each with the reason: the dead-letter queue, written to on purpose.

Separate from the queue's own redrive, which moves a message there only after it has failed again and again, and without
a word of why: that is left for a function that died. A message that cannot be read will not be read by trying again, so
it goes at once (issue 5, "Bad input"), and what fails the last time goes then; it counts as done only when the queue
has it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Protocol

from imagemill.aws_calls.queues import send_message
from imagemill.aws_calls.service import AwsService
from imagemill.errors import ImagemillError, Overloaded
from imagemill.functions.variables import DEAD_LETTERS_URL
from imagemill.observability.logging import events

TRIES = 5
"""How often a message is tried before it is a dead letter; the queue's redrive policy says the same (`deploy.aws`)."""


class DeadLetters(Protocol):
    """Takes what will never be carried out."""

    async def put(self, body: str, error: ImagemillError) -> None:
        """Keep `body` with the sentence and the code of `error`; raises where it cannot be kept."""
        ...


class QueueDeadLetters:
    """Puts them into a queue of SQS, as message attributes `reason` and `code`. Belongs to one event loop."""

    def __init__(self, queue_url: str, environ: Mapping[str, str]) -> None:
        """Nothing is asked yet. Without `queue_url` nothing is taken, and the redrive has to do."""
        self._url = queue_url
        self._environ = environ
        self._service: AwsService | None = None

    @classmethod
    def of_environment(cls) -> QueueDeadLetters:
        """Return the queue that this function's environment names."""
        return cls(os.environ.get(DEAD_LETTERS_URL, ""), os.environ)

    async def put(self, body: str, error: ImagemillError) -> None:
        """Send `body`; raises AwsCallError, and Overloaded where no queue is named."""
        events().error("event.dead", code=error.code, detail=error.sentence)
        if not self._url:
            raise Overloaded(
                f"{DEAD_LETTERS_URL} names no queue for what cannot be carried out.", code="no_dead_letters"
            )
        if self._service is None:
            self._service = AwsService("sqs", environ=self._environ)
        await send_message(self._url, body, self._service, attributes={"reason": error.sentence, "code": error.code})

    async def close(self) -> None:
        """Close the connections."""
        if self._service is not None:
            await self._service.close()


def changed(key: str) -> str:
    """Return a message that says of one key that it may have changed: whoever sends it back to the queue retries it."""
    return json.dumps({"changed": [key]}, ensure_ascii=False)
