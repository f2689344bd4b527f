"""SQS: a message with attributes, put into a queue."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagemill.aws_calls.service import AwsService

_NOT_TAKEN = re.compile(r"[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that SQS refuses (API SendMessage, `MessageBody`)."""
_NOTHING = "(empty)"
MOST_ATTRIBUTE = 1000
"""Characters of an attribute that are sent; attributes count towards the message's size."""


async def send_message(
    queue_url: str,
    body: str,
    service: AwsService,
    *,
    attributes: Mapping[str, str] | None = None,
    delay: int = 0,
) -> str:
    """Put `body` into a queue and return the id it got; raise AwsCallError.

    Characters that SQS does not take are sent as “�”. `delay` is in seconds, at most 900.
    """
    asked = {
        "QueueUrl": queue_url,
        "MessageBody": _NOT_TAKEN.sub("�", body) or _NOTHING,
        "DelaySeconds": delay,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": _NOT_TAKEN.sub("�", text)[:MOST_ATTRIBUTE] or _NOTHING}
            for name, text in (attributes or {}).items()
        },
    }
    told = await service.call("AmazonSQS.SendMessage", asked, version="1.0")
    return str(told.get("MessageId", ""))
