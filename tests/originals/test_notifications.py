"""Events of stores, in the forms that AWS documents and however they were wrapped on the way."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.control.json_body import decode_any
from imagemill.errors import InvalidRequest
from imagemill.originals.notifications import Place, Reader, Told

PLACES = (
    Place("photos", ours=(".imagemill/", "variants/")),
    Place("press", inside="2024/", prefix="press/", ours=("2024/.imagemill/",)),
)


def record(key: str, bucket: str = "photos", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Return one event as S3 writes it (event structure 2.1)."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": "2024-01-01T00:00:00.000Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {"key": key, "size": 1024, "eTag": "0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901"},
        },
    }


def notification(*records: dict[str, Any]) -> dict[str, Any]:
    """Return what S3 sends."""
    return {"Records": list(records)}


def bridge(key: str, bucket: str = "photos", kind: str = "Object Created") -> dict[str, Any]:
    """Return what EventBridge sends for S3."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 5},
            "reason": "PutObject",
        },
    }


def by_sns(value: Any, kind: str = "Notification") -> dict[str, Any]:
    """Return `value` as SNS delivers it over HTTP."""
    return {"Type": kind, "MessageId": "a", "TopicArn": "arn:aws:sns:x:1:t", "Message": json.dumps(value)}


def by_sqs(*bodies: Any) -> dict[str, Any]:
    """Return `bodies` as ReceiveMessage answers them."""
    return {"Messages": [{"MessageId": f"m{n}", "Body": text_of(body)} for n, body in enumerate(bodies)]}


def by_lambda(*bodies: Any) -> dict[str, Any]:
    """Return `bodies` as Lambda hands messages of a queue to a function."""
    records = [
        {"messageId": f"m{n}", "receiptHandle": "r", "body": text_of(body), "eventSource": "aws:sqs"}
        for n, body in enumerate(bodies)
    ]
    return {"Records": records}


def text_of(body: Any) -> str:
    """Return a message's text."""
    return body if isinstance(body, str) else json.dumps(body)


def read(value: Any, places: tuple[Place, ...] = PLACES) -> Told:
    """Read a body."""
    return Reader(places, decode_any).read(json.dumps(value).encode())


def sns_record(value: Any) -> dict[str, Any]:
    """Return `value` as Lambda hands a notification of SNS to a function."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": by_sns(value)}]}


@pytest.mark.parametrize(
    "wrapped",
    [
        notification(record("a/b.jpg")),
        record("a/b.jpg"),
        [record("a/b.jpg")],
        by_sns(notification(record("a/b.jpg"))),
        sns_record(notification(record("a/b.jpg"))),
        by_sqs(notification(record("a/b.jpg"))),
        by_sqs(by_sns(notification(record("a/b.jpg")))),
        by_lambda(notification(record("a/b.jpg"))),
        by_lambda(by_sns(notification(record("a/b.jpg")))),
        [by_lambda(bridge("a/b.jpg"))["Records"][0]],
        bridge("a/b.jpg"),
        by_sns(bridge("a/b.jpg")),
        by_sqs(bridge("a/b.jpg")),
        {"EventName": "s3:ObjectCreated:Put", "Key": "photos/a/b.jpg", **notification(record("a/b.jpg"))},
        notification({**record("a/b.jpg"), "eventSource": "ceph:s3"}),
        notification(record("a/b.jpg", name="s3:ObjectCreated:CompleteMultipartUpload")),
        notification(record("a/b.jpg", name="ObjectRemoved:DeleteMarkerCreated")),
        notification(record("a/b.jpg", name="LifecycleExpiration:Delete")),
        bridge("a/b.jpg", kind="Object Deleted"),
        {"changed": ["a/b.jpg"]},
    ],
)
def test_the_object_is_found_in_every_form(wrapped: Any) -> None:
    """S3, SNS, SQS, Lambda, EventBridge, Pipes, MinIO, Ceph: one key."""
    told = read(wrapped)
    assert (told.keys, told.failed, told.ignored) == (["a/b.jpg"], [], 0)


@pytest.mark.parametrize(
    ("key", "means"),
    [
        ("a+b.jpg", "a b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("caf%C3%A9/x%20y.jpg", "café/x y.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
        ("100%25.jpg", "100%.jpg"),
    ],
)
def test_keys_of_s3_are_decoded_as_in_a_form(key: str, means: str) -> None:
    """S3 writes them so; EventBridge does not."""
    assert read(notification(record(key))).keys == [means]
    assert read(bridge(means)).keys == [means]


def test_only_the_places_that_we_read_count() -> None:
    """Other buckets, other parts of a bucket, folders' markers and our own objects are passed over and counted."""
    told = read(
        notification(
            record("x.jpg", bucket="elsewhere"),
            record("2024/x.jpg", bucket="press"),
            record("2023/x.jpg", bucket="press"),
            record(".imagemill/record.json"),
            record("variants/default/x.jpg/~/abc/w=1@webp"),
            record("2024/.imagemill/x", bucket="press"),
            record("folder/"),
            record("a/../b"),
            record("fine.jpg"),
            record("tagged.jpg", name="ObjectTagging:Put"),
        )
    )
    assert told.keys == ["press/x.jpg", "fine.jpg"]
    assert told.ignored == 8


@pytest.mark.parametrize(
    "value",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"},
        bridge("x", kind="Object Tags Added"),
        notification(record("x", name="ObjectAcl:Put")),
        notification(),
        by_sqs(),
    ],
)
def test_what_says_nothing_new_is_no_error(value: Any) -> None:
    """A test event, an event of another kind, an empty batch."""
    assert (read(value).keys, read(value).failed) == ([], [])


def test_a_confirmation_is_shown_and_nothing_is_fetched() -> None:
    """The address is for a person; one that is not https is not even shown."""
    address = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    told = read({"Type": "SubscriptionConfirmation", "Token": "abc", "SubscribeURL": address})
    assert told.confirm == [address]
    for odd in ("javascript:alert(1)", "https://x/\x1b[2Jy", "https://x/\ny", "https://x/\u202ey", "https://"):
        assert read({"Type": "SubscriptionConfirmation", "SubscribeURL": odd}).confirm == []


def test_a_message_that_cannot_be_read_fails_alone() -> None:
    """The rest of the batch counts; SQS sends only that one again."""
    told = read(by_lambda(notification(record("a.jpg")), "no json", {"who": "knows"}, notification(record("b.jpg"))))
    assert told.keys == ["a.jpg", "b.jpg"]
    assert told.failed == ["m1", "m2"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [1],
        "text",
        None,
        {"Records": {}},
        {"Records": [1]},
        {"Records": [{"eventName": "ObjectCreated:Put"}]},
        {"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]},
        {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]},
        notification(record("%ff.jpg")),
        {"Messages": [{"Body": "{}"}]},
        {"Messages": 1},
        {"Type": "Other"},
        {"Type": "Notification"},
        {"Type": "Notification", "Message": 1},
        {"detail-type": "Object Created"},
        {"detail-type": "Object Created", "detail": {"bucket": {"name": 1}, "object": {"key": "k"}}},
        {"changed": "a.jpg"},
        {"changed": ["a.jpg"], "more": 1},
        {"changed": ["../a.jpg"]},
        {"Event": 1},
        {"Records": [{"Sns": 1}]},
        {"changed": [f"{n}.jpg" for n in range(10_001)]},
    ],
)
def test_what_is_no_event_is_refused(value: Any) -> None:
    """A clear 400, so that whoever set it up notices; an empty list is a batch with nothing in it."""
    if value == []:
        assert read(value) == Told()
        return
    with pytest.raises(InvalidRequest):
        read(value)


def test_wrapping_without_end_is_refused() -> None:
    """A message in a message in a message."""
    value: Any = notification(record("x"))
    for _ in range(6):
        value = by_sns(value)
    with pytest.raises(InvalidRequest, match="wrapped"):
        read(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Records",
                        "Messages",
                        "s3",
                        "Sns",
                        "messageId",
                        "body",
                        "Body",
                        "Type",
                        "detail-type",
                        "detail",
                        "Event",
                        "changed",
                        "eventName",
                        "bucket",
                        "object",
                        "name",
                        "key",
                        "Message",
                        "MessageId",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_does_more_than_be_refused(value: Any) -> None:
    """Whatever is sent is read or refused in words, never an unforeseen error."""
    with contextlib.suppress(InvalidRequest):
        read(value)
