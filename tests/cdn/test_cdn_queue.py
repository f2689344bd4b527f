from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from imagemill.cdn.port import CdnError
from imagemill.cdn.queue import CdnQueue


class Counting:
    """A CDN that notes its batches, and refuses as often as told."""

    most = 3

    def __init__(self, *refusals: CdnError) -> None:
        self.batches: list[list[str]] = []
        self.refusals = list(refusals)
        self.closed = False

    async def purge(self, tags: Sequence[str]) -> None:
        """Note, or refuse."""
        if self.refusals:
            raise self.refusals.pop(0)
        self.batches.append(list(tags))

    async def close(self) -> None:
        """Note."""
        self.closed = True


async def settled(queue: CdnQueue, number: str) -> str:
    """Return the state of a purge once it is no longer pending."""
    async with asyncio.timeout(60):
        while queue.state(number) == "pending":
            await asyncio.sleep(0.001)
    return queue.state(number)


def test_what_comes_together_goes_together() -> None:
    """Tags are gathered, each once, and sent in batches as large as the CDN takes."""

    async def run() -> None:
        cdn = Counting()
        queue = CdnQueue(cdn, gather=0.01, pauses=())
        for number, tags in {"1": "ab", "2": "bc", "3": "cde"}.items():
            queue.add(number, tags)
        assert queue.state("1") == "pending"
        assert [await settled(queue, number) for number in "123"] == ["done"] * 3
        assert cdn.batches == [["a", "b", "c"], ["d", "e"]]
        await queue.close()
        assert cdn.closed

    asyncio.run(run())


def test_a_busy_cdn_is_asked_again() -> None:
    """The purge is pending until it was taken."""

    async def run() -> None:
        cdn = Counting(CdnError("busy"), CdnError("busy"))
        queue = CdnQueue(cdn, gather=0, pauses=(0.001, 0.001))
        queue.add("1", "a")
        assert await settled(queue, "1") == "done"
        assert cdn.batches == [["a"]]
        await queue.close()

    asyncio.run(run())


def test_a_purge_that_cannot_succeed_is_failed() -> None:
    """After a lasting refusal at once, else after the last pause; the purges after it go on."""

    async def run() -> None:
        lasting = CdnQueue(Counting(CdnError("wrong token", lasting=True)), gather=0, pauses=(60,))
        lasting.add("1", "a")
        assert await settled(lasting, "1") == "failed"
        lasting.add("2", "a")
        assert await settled(lasting, "2") == "done"
        await lasting.close()
        busy = CdnQueue(Counting(*(CdnError("busy") for _ in range(3))), gather=0, pauses=(0.001, 0.001))
        busy.add("1", "a")
        assert await settled(busy, "1") == "failed"
        await busy.close()

    asyncio.run(run())


def test_whoever_waits_is_told_how_it_ended_and_why() -> None:
    """A purge that failed has the CDN's sentence, whether it was refused for good or too often; any other has none."""

    async def run() -> None:
        ends: list[tuple[str, str, str]] = []
        cdn = Counting(CdnError("wrong token", lasting=True), CdnError("busy"), CdnError("still busy"))
        queue = CdnQueue(cdn, gather=0, pauses=(0.001,), finished=lambda *end: ends.append(end))
        for number in "123":
            queue.add(number, "a")
            await settled(queue, number)
        assert ends == [("1", "failed", "wrong token"), ("2", "failed", "still busy"), ("3", "done", "")]
        await queue.close()

    asyncio.run(run())


def test_a_purge_of_which_one_batch_failed_is_failed() -> None:
    """Half a purge is not done."""

    async def run() -> None:
        queue = CdnQueue(Counting(CdnError("no", lasting=True)), gather=0, pauses=())
        queue.add("1", "abcde")
        assert await settled(queue, "1") == "failed"
        await asyncio.sleep(0.01)
        assert queue.state("1") == "failed"
        await queue.close()

    asyncio.run(run())


def test_a_stop_says_what_the_cdn_was_not_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CDN that is away when we stop: the log names the tags, so that a person can purge them."""
    monkeypatch.setattr("imagemill.cdn.queue.CLOSING", 0.05)

    async def run() -> None:
        queue = CdnQueue(Counting(*(CdnError("away") for _ in range(9))), gather=0, pauses=(60,))
        queue.add("1", ["default/lost.jpg"])
        await asyncio.sleep(0.01)
        await queue.close()

    asyncio.run(run())
    told = capsys.readouterr()
    assert "default/lost.jpg" in told.out + told.err


def test_who_must_end_waits_for_the_cdn_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to tell is told already; a CDN that is away is not waited for, and what it lacks is still told later."""
    monkeypatch.setattr("imagemill.cdn.queue.CLOSING", 0.05)

    async def run() -> None:
        cdn = Counting(CdnError("away"))
        queue = CdnQueue(cdn, gather=0, pauses=(60.0,))
        assert await queue.idle(60)
        queue.add("1", "a")
        assert not await queue.idle(0.01)
        assert queue.state("1") == "pending"
        await queue.close()
        quick = CdnQueue(Counting(), gather=0, pauses=())
        quick.add("2", "b")
        assert await quick.idle(60)
        assert quick.state("2") == "done"
        await quick.close()

    asyncio.run(run())


def test_what_is_not_taken_can_be_left_to_somebody_else() -> None:
    """What is refused for good, and what waits when there is no time left: each tag with its purges, still pending."""

    async def run() -> None:
        left: dict[str, set[str]] = {}
        queue = CdnQueue(Counting(CdnError("No.", lasting=True)), gather=0.01, pauses=(), given_up=left.__setitem__)
        queue.add("1", "ab")
        queue.add("2", "b")
        assert await queue.idle(10)
        assert left == {"a": {"1"}, "b": {"1", "2"}}
        assert queue.state("1") == "pending"
        busy = CdnQueue(Counting(*[CdnError("Busy.")] * 5), gather=0.01, pauses=(60.0,), given_up=left.__setitem__)
        busy.add("3", "cd")
        assert not await busy.idle(0.1)
        busy.add("4", "e")
        await busy.surrender()
        assert left | {"c": {"3"}, "d": {"3"}, "e": {"4"}} == left
        assert await busy.idle(0)
        await busy.close()
        await queue.close()

    asyncio.run(run())
