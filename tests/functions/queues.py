"""A queue and its function, as SQS and Lambda put them together: batches in, failures out, dead letters beside."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image
from tests.functions.http_events import Context
from tests.object_store.s3_servers import S3Server

from imagemill.assembly.functions import FunctionPlatform
from imagemill.cdn.port import CdnError
from imagemill.functions.dead_letters import QueueDeadLetters
from imagemill.functions.events import EventsFunction
from imagemill.functions.warm import Warm
from imagemill.originals.description import DescriptionChanges
from imagemill.uploads.issuing import Wanted

_numbers = itertools.count(1)
Build = Callable[[], Awaitable[FunctionPlatform]]


class Cdn:
    """A CDN that notes what it is told, and is away when asked to be."""

    most = 50

    def __init__(self) -> None:
        self.told: list[str] = []
        self.away = False
        self.refuses = False

    async def purge(self, tags: Sequence[str]) -> None:
        """Note them."""
        if self.away:
            raise CdnError("The CDN is away.")
        if self.refuses:
            raise CdnError("The CDN knows no such site.", lasting=True)
        self.told += tags

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class Queue:
    """The events function with its queue: real messages of SQS, one at a time or in batches."""

    server: S3Server
    build: Build
    originals: str
    variants: str
    warms: list[Warm] = field(default_factory=list)
    cdn: Cdn = field(default_factory=Cdn)

    def __post_init__(self) -> None:
        self.number = next(_numbers)
        self.sqs = self._client("sqs")
        self.dead = self.sqs.create_queue(QueueName=f"dead-{self.number}")["QueueUrl"]
        self.environ = {
            "AWS_ACCESS_KEY_ID": self.server.access,
            "AWS_SECRET_ACCESS_KEY": self.server.secret,
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_REGION": "us-east-1",
        }
        self.function = self.fresh()

    def fresh(self, dead: str | None = None) -> EventsFunction:
        """Return the function in an environment of its own, which has seen nothing yet."""
        letters = QueueDeadLetters(self.dead if dead is None else dead, self.environ)
        self.function = EventsFunction(letters, self.build, self.cdn)
        self.warms.append(self.function.warm)
        return self.function

    def ticket(self, key: str) -> str:
        """Write a ticket for an upload to the bucket, as `POST /v1/uploads` does; return its id."""

        async def issue(platform: FunctionPlatform) -> str:
            return (await platform.uploads.issue(Wanted(key=key, method="put")))[0].id

        return self.function.warm.run(issue)

    def state(self, upload: str) -> str:
        """Return what became of an upload."""

        async def show(platform: FunctionPlatform) -> str:
            return (await platform.uploads.show(upload)).state

        return self.function.warm.run(show)

    def close_to_strangers(self, key: str) -> None:
        """Make an original private, as a PATCH does."""

        async def describe(platform: FunctionPlatform) -> None:
            await platform.originals.describe(key, DescriptionChanges(private=True))

        self.function.warm.run(describe)

    def record(self, key: str) -> Any:
        """Return the record of an original."""
        found = self.server.boto().get_object(Bucket=self.variants, Key=f"default/{key}/~/record.json")
        return json.loads(found["Body"].read())

    def dates(self, key: str) -> dict[str, Any]:
        """Return when each kept variant of a key was written, and what it is."""
        found = self.server.boto().list_objects_v2(Bucket=self.variants, Prefix=f"default/{key}/~/")
        return {
            one["Key"]: (one["LastModified"], one["ETag"])
            for one in found.get("Contents", [])
            if not one["Key"].endswith("record.json")
        }

    def notified(self) -> str:
        """Let the bucket of originals tell a queue of SQS about its objects; return the queue's address."""
        url: str = self.sqs.create_queue(QueueName=f"events-{self.number}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        every = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        self.server.boto().put_bucket_notification_configuration(
            Bucket=self.originals, NotificationConfiguration={"QueueConfigurations": [every]}
        )
        return url

    def received(self, url: str) -> list[str]:
        """Return the texts of every message that waits in a queue, and take them out of it."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def letters(self) -> list[tuple[str, str, str]]:
        """Return the dead letters: text, code and reason."""
        found = []
        asked = {"QueueUrl": self.dead, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while messages := self.sqs.receive_message(**asked).get("Messages"):
            for message in messages:
                said = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
                found.append((message["Body"], said["code"], said["reason"]))
                self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=message["ReceiptHandle"])
        return found

    def send(self, *bodies: str, context: object = None, attempt: int = 1) -> list[str]:
        """Give the function one batch at its so many-th attempt; return the texts of what has to come again."""
        told = self.function(batch(*bodies, attempt=attempt), context or Context(60.0))
        return [bodies[int(one["itemIdentifier"].rpartition("-")[2])] for one in told["batchItemFailures"]]

    def put(self, key: str, data: bytes) -> str:
        """Put an object into the bucket of originals and return the message that tells of it."""
        self.server.boto().put_object(Bucket=self.originals, Key=key, Body=data)
        return self.created(key)

    def delete(self, key: str) -> str:
        """Delete an original and return the message that tells of it."""
        self.server.boto().delete_object(Bucket=self.originals, Key=key)
        return message(self.originals, key, "ObjectRemoved:Delete")

    def created(self, key: str) -> str:
        """Return a message that an object was created."""
        return message(self.originals, key, "ObjectCreated:Put")

    def names(self, prefix: str = "default/") -> list[str]:
        """Return what lies in the bucket of variants, but for documents of ours."""
        return self._listed(self.variants, prefix)

    def waiting(self) -> list[str]:
        """Return the names of uploads that wait for their check."""
        return self._listed(self.originals, ".imagemill/quarantine/")

    def kept(self, key: str) -> list[str]:
        """Return the names of the kept variants of a key, below the key."""
        home = f"default/{key}/~/"
        return [name[len(home) :] for name in self.names(home) if not name.endswith("record.json")]

    def _listed(self, bucket: str, prefix: str) -> list[str]:
        found = self.server.boto().list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", [])]

    def _client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.server.url,
            aws_access_key_id=self.server.access,
            aws_secret_access_key=self.server.secret,
            region_name="us-east-1",
        )


class Countdown:
    """The context of an invocation whose time runs out: each look at the clock finds the next of `seconds`."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left."""
        left = self._seconds[0] if len(self._seconds) == 1 else self._seconds.pop(0)
        return int(left * 1000)


def gradient(side: int) -> bytes:
    """Return a picture whose file is long enough to be cut in the middle of its pixels."""
    ramp = np.arange(side * side * 3, dtype=np.uint32).reshape(side, side, 3)
    out = io.BytesIO()
    Image.fromarray(((ramp * 7919) >> 5).astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def message(bucket: str, key: str, name: str) -> str:
    """Return an event of S3 as the text of a message."""
    from urllib.parse import quote_plus

    s3 = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": s3}]})


def batch(*bodies: str, attempt: int = 1) -> dict[str, Any]:
    """Return the event of a batch of SQS (Lambda guide, "Example Amazon SQS message event")."""
    return {
        "Records": [
            {
                "messageId": f"059f36b4-87a3-44ab-83d2-{number}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(attempt), "SentTimestamp": "1545082649183"},
                "messageAttributes": {},
                "md5OfBody": "098f6bcd4621d373cade4e832627b4f6",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:events",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
