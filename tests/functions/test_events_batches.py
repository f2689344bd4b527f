"""The events function over real buckets and queues: in any order, twice, late, or nonsense."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.functions.http_events import Context
from tests.functions.queues import Countdown, Queue, gradient, message
from tests.object_store.s3_servers import S3Server
from tests.originals.library_kit import picture
from tests.serving import free_port

from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.functions.dead_letters import TRIES
from imagemill.functions.warm import Warm
from imagemill.settings import Settings, SettingsError

EAGER = {"IMAGEMILL_ORIGINALS__EAGER": "w=20"}
RED, BLUE = picture("red"), picture("blue", (64, 48))
GRADIENT = gradient(200)
QueueOf = Callable[..., Queue]
_numbers = itertools.count(1)


@pytest.fixture
def queue_of(buckets: S3Server, tmp_path: Path) -> Iterator[QueueOf]:
    """Make events functions over fresh buckets, with settings of their own; all are closed at the end."""
    warms: list[Warm] = []

    def make(more: Mapping[str, str] | None = None, *, originals_at: str = "") -> Queue:
        originals, variants = buckets.bucket(), buckets.bucket()
        environ = {
            "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={originals_at or buckets.url}",
            "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={buckets.url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": buckets.access,
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": buckets.secret,
            **(more or {}),
        }

        async def start() -> FunctionPlatform:
            folder = {"IMAGEMILL_DATA__DIR": str(tmp_path / f"data-{next(_numbers)}")}
            return await build(Settings.load(environ={**environ, **folder}))

        return Queue(buckets, start, originals, variants, warms=warms)

    yield make
    for warm in warms:
        warm.close()


def test_a_new_object_is_recorded(queue_of: QueueOf) -> None:
    """A message of S3 through SQS: the picture has its record, and no CDN is told of what nobody can have seen."""
    queue = queue_of()
    url = queue.notified()
    queue.put("photos/new cat.png", RED)
    bodies = queue.received(url)
    assert queue.send(*bodies) == []
    assert queue.record("photos/new cat.png")["facts"]["width"] == 40
    assert (queue.cdn.told, queue.letters()) == ([], [])


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 1, 0, 0), (0, 1, 0, 1, 1)])
def test_order_and_doubles_do_no_harm(queue_of: QueueOf, order: tuple[int, ...]) -> None:
    """Two events of one key, however they come: what is recorded is what lies there, and the CDN hears of it once."""
    queue = queue_of()
    bodies = [queue.put("a.png", RED), queue.put("a.png", BLUE)]
    assert queue.send(*(bodies[one] for one in order)) == []
    assert queue.record("a.png")["facts"]["width"] == 64
    assert queue.cdn.told in (["default/a.png"], [])
    assert queue.letters() == []


def test_a_replaced_original_takes_its_variants_along(queue_of: QueueOf) -> None:
    """Another environment than the one that made them: the old version's go at once, and the edge is told once."""
    queue = queue_of(EAGER)
    assert queue.send(queue.put("a.png", RED)) == []
    old = queue.kept("a.png")
    assert old
    queue.fresh()
    body = queue.put("a.png", BLUE)
    assert queue.send(body) == []
    new = queue.kept("a.png")
    assert len(new) == len(old)
    assert not set(new) & set(old)
    queue.fresh()
    assert queue.send(body, body) == []
    assert queue.cdn.told == ["default/a.png"]


def test_a_deleted_original_is_withdrawn(queue_of: QueueOf) -> None:
    """Record, variants and edge: nothing of it is left, and hearing of it again costs nothing."""
    queue = queue_of(EAGER)
    queue.send(queue.put("a/b.png", RED))
    assert queue.kept("a/b.png")
    queue.fresh()
    body = queue.delete("a/b.png")
    assert queue.send(body) == []
    assert queue.names() == []
    assert queue.cdn.told == ["default/a/b.png"]
    assert queue.send(body, body) == []
    assert queue.cdn.told == ["default/a/b.png"]


def test_deleted_and_put_again_is_there_whatever_comes_first(queue_of: QueueOf) -> None:
    """The event of a deletion may come after that of the next picture: it says nothing about that one."""
    queue = queue_of(EAGER)
    queue.send(queue.put("a.png", RED))
    deleted, created = queue.delete("a.png"), queue.put("a.png", BLUE)
    assert queue.send(created, deleted) == []
    assert queue.record("a.png")["facts"]["width"] == 64
    assert len(queue.kept("a.png")) == 3


def test_that_a_key_is_private_survives_its_deletion(queue_of: QueueOf) -> None:
    """Whoever removes a private picture with the tools of the bucket does not open the next one under its key."""
    queue = queue_of(EAGER)
    queue.send(queue.put("a.png", RED))
    queue.close_to_strangers("a.png")
    queue.fresh()
    assert queue.send(queue.delete("a.png")) == []
    assert queue.kept("a.png") == []
    queue.fresh()
    assert queue.send(queue.put("a.png", BLUE)) == []
    assert queue.record("a.png")["private"] is True
    assert queue.kept("a.png") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("no JSON", "bad_json"),
        ("", "bad_json"),
        ("{}", "unknown_event"),
        ('{"Records": 7}', "unknown_event"),
        ('{"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}', "unknown_event"),
        ('{"Type": "Notification", "Message": "no JSON"}', "bad_json"),
        ("[" * 100 + "]" * 100, "bad_json"),
    ],
)
def test_what_cannot_be_read_is_dead_at_once(queue_of: QueueOf, body: str, code: str) -> None:
    """It goes to the dead-letter queue with the reason and counts as done; its neighbours are carried out."""
    queue = queue_of()
    good = queue.put("a.png", RED)
    assert queue.send(body, good) == []
    [(text, said, reason)] = queue.letters()
    assert (text, said) == (body or "(empty)", code)
    assert reason.startswith("The body ")
    assert queue.record("a.png")


def test_without_a_place_for_dead_letters_nothing_is_lost(queue_of: QueueOf) -> None:
    """Where the letter cannot be sent the message comes again, and the queue's own redrive takes it at last."""
    queue = queue_of()
    queue.fresh(dead="")
    assert queue.send("no JSON") == ["no JSON"]
    queue.fresh(dead=queue.dead + "-that-is-not-there")
    assert queue.send("no JSON") == ["no JSON"]


def test_events_of_others_are_ignored(queue_of: QueueOf) -> None:
    """Other buckets, other kinds, S3's test event, documents of ours: done, and nothing is made of them."""
    queue = queue_of()
    bodies = [
        message("another-bucket", "a.png", "ObjectCreated:Put"),
        message(queue.originals, "a.png", "ReducedRedundancyLostObject"),
        message(queue.originals, ".imagemill/site/presets.json", "ObjectCreated:Put"),
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": queue.originals}),
    ]
    assert queue.send(*bodies) == []
    assert (queue.letters(), queue.names()) == ([], [])


def test_what_is_no_picture_is_dead_with_the_reason(queue_of: QueueOf) -> None:
    """Text and a damaged picture stay where they lie; the letter says why, and sent back it is looked at again."""
    queue = queue_of()
    bodies = [queue.put("notes.txt", b"hello " * 50), queue.put("half.png", GRADIENT[: len(GRADIENT) // 2])]
    assert queue.send(*bodies) == []
    letters = {text: code for text, code, _ in queue.letters()}
    assert letters == {'{"changed": ["notes.txt"]}': "not_an_image", '{"changed": ["half.png"]}': "damaged"}
    queue.put("half.png", GRADIENT)
    assert queue.send('{"changed": ["half.png"]}') == []
    assert (queue.letters(), queue.record("half.png")["facts"]["width"]) == ([], 200)


def test_a_picture_replaced_by_nonsense_is_gone(queue_of: QueueOf) -> None:
    """Its variants would show what is no more: they go, and the edge is told."""
    queue = queue_of(EAGER)
    queue.send(queue.put("a.png", RED))
    queue.fresh()
    assert queue.send(queue.put("a.png", b"no picture")) == []
    assert queue.kept("a.png") == []
    assert queue.cdn.told == ["default/a.png"]
    assert [code for _, code, _ in queue.letters()] == ["not_an_image"]


def test_while_the_store_is_away_messages_come_again(queue_of: QueueOf) -> None:
    """Nothing is dead for a failure of the moment."""
    queue = queue_of(originals_at=f"http://127.0.0.1:{free_port()}")
    body = queue.created("a.png")
    assert queue.send(body) == [body]
    assert queue.letters() == []


def test_what_fails_the_last_time_is_dead_with_the_reason(queue_of: QueueOf) -> None:
    """The queue would move it as it is: so it goes as a letter that says why, and counts as done."""
    queue = queue_of(originals_at=f"http://127.0.0.1:{free_port()}")
    body = queue.created("a.png")
    assert queue.send(body, attempt=TRIES - 1) == [body]
    assert queue.send(body, attempt=TRIES) == []
    [(text, code, reason)] = queue.letters()
    assert (text, code) == (body, "store_away")
    assert reason


def test_a_replica_does_not_stand_in(queue_of: QueueOf, buckets: S3Server) -> None:
    """It is behind: what it still has, or not yet, says nothing of what happened; the message comes again."""
    replica = buckets.bucket()
    buckets.boto().put_object(Bucket=replica, Key="a.png", Body=RED)
    url = f"s3://{replica}?endpoint={buckets.url}"
    queue = queue_of({"IMAGEMILL_ORIGINALS__REPLICA_URL": url}, originals_at=f"http://127.0.0.1:{free_port()}")
    body = queue.created("a.png")
    assert queue.send(body) == [body]
    assert queue.names() == []


def test_a_cdn_that_is_away_is_told_when_the_message_comes_again(queue_of: QueueOf) -> None:
    """A change is noted as told only when the CDN has taken it."""
    queue = queue_of()
    queue.send(queue.put("a.png", RED))
    body = queue.put("a.png", BLUE)
    queue.cdn.away = True
    assert queue.send(body) == [body]
    queue.cdn.away = False
    assert queue.send(body) == []
    assert queue.cdn.told == ["default/a.png"]


def test_what_no_time_is_left_for_comes_again(queue_of: QueueOf) -> None:
    """The first message always has its turn; when the rest is too short for one more, the others are named."""
    queue = queue_of()
    bodies = [queue.put(f"{name}.png", RED) for name in "abc"]
    running_out = Countdown([60.0, 60.0, 60.0, 60.0, 3.0])
    assert queue.send(*bodies, context=running_out) == bodies[1:]
    assert (queue.record("a.png") is not None, queue.names("default/b")) == (True, [])
    assert queue.send(*bodies[1:], context=Context(4.0)) == []


def test_variants_are_made_before_anybody_asks(queue_of: QueueOf) -> None:
    """Each list in each format that browsers name, under the names that URLs have; again costs nothing."""
    queue = queue_of({"IMAGEMILL_ORIGINALS__EAGER": "w=20,w=10&fm=webp"})
    body = queue.put("a.png", GRADIENT)
    assert queue.send(body) == []
    leaves = {name.partition("/")[2] for name in queue.kept("a.png")}
    assert leaves == {"w=20@avif.avif", "w=20@webp.webp", "w=20@jpg.jpg", "w=10.webp"}
    before = queue.dates("a.png")
    queue.fresh()
    assert queue.send(body) == []
    assert queue.dates("a.png") == before


@pytest.mark.parametrize("lists", ["w=nonsense", "w=100000", "p=card", "w=20/30", "w=20&redact=blur:faces"])
def test_wrong_lists_stop_the_start(queue_of: QueueOf, lists: str) -> None:
    """A list that could never be made is a wrong setting, said by its name."""
    queue = queue_of({"IMAGEMILL_ORIGINALS__EAGER": lists})
    with pytest.raises(SettingsError, match=r"originals\.eager"):
        queue.send(queue.created("a.png"))


def test_an_event_without_a_queue_is_one_message(queue_of: QueueOf) -> None:
    """S3 or EventBridge calling the function itself: carried out, or dead with the reason, or raised to be repeated."""
    queue = queue_of()
    event = json.loads(queue.put("a.png", RED))
    assert queue.function(event, Context(60.0)) == {"batchItemFailures": []}
    assert queue.record("a.png")
    assert queue.function({"what": "is this"}, Context(60.0)) == {"batchItemFailures": []}
    assert [code for _, code, _ in queue.letters()] == ["unknown_event"]


def test_an_upload_is_finished_by_its_event(queue_of: QueueOf) -> None:
    """Bytes in quarantine become the original and go from there; the second event finds nothing to do."""
    queue = queue_of()
    upload = queue.ticket("up/a.png")
    body = queue.put(f".imagemill/quarantine/{upload}", RED)
    assert queue.send(body, body) == []
    assert (queue.record("up/a.png")["facts"]["width"], queue.waiting()) == (40, [])
    gone = message(queue.originals, f".imagemill/quarantine/{upload}", "ObjectRemoved:Delete")
    assert queue.send(gone, body, queue.created("up/a.png")) == []
    assert queue.state(upload) == "done"
    assert (queue.cdn.told, queue.letters()) == ([], [])


def test_an_upload_that_is_no_picture_is_refused_once(queue_of: QueueOf) -> None:
    """Its ticket says why; the bytes are gone, and there is no letter to look after."""
    queue = queue_of()
    upload = queue.ticket("bad.png")
    assert queue.send(queue.put(f".imagemill/quarantine/{upload}", b"no picture")) == []
    assert (queue.state(upload), queue.waiting(), queue.letters()) == ("failed", [], [])


def test_bytes_without_a_ticket_are_dead_with_the_reason(queue_of: QueueOf) -> None:
    """Somebody laid them there past us: they become nothing."""
    queue = queue_of()
    body = queue.put(".imagemill/quarantine/0123456789abcdef01234567", RED)
    assert queue.send(body) == []
    assert [(text, code) for text, code, _ in queue.letters()] == [(body, "no_such_upload")]
