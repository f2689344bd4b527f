"""What CloudFront does not take from the API's function: left to the queue of events, and carried out from there."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.control.control_kit import OWN_KEY
from tests.functions.http_events import Answered, Context, gateway_1
from tests.functions.queues import Queue
from tests.object_store.s3_servers import S3Server
from tests.originals.library_kit import picture
from tests.servers.recorder import Recorder, recording
from tests.serving import environment

from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.errors import InvalidRequest
from imagemill.functions import control
from imagemill.functions.backlog import MOST, QueueBacklog, changing_of, purges_of
from imagemill.functions.dead_letters import TRIES
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.warm import Warm
from imagemill.settings import Settings

RED, BLUE = picture("red"), picture("blue", (64, 48))
KEY = {"x-api-key": OWN_KEY, "content-type": "application/json"}
XML = {"content-type": "text/xml"}
REFUSED = (403, XML, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
TAKEN = (201, XML, b"<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>")


@dataclass
class Side:
    """The API's function, the queue of events with its own function, and the CloudFront that the API's one asks."""

    queue: Queue
    cloudfront: Recorder
    api: Warm
    events: str
    environ: dict[str, str]

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> Answered:
        """Ask the API."""
        return Answered(HttpFunction(self.api, control.admitted)(gateway_1(target, method, KEY, body=body), Context()))

    def say(self, target: str, method: str, said: dict[str, Any]) -> Any:
        """Ask the API with JSON and return its answer's."""
        answer = self.ask(target, method, json.dumps(said).encode())
        assert answer.status < 300, answer.body
        return json.loads(answer.body)


@pytest.fixture
def side(buckets: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    """Both functions over the same buckets; CloudFront refuses the API's."""
    originals, variants = buckets.bucket(), buckets.bucket()
    (tmp_path / "a.key").write_text(OWN_KEY + "\n")
    (tmp_path / "a.key").chmod(0o600)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", buckets.access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", buckets.secret)
    environ = {
        "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={buckets.url}",
        "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={buckets.url}",
        "IMAGEMILL_S3__ACCESS_KEY_ID": buckets.access,
        "IMAGEMILL_S3__SECRET_ACCESS_KEY": buckets.secret,
        "IMAGEMILL_ADMIN__KEY_FILE": str(tmp_path / "a.key"),
    }

    numbers = itertools.count(1)

    async def start() -> FunctionPlatform:
        folder = {"IMAGEMILL_DATA__DIR": str(tmp_path / f"events-{next(numbers)}")}
        return await build(Settings.load(environ={**environ, **folder}))

    queue = Queue(buckets, start, originals, variants)
    events = queue.sqs.create_queue(QueueName=f"backlog-{queue.number}")["QueueUrl"]
    with recording() as cloudfront:
        cloudfront.answers = [REFUSED]
        cdn = {"IMAGEMILL_CDN__KIND": "cloudfront", "IMAGEMILL_CDN__ZONE": "Z1", "IMAGEMILL_CDN__URL": cloudfront.url}

        async def api() -> FunctionPlatform:
            folder = {"IMAGEMILL_DATA__DIR": str(tmp_path / "api")}
            backlog = QueueBacklog(events, queue.environ)
            return await build(Settings.load(environ={**environ, **cdn, **folder}), asks_cdn=True, backlog=backlog)

        warm = Warm(api)
        whole = {**environ, **cdn, **queue.environ, "IMAGEMILL_DATA__DIR": str(tmp_path / "dying")}
        yield Side(queue, cloudfront, warm, events, whole)
        warm.close()
        for one in queue.warms:
            one.close()


def test_a_purge_that_cloudfront_refuses_is_done_by_the_queue(side: Side) -> None:
    """Pending as long as it waits; done in every process's eyes when the events function has had it taken."""
    side.ask("/v1/originals/a.png", "PUT", RED)
    told = side.say("/v1/purges", "POST", {"prefix": "photos/"})
    assert told["layers"]["cdn"] == "pending"
    (body,) = side.queue.received(side.events)
    side.queue.cdn.away = True
    assert side.queue.send(body) == [body]
    assert json.loads(side.ask(f"/v1/purges/{told['id']}").body)["layers"]["cdn"] == "pending"
    side.queue.cdn.away = False
    assert side.queue.send(body) == []
    assert side.queue.cdn.told == ["default/photos/"]
    assert side.queue.letters() == []
    side.queue.fresh()  # nothing of this is in a memory
    seen = side.queue.function.warm.run(_receipt(told["id"]))
    assert seen == "done"


def view(side: Side, number: str) -> Any:
    """Return what the API tells of a purge."""
    return json.loads(side.ask(f"/v1/purges/{number}").body)


@pytest.mark.parametrize("how", ["tried for the last time", "refused for good"])
def test_a_purge_that_is_given_up_has_failed_and_says_why(side: Side, how: str) -> None:
    """With the reason of its dead letter, for every process; sent back and taken, it is done after all."""
    told = side.say("/v1/purges", "POST", {"prefix": "photos/"})
    assert (told["layers"]["cdn"], told["reason"]) == ("pending", None)
    (body,) = side.queue.received(side.events)
    side.queue.cdn.away = how == "tried for the last time"
    side.queue.cdn.refuses = not side.queue.cdn.away
    if side.queue.cdn.away:
        assert side.queue.send(body, attempt=TRIES - 1) == [body]
        assert (side.queue.letters(), view(side, told["id"])["layers"]["cdn"]) == ([], "pending")
    assert side.queue.send(body, attempt=TRIES if side.queue.cdn.away else 1) == []
    [(letter, code, reason)] = side.queue.letters()
    assert (letter, code) == (body, "cdn_failed")
    eventually(lambda: view(side, told["id"])["layers"]["cdn"], "failed")
    assert view(side, told["id"])["reason"] == reason
    side.queue.cdn.away = side.queue.cdn.refuses = False
    assert side.queue.send(letter) == []
    eventually(lambda: view(side, told["id"])["layers"]["cdn"], "done")
    assert view(side, told["id"])["reason"] is None


def eventually(look: Callable[[], str], expected: str) -> None:
    """Wait until a process has seen what another one noted: it looks every second."""
    deadline = time.monotonic() + 30
    while (found := look()) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def _receipt(number: str) -> Any:
    async def look(platform: FunctionPlatform) -> str:
        receipt = platform.purging.receipt(number)
        assert receipt is not None
        return receipt.layers["cdn"]

    return look


@pytest.mark.parametrize("change", ["replaced", "closed", "deleted"])
def test_a_change_that_cloudfront_refuses_is_told_by_the_queue(side: Side, change: str) -> None:
    """Whatever S3's own event says of it, or where there is none: the original's tag is purged."""
    side.ask("/v1/originals/a.png", "PUT", RED)
    assert side.queue.received(side.events) == []
    if change == "replaced":
        side.ask("/v1/originals/a.png", "PUT", BLUE)
    elif change == "closed":
        side.say("/v1/originals/a.png", "PATCH", {"private": True})
    else:
        assert side.ask("/v1/originals/a.png", "DELETE").status == 204
    bodies = side.queue.received(side.events)
    assert side.queue.send(*bodies) == []
    assert side.queue.cdn.told == ["default/a.png"]


CHANGES = {
    "closed": ("PATCH", b'{"private": true}'),
    "focused": ("PATCH", b'{"focal": {"x": 0.1, "y": 0.9}}'),
    "deleted": ("DELETE", b""),
}
"""Changes of an original that S3 does not tell of, or of which nothing is left that says who had seen it."""


@pytest.mark.parametrize("change", ["closed", "deleted"])
def test_a_function_that_is_killed_before_the_cdn_is_told_leaves_word_of_its_change(side: Side, change: str) -> None:
    """The change is made, CloudFront has not answered, and the process is gone: the queue has the CDN told."""
    side.ask("/v1/originals/a.png", "PUT", RED)
    method, body = CHANGES[change]
    with socket.socket() as deaf:  # a CloudFront that takes the request and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        deaf.settimeout(60)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        command = [sys.executable, "-m", "tests.functions.dying_control", side.events, method, "a.png"]
        environ = environment({**side.environ, "IMAGEMILL_CDN__URL": url})
        dying = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE)
        assert dying.stdin is not None
        with dying.stdin as wanted:
            wanted.write(body)
        try:
            waiting, _ = deaf.accept()
        finally:
            dying.kill()
            dying.wait()
        waiting.close()  # not before: an answer, even that one, would let the function go on
    side.queue.fresh()
    bodies = side.queue.received(side.events)
    assert side.queue.cdn.told == []
    assert side.queue.send(*bodies) == []
    assert side.queue.cdn.told == ["default/a.png"]
    assert side.queue.send(*bodies) == []
    assert side.queue.cdn.told == ["default/a.png"]


def test_a_change_is_looked_at_when_it_must_be_over(side: Side) -> None:
    """The word of it waits for longer than the function may run, and is no reason to tell the CDN a second time."""
    side.cloudfront.answers = [TAKEN]
    side.ask("/v1/originals/a.png", "PUT", RED)
    for method, body in CHANGES.values():
        assert side.ask("/v1/originals/a.png", method, body).status < 300
    waiting = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    told = side.queue.sqs.get_queue_attributes(QueueUrl=side.events, AttributeNames=waiting)["Attributes"]
    assert [told[name] for name in waiting] == ["0", "3"]
    assert len(side.cloudfront.requests) == 3
    assert side.queue.send('{"changing": ["a.png"]}') == []
    assert side.queue.cdn.told == []


def test_a_queue_that_is_away_stops_no_change(side: Side) -> None:
    """Its word is for the case that the function dies as well; what people want gone is gone."""
    side.cloudfront.answers = [TAKEN]
    side.ask("/v1/originals/a.png", "PUT", RED)
    side.queue.sqs.delete_queue(QueueUrl=side.events)
    assert side.ask("/v1/originals/a.png", "DELETE").status == 204
    assert len(side.cloudfront.requests) == 1


def test_what_cloudfront_takes_is_left_to_nobody(side: Side) -> None:
    """One invalidation, and no message."""
    side.cloudfront.answers = [TAKEN]
    side.ask("/v1/originals/a.png", "PUT", RED)
    side.ask("/v1/originals/a.png", "PUT", BLUE)
    assert side.say("/v1/purges", "POST", {"key": "a.png"})["layers"]["cdn"] == "pending"
    assert len(side.cloudfront.requests) == 2
    assert side.queue.received(side.events) == []


def test_a_queue_that_is_away_is_asked_again_by_the_next_request(side: Side) -> None:
    """What nobody has taken yet is not forgotten while this process lives."""
    side.queue.sqs.delete_queue(QueueUrl=side.events)
    side.say("/v1/purges", "POST", {"key": "a.png"})
    side.queue.sqs.create_queue(QueueName=side.events.rpartition("/")[2])
    side.ask("/v1/originals")
    (body,) = side.queue.received(side.events)
    assert json.loads(body)["purge"][0][0] == "default/a.png"


@pytest.mark.parametrize("message", [{"changing": 1}, {"changing": [1]}, {"changing": [""]}, {"changing": ["a\x00"]}])
def test_a_message_of_changes_that_is_none_is_refused(message: object) -> None:
    """It becomes a dead letter, with the reason."""
    with pytest.raises(InvalidRequest):
        changing_of(message)


@pytest.mark.parametrize(
    "message",
    [{"purge": 1}, {"purge": ["ab"]}, {"purge": [["a"]]}, {"purge": [["a", [1]]]}, {"purge": [["", []]]}],
)
def test_a_message_of_purges_that_is_none_is_refused(message: object) -> None:
    """It becomes a dead letter, with the reason."""
    with pytest.raises(InvalidRequest, match="pairs"):
        purges_of(message)


def test_other_messages_are_not_ours() -> None:
    """S3's events and ours of keys are read elsewhere."""
    others: list[object] = [{"Records": []}, {"changed": ["a"]}, [], "purge", {"purge": [], "Records": []}]
    for message in others:
        assert purges_of(message) is None
        assert changing_of(message) is None


def test_many_tags_are_several_messages(side: Side) -> None:
    """None is longer than SQS takes."""
    backlog = QueueBacklog(side.events, side.queue.environ)

    async def leave(_: FunctionPlatform) -> None:
        await backlog.purges((f"tag-{number}", ["n"]) for number in range(MOST + 1))
        await backlog.close()

    side.api.run(leave)
    found = [json.loads(body)["purge"] for body in side.queue.received(side.events)]
    assert sorted(map(len, found)) == [1, MOST]
