"""`POST /v1/store-events`: what changed behind our back is seen at once, and nothing else is done."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from tests.control.control_kit import OWN_KEY, Control
from tests.originals.library_kit import picture
from tests.originals.test_notifications import by_lambda, by_sns, notification, record

from imagemill.errors import NotFound, Overloaded
from imagemill.originals.notifications import Place

PATH = "/v1/store-events"
PLACES = (Place("photos"),)


def tell(control: Control, value: Any, media: str = "application/json", **headers: str) -> Any:
    """Post a body, after whatever the test did; return the answer."""

    async def ask() -> Any:
        async with control.client() as client:
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            return await client.post(PATH, content=body, headers={"content-type": media, **headers})

    return ask()


def with_places() -> Control:
    """Return a control API whose originals lie in the bucket `photos`."""
    return Control(places=PLACES)


def test_a_replaced_original_is_seen_at_once() -> None:
    """The event's answer comes after the look: from then on nobody gets the old picture."""
    control = with_places()
    heard: list[str] = []

    async def scenario() -> None:
        old = await control.kit.put("cat.png", picture("red"))
        control.kit.originals.on_change(heard.append)
        await control.kit.lay("cat.png", picture("blue"))
        assert control.kit.originals.peek("cat.png") == old
        answer = await tell(control, notification(record("cat.png")))
        assert (answer.status_code, answer.json()["looked"]) == (200, 1)
        now = control.kit.originals.peek("cat.png")
        assert now is not None
        assert now.version != old.version
        assert heard == ["cat.png"]

    asyncio.run(scenario())


def test_a_deleted_original_is_gone_at_once() -> None:
    """Whatever the event calls it: the store is the truth."""
    control = with_places()

    async def scenario() -> None:
        original = await control.kit.put("cat.png", picture())
        assert await control.kit.keep(original)
        await control.kit.store.delete("cat.png")
        await tell(control, notification(record("cat.png", name="ObjectRemoved:Delete")))
        assert control.kit.originals.peek("cat.png") is None
        assert not await control.kit.kept(original)
        with pytest.raises(NotFound):
            await control.kit.originals.locate("cat.png")

    asyncio.run(scenario())


def test_a_lie_changes_nothing() -> None:
    """An event is a reason to look, not a fact."""
    control = with_places()

    async def scenario() -> None:
        old = await control.kit.put("cat.png", picture())
        assert await control.kit.keep(old)
        await tell(control, notification(record("cat.png", name="ObjectRemoved:Delete")))
        assert (await control.kit.originals.locate("cat.png")).version == old.version
        assert await control.kit.kept(old)

    asyncio.run(scenario())


def test_an_original_that_nobody_asked_for_costs_nothing() -> None:
    """Ten thousand uploads into a bucket are ten thousand events and no look."""
    control = with_places()

    async def scenario() -> None:
        looks = 0

        async def counted(key: str) -> None:
            nonlocal looks
            looks += 1

        control.kit.store.head = control.kit.store.stamp = counted  # type: ignore[method-assign]  # counts
        answer = await tell(control, {"changed": [f"{n}.png" for n in range(1000)]})
        assert answer.json()["unseen"] == 1000
        assert looks == 0

    asyncio.run(scenario())


def test_while_the_store_is_away_the_original_stays_doubted() -> None:
    """The event is not lost: nobody gets the old picture, and the next look finds the new one."""
    control = with_places()

    async def scenario() -> None:
        await control.kit.put("cat.png", picture("red"))
        await control.kit.lay("cat.png", picture("blue"))
        stamp = control.kit.store.stamp

        async def away(key: str) -> str | None:
            raise Overloaded("away")

        control.kit.store.stamp = away  # type: ignore[method-assign]  # the store is away for a moment
        assert (await tell(control, notification(record("cat.png")))).json()["looked"] == 1
        assert control.kit.originals.peek("cat.png") is None
        control.kit.store.stamp = stamp  # type: ignore[method-assign]  # and back
        await control.kit.originals.locate("cat.png")

    asyncio.run(scenario())


def test_a_batch_of_a_queue_names_what_could_not_be_read() -> None:
    """Lambda's partial batch response: SQS sends only those messages again."""
    control = with_places()
    answer = asyncio.run(tell(control, by_lambda(notification(record("a.png")), "no json")))
    assert answer.status_code == 200
    assert answer.json()["batchItemFailures"] == [{"itemIdentifier": "m1"}]


def test_sns_asks_to_be_confirmed_and_nothing_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    """The address stands in the answer and in the log, for a person to open; SNS calls its JSON text/plain."""
    address = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    body = {"Type": "SubscriptionConfirmation", "SubscribeURL": address}
    answer = asyncio.run(tell(with_places(), body, "text/plain; charset=UTF-8"))
    assert answer.json()["confirm"] == [address]
    printed = capsys.readouterr()
    assert address in printed.out + printed.err


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        ({"hello": 1}, "application/json", 400, "unknown_event"),
        (b"{", "application/json", 400, "bad_json"),
        (b'{"changed":["a"],"changed":["b"]}', "application/json", 400, "bad_json"),
        (b"[" * 100_000, "application/json", 400, "bad_json"),
        (b" " * (6 * 1024 * 1024 + 1), "application/json", 413, "body_too_large"),
        ({"changed": []}, "application/xml", 415, "unsupported_media_type"),
    ],
)
def test_what_cannot_be_taken(body: Any, media: str, status: int, code: str) -> None:
    """A clear 4xx, so that whoever set it up notices."""
    answer = asyncio.run(tell(with_places(), body, media))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_key_may_come_as_a_password_here_and_nowhere_else() -> None:
    """SNS can show a key only as RFC 7617 has it, in the address it calls, after a challenge."""
    control = with_places()

    async def scenario() -> None:
        async with control.client(key=None) as client:
            right = "Basic " + base64.b64encode(f"sns:{OWN_KEY}".encode()).decode()
            wrong = "Basic " + base64.b64encode(b"sns:wrong").decode()
            body, kind = json.dumps(by_sns({"Event": "s3:TestEvent"})), {"content-type": "text/plain"}
            challenge = await client.post(PATH, content=body, headers=kind)
            assert challenge.status_code == 401
            assert challenge.headers["www-authenticate"] == 'Basic realm="imagemill", Bearer realm="imagemill"'
            assert (await client.post(PATH, content=body, headers={**kind, "authorization": right})).status_code == 200
            for value in (wrong, "Basic !", "Basic " + base64.b64encode(b"nothing").decode()):
                refused = await client.post(PATH, content=body, headers={**kind, "authorization": value})
                assert refused.status_code == 401, value
            elsewhere = await client.get("/v1/originals", headers={"authorization": right})
            assert elsewhere.status_code == 401
            assert elsewhere.headers["www-authenticate"] == 'Bearer realm="imagemill"'

    asyncio.run(scenario())
