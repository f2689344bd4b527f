"""What stores say about their objects: S3's events, however many services wrapped them on the way, → keys of ours.

Separate from the route that receives them: this is reading alone. An event is not believed, it is a reason to look: so
order, doubles and lies do no harm, and created and deleted are the same thing here. Forms, as AWS documents them:

    S3 (and MinIO, Ceph, SeaweedFS)   {"Records": [{"eventName": …, "s3": {"bucket": …, "object": …}}]}
    SNS                               {"Type": "Notification", "Message": "<any of these as text>"}
    SQS                               {"Messages": [{"MessageId": …, "Body": "<…>"}]}, records with messageId and body
    EventBridge                       {"detail-type": "Object Created", "detail": {"bucket": …, "object": …}}
    a list of any of them             what EventBridge Pipes sends
    our own                           {"changed": ["photos/cat.jpg"]}, keys as they stand in a URL's path, decoded
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from imagemill.errors import InvalidRequest, shown
from imagemill.object_store.naming import check_existing_key

MAX_DEPTH = 6
"""Services that may have wrapped a message: S3 in SNS in SQS in a Lambda's event is four."""
MAX_NAMED = 10_000
_CHANGES = ("ObjectCreated:", "ObjectRemoved:", "ObjectRestore:", "LifecycleExpiration:")
_DETAIL_CHANGES = frozenset({"Object Created", "Object Deleted", "Object Restore Completed"})
_ADDRESS = re.compile(r"https://[!-~]{1,2048}", re.ASCII)
"""What an operator is told to open: visible ASCII, which no terminal takes for anything else (threat L3)."""
_CONFIRMATIONS = frozenset({"SubscriptionConfirmation", "UnsubscribeConfirmation"})


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a bucket that we read: objects below `inside` are the keys below `prefix`, but those below `ours`."""

    bucket: str
    inside: str = ""
    prefix: str = ""
    ours: tuple[str, ...] = ()


@dataclass(slots=True)
class Told:
    """What a body says: `keys` that may have changed, `failed` ids of messages that cannot be read.

    `confirm` are addresses that somebody has to open for a subscription to begin; `ignored` counts events of other
    kinds, of other buckets and of our own objects.
    """

    keys: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    confirm: list[str] = field(default_factory=list)
    ignored: int = 0


def unknown(why: str) -> InvalidRequest:
    """Return the error for a body that is no event; `why` completes "The body …"."""
    return InvalidRequest(
        f"The body {why}; expected an event of S3, SNS, SQS or EventBridge, or {{“changed”: [keys]}}.",
        code="unknown_event",
    )


class Reader:
    """Reads bodies for one set of places."""

    def __init__(self, places: Sequence[Place], decode: Callable[[bytes], Any]) -> None:
        """`decode` reads JSON of strangers, strictly; it raises InvalidRequest."""
        self._places = tuple(places)
        self._decode = decode

    def read(self, body: bytes) -> Told:
        """Return what `body` says; raise InvalidRequest (`bad_json`, `unknown_event`) where it is no event at all."""
        told = Told()
        self._value(self._decode(body), told, 0)
        return told

    def _value(self, value: Any, told: Told, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise unknown(f"is wrapped more than {MAX_DEPTH} times")
        if isinstance(value, list):
            for item in value:
                self._value(item, told, depth + 1)
            return
        if not isinstance(value, dict):
            raise unknown("is no JSON object")
        for name, read in self._forms.items():
            if name in value:
                read(self, value, told, depth)
                return
        raise unknown("has none of the names by which an event is known")

    def _records(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        if not isinstance(value["Records"], list):
            raise unknown("has Records that are no list")
        self._value(value["Records"], told, depth)

    def _received(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        if not isinstance(value["Messages"], list):
            raise unknown("has Messages that are no list")
        self._value(value["Messages"], told, depth)

    def _message(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        """Read one message of a queue; one that cannot be read fails alone, as SQS and Lambda want it."""
        name = value.get("messageId", value.get("MessageId"))
        text = value.get("body", value.get("Body"))
        if not isinstance(name, str) or not 0 < len(name) <= 256:
            raise unknown("has a message without an id")
        inner = Told()
        try:
            self._text(text, inner, depth)
        except InvalidRequest:
            told.failed.append(name)
            return
        told.failed += [name] if inner.failed else []
        told.confirm += inner.confirm
        told.ignored += inner.ignored
        for key in inner.keys:
            self._add(key, told)

    def _sns(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        kind = value["Type"]
        if not isinstance(kind, str):
            raise unknown("has a Type that is no text")
        if kind in _CONFIRMATIONS:
            address = value.get("SubscribeURL")
            told.confirm += [address] if isinstance(address, str) and _ADDRESS.fullmatch(address) else []
        elif kind == "Notification":
            self._text(value.get("Message"), told, depth)
        else:
            raise unknown("has a Type that SNS does not send")

    def _sns_record(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        if not isinstance(value["Sns"], dict):
            raise unknown("has an Sns that is no object")
        self._text(value["Sns"].get("Message"), told, depth)

    def _text(self, text: Any, told: Told, depth: int) -> None:
        if not isinstance(text, str):
            raise unknown("has a message without text")
        self._value(self._decode(text.encode("utf-8", "surrogatepass")), told, depth + 1)

    def _s3(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        """Read one event of S3, whose keys are written as in a form: `+` is a space, the rest percent-encoded."""
        name = value.get("eventName")
        if not isinstance(name, str):
            raise unknown("has an event without a name")
        bucket, key = _named(value["s3"])
        if not name.removeprefix("s3:").startswith(_CHANGES):
            told.ignored += 1
            return
        try:
            self._object(bucket, unquote_plus(key, errors="strict"), told)
        except UnicodeDecodeError:
            raise unknown("has a key that is not percent-encoded UTF-8") from None

    def _bridge(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        """Read one event of EventBridge, whose keys are written as they are."""
        kind = value["detail-type"]
        if not isinstance(kind, str):
            raise unknown("has a detail-type that is no text")
        if kind in _DETAIL_CHANGES:
            self._object(*_named(value.get("detail")), told)
        else:
            told.ignored += 1

    def _test(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        """S3 sends `s3:TestEvent` when a notification is set up."""
        if not isinstance(value["Event"], str):
            raise unknown("has an Event that is no text")
        told.ignored += 1

    def _own(self, value: Mapping[str, Any], told: Told, depth: int) -> None:
        keys = value["changed"]
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(value) != 1:
            raise unknown("has other than one list of keys under “changed”")
        for key in keys:
            self._add(check_existing_key(key), told)

    def _object(self, bucket: str, key: str, told: Told) -> None:
        found = [ours for place in self._places if (ours := _key_in(place, bucket, key)) is not None]
        told.ignored += not found
        for ours in found:
            self._add(ours, told)

    def _add(self, key: str, told: Told) -> None:
        if len(told.keys) == MAX_NAMED:
            raise unknown(f"names more than {MAX_NAMED} objects")
        told.keys.append(key)

    _forms = {  # noqa: RUF012 - a table of methods, in the order in which a body is recognised
        "Records": _records,
        "Messages": _received,
        "s3": _s3,
        "Sns": _sns_record,
        "Type": _sns,  # before the messages of a queue: SNS has a MessageId too
        "messageId": _message,
        "MessageId": _message,
        "detail-type": _bridge,
        "Event": _test,
        "changed": _own,
    }


def _named(value: Any) -> tuple[str, str]:
    """Return bucket and key of what S3 says of one object."""
    try:
        bucket, key = value["bucket"]["name"], value["object"]["key"]
    except (KeyError, TypeError):
        raise unknown("has an event without bucket and object") from None
    if not isinstance(bucket, str) or not isinstance(key, str) or not key:
        raise unknown(f"has an event of the object {shown(str(key))}, which is no key")
    return bucket, key


def _key_in(place: Place, bucket: str, key: str) -> str | None:
    """Return the key by which we know an object, None where it is not an original of this place."""
    if bucket != place.bucket or not key.startswith(place.inside) or key.startswith(place.ours):
        return None
    ours = place.prefix + key[len(place.inside) :]
    if ours.endswith("/"):
        return None  # a marker of a folder
    try:
        return check_existing_key(ours)
    except (InvalidRequest, UnicodeEncodeError):
        return None
