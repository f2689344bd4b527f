"""A bucket as a source, and its events through a real queue: boto3 writes, S3 tells SQS, what came is posted here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.servers.moto import moto
from tests.serving import RunningServer, serving

from imagemill import demo

FIRST = (demo.PHOTOS / "coffee.png").read_bytes()
SECOND = (demo.PHOTOS / "chelsea.png").read_bytes()
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test-secret", "region_name": "us-east-1"}
BUCKET = "press-photos"


@dataclass
class Place:
    """A server whose source `press` is a bucket that tells a queue of its changes."""

    server: RunningServer
    s3: Any
    sqs: Any
    queue: str

    def told(self) -> dict[str, Any]:
        """Return what the queue has, as ReceiveMessage answers it, and empty it."""
        messages: list[dict[str, Any]] = []
        while got := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            messages += got
            for one in got:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return {"Messages": messages}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Moto's S3 and SQS, and our server."""
    home = tmp_path_factory.mktemp("events")
    with moto(home) as endpoint:
        s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}), **CREDENTIALS)
        sqs = boto3.client("sqs", endpoint_url=endpoint, **CREDENTIALS)
        s3.create_bucket(Bucket=BUCKET)
        queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        s3.put_bucket_notification_configuration(
            Bucket=BUCKET,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
            },
        )
        env = {
            "IMAGEMILL_SOURCES__PRESS__URL": f"s3://{BUCKET}/2024?endpoint={endpoint}&region=us-east-1",
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        }
        with serving(home / "data", env=env) as server:
            yield Place(server, s3, sqs, queue)


def test_a_change_in_a_bucket_is_seen_at_once(place: Place) -> None:
    """The queue's messages, S3's test event among them, are posted as they came; the next answer is the new picture."""
    place.s3.put_object(Bucket=BUCKET, Key="2024/a cat+é.png", Body=FIRST)
    path = "/img/w=40,fm=png/press/a%20cat+%C3%A9.png"
    with place.server.client() as client:
        before = client.get(path)
        assert before.status_code == 200, before.text
        place.told()
        place.s3.put_object(Bucket=BUCKET, Key="2024/a cat+é.png", Body=SECOND)
        assert client.get(path).content == before.content
        told = place.told()
        assert told["Messages"]
        answer = client.post("/v1/store-events", json=told)
        assert (answer.status_code, answer.json()["looked"]) == (200, 1), answer.text
        assert answer.json()["batchItemFailures"] == []
        after = client.get(path)
        assert after.content != before.content
        place.s3.delete_object(Bucket=BUCKET, Key="2024/a cat+é.png")
        assert client.post("/v1/store-events", json=place.told()).json()["looked"] == 1
        assert client.get(path).status_code == 404


def test_objects_that_nobody_reads_here_are_passed_over(place: Place) -> None:
    """Another part of the bucket is not ours; an object that nobody asked for yet is not looked at."""
    place.told()
    place.s3.put_object(Bucket=BUCKET, Key="2023/old.png", Body=FIRST)
    place.s3.put_object(Bucket=BUCKET, Key="2024/new.png", Body=FIRST)
    with place.server.client() as client:
        answer = client.post(
            "/v1/store-events", content=json.dumps(place.told()), headers={"content-type": "text/plain"}
        )
        assert answer.json() == {
            "looked": 0,
            "unseen": 1,
            "ignored": 1,
            "confirm": [],
            "batchItemFailures": [],
        }
        keys = [item["key"] for item in client.get("/v1/originals").json()["items"]]
        assert keys == ["press/new.png"]
        refused = client.put("/v1/originals/press/mine.png", content=FIRST)
        assert (refused.status_code, refused.json()["code"]) == (403, "read_only")
    assert [one["Key"] for one in place.s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "2023/old.png",
        "2024/new.png",
    ]
