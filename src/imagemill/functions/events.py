"""What happened in the buckets, from a queue: each message carried out, or named as one to bring again (row O1).

SQS hands over a batch and wants to know which of its messages failed (Lambda guide, "Implementing partial batch
responses"); those come again, and after some times go to the dead-letter queue by its redrive policy. A message that
cannot be read goes there at once, with the reason (`dead_letters`). An event that came without a queue is one message.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from imagemill.assembly.cdn import build_purger
from imagemill.assembly.eager import build_eager
from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.assembly.sources import event_places
from imagemill.assembly.stores import QUARANTINE
from imagemill.cdn.port import Purger
from imagemill.errors import ImagemillError
from imagemill.functions.dead_letters import TRIES, DeadLetters, QueueDeadLetters
from imagemill.functions.happenings import Enough, Happenings, out_of_time
from imagemill.functions.warm import Warm, deadline_of, seconds_left
from imagemill.observability.logging import events
from imagemill.originals.notifications import Place
from imagemill.originals.reconciling import Reconciler
from imagemill.settings import Settings
from imagemill.settings.values import s3_address

ITEM_SECONDS = 12.0
"""What one key may take at its worst: a job of the engine (10 s), the store, the CDN."""


class EventsFunction:
    """The function: a warm platform, and what carries messages out with it."""

    def __init__(
        self,
        letters: DeadLetters,
        build_platform: Callable[[], Awaitable[FunctionPlatform]] = build,
        purger: Purger | None = None,
    ) -> None:
        """`letters` takes what will never be carried out. Without `purger`, the CDN is the one of the settings."""
        self.warm = Warm(self._start)
        self._letters = letters
        self._build = build_platform
        self._purger = purger
        self._happenings: Happenings | None = None

    async def _start(self) -> FunctionPlatform:
        """Return the started platform; raises SettingsError, or Overloaded while a store is away.

        It does not ask the CDN by itself: that is done message by message here, so that no change is forgotten.
        """
        platform = await self._build()
        settings = platform.settings
        self._happenings = Happenings(
            places=event_places(settings),
            waiting=waiting_place(settings),
            reconciler=Reconciler(platform.originals, platform.store, platform.variants, platform.engine),
            purging=platform.purging,
            purger=self._purger or build_purger(settings.cdn),
            uploads=platform.uploads,
            eager=build_eager(platform, platform.engine, keep_first=True),
            letters=self._letters,
        )
        return platform

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        """Carry out a batch; return Lambda's partial batch response. Raises where nothing can be done at all."""
        return self.warm.run(partial(self._batch, event=event, context=context))

    async def _batch(self, platform: FunctionPlatform, *, event: Mapping[str, Any], context: object) -> dict[str, Any]:
        platform.engine.deadline = deadline_of(context)
        happenings = self._happenings
        assert happenings is not None
        messages = messages_of(event)
        if messages is None:
            await happenings.carry_out(json.dumps(event), lambda: None)
            return {"batchItemFailures": []}
        enough = _enough(context)
        failed = [message.name for message in messages if not await _carried_out(happenings, message, enough)]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of SQS: its id, its text, and whether the queue brings it for the last time."""

    name: str
    body: str
    last: bool


def waiting_place(settings: Settings) -> Place | None:
    """Return where uploads wait in the bucket of originals; None where these are in none."""
    address = s3_address(settings.originals.url)
    return None if address is None else Place(address.bucket, address.below(QUARANTINE).prefix)


def messages_of(event: Mapping[str, Any]) -> list[Message] | None:
    """Return the messages of a batch of SQS; None where the event is no such batch."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not records:
        return None
    found = []
    for record in records:
        name = record.get("messageId") if isinstance(record, Mapping) else None
        if not isinstance(name, str) or not isinstance(record.get("body"), str):
            return None
        found.append(Message(name, record["body"], last=_received(record) >= TRIES))
    return found


def _received(record: Mapping[str, Any]) -> int:
    """Return how often the queue has handed a message out, this time included; 0 where it does not say."""
    attributes = record.get("attributes")
    count = attributes.get("ApproximateReceiveCount") if isinstance(attributes, Mapping) else None
    return int(count) if isinstance(count, str) and count.isascii() and count.isdigit() else 0


async def _carried_out(happenings: Happenings, message: Message, enough: Enough) -> bool:
    """Say whether a message is done, be it as a dead letter; no failure of one may cost the others."""
    try:
        try:
            enough()
            await happenings.carry_out(message.body, enough)
        except ImagemillError as error:
            if not message.last:
                raise
            await happenings.give_up(message.body, error)
    except ImagemillError as error:
        events().warning("event.again", message=message.name, code=error.code, detail=error.sentence)
        return False
    except Exception as error:  # noqa: BLE001 - the last resort: the message comes again, and the log says why
        events().error("event.failed", message=message.name, exc_info=error)
        return False
    return True


def _enough(context: object) -> Enough:
    """Return what raises when too little time is left for one more key; the first always has its turn."""
    whole = seconds_left(context)
    needed = ITEM_SECONDS if whole is None else min(ITEM_SECONDS, whole / 2)

    def enough() -> None:
        left = seconds_left(context)
        if left is not None and left < needed:
            raise out_of_time()

    return enough


FUNCTION = EventsFunction(QueueDeadLetters.of_environment())
FUNCTION.warm.begin()


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Carry out a batch, and return which of its messages have to come again.

    Raises where nothing can be done for any of them, as while the documents cannot be read: all come again.
    """
    return FUNCTION(event, context)
