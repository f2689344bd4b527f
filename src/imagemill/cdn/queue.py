"""Purges on their way to the CDN: gathered for a moment, sent in batches, repeated until they are taken.

Separate from the adapters, which send one batch: CDNs bound how often they may be asked (Cloudflare: 5 calls a minute
on its free plan), so what comes together goes together, each tag once. A CDN that is away is asked again for a quarter
of an hour, with growing pauses and jitter; then the purge counts as failed, loudly.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable

from imagemill.cdn.port import CdnError, Purger
from imagemill.observability.logging import events

GATHER = 0.2
"""Seconds that a first tag waits for others."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 400.0)
MAX_WAITING = 100_000
"""Tags that wait; beyond it the oldest are dropped and their purges failed, rather than filling the memory."""
MAX_STATES = 1000
CLOSING = 5.0


class CdnQueue:
    """The tags that wait for one CDN; calls belong to one event loop."""

    def __init__(
        self,
        purger: Purger,
        *,
        gather: float = GATHER,
        pauses: tuple[float, ...] = PAUSES,
        finished: Callable[[str, str, str], None] = lambda number, state, reason: None,
        given_up: Callable[[str, set[str]], None] | None = None,
    ) -> None:
        """Times are in seconds; tests shorten them. `finished` is told a purge's number, how it ended, and why.

        `given_up` is told each tag that the CDN has not taken, and the numbers of its purges, which stay pending: it is
        somebody else's from then on. None: they have failed.
        """
        self._given_up = given_up
        self._finished = finished
        self._purger = purger
        self._gather = gather
        self._pauses = pauses
        self._waiting: OrderedDict[str, set[str]] = OrderedDict()
        self._states: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._open: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._sending: dict[str, set[str]] = {}
        self._closing = False

    def add(self, number: str | None, tags: Iterable[str]) -> None:
        """Have `tags` purged soon; `number` names the purge in `state`."""
        for tag in tags:
            waiters = self._waiting.setdefault(tag, set())
            if number is not None and number not in waiters:
                waiters.add(number)
                self._open[number] = self._open.get(number, 0) + 1
                self._note(number, "pending")
        while len(self._waiting) > MAX_WAITING:
            _, waiters = self._waiting.popitem(last=False)
            self._finish([waiters], f"More than {MAX_WAITING} purges waited for the CDN.")
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def state(self, number: str) -> str:
        """Return pending, done or failed; what is no longer remembered has been done."""
        return self._states.get(number, ("done", ""))[0]

    async def _run(self) -> None:
        await asyncio.sleep(self._gather)
        while self._waiting:
            tags = list(self._waiting)[: self._purger.most]
            waiters = [self._waiting.pop(tag) for tag in tags]
            self._sending = dict(zip(tags, waiters, strict=True))
            reason = await self._send(tags)
            self._sending = {}
            if reason and self._given_up is not None:
                self._give_up(self._given_up, zip(tags, waiters, strict=True))
            else:
                self._finish(waiters, reason)

    def _give_up(self, given_up: Callable[[str, set[str]], None], asked: Iterable[tuple[str, set[str]]]) -> None:
        for tag, numbers in asked:
            for number in numbers:
                self._open.pop(number, None)
            given_up(tag, numbers)

    async def surrender(self) -> None:
        """Give up what the CDN has not taken by now, as `given_up` has it."""
        if self._given_up is None or self._task is None or self._task.done():
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        left = {**self._sending, **self._waiting}
        self._sending = {}
        self._waiting.clear()
        self._give_up(self._given_up, left.items())

    async def _send(self, tags: list[str]) -> str:
        """Return why the CDN has not taken `tags`, an empty text where it has."""
        reason = ""
        for pause in (*self._pauses, None):
            try:
                await self._purger.purge(tags)
            except CdnError as error:
                if error.lasting or pause is None or self._closing:
                    say = events().error if self._given_up is None else events().warning  # then it is not over
                    say("cdn.purge_failed", detail=error.sentence, tags=tags[:10])
                    return error.sentence
                reason = error.sentence
                events().warning("cdn.purge_repeated", detail=error.sentence)
                # Jitter, so that the nodes of a cluster do not all come back at the same moment.
                await asyncio.sleep(max(error.retry_after or 0.0, pause * (0.5 + random.random() / 2)))  # noqa: S311 - no secret
            else:
                return ""
        return reason

    def _finish(self, waiters: Iterable[set[str]], reason: str) -> None:
        """Note that waiters have what they waited for, or with a `reason` that one of their tags was not taken."""
        for number in (number for group in waiters for number in group):
            left = self._open.get(number, 1) - 1
            if reason:
                self._note(number, "failed", reason)
            if left:
                self._open[number] = left
                continue
            self._open.pop(number, None)
            if self.state(number) != "failed":
                self._note(number, "done")
            self._finished(number, *self._states[number])

    def _note(self, number: str, state: str, reason: str = "") -> None:
        self._states[number] = (state, reason)
        while len(self._states) > MAX_STATES:
            self._states.popitem(last=False)

    async def idle(self, seconds: float) -> bool:
        """Wait until nothing waits, be it taken or given up, for `seconds` at most; say whether that came."""
        if self._task is None or self._task.done():
            return True
        return bool((await asyncio.wait({self._task}, timeout=seconds))[0])

    async def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._closing = True
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=CLOSING)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        lost = [*self._sending, *self._waiting]
        if lost:
            events().error("cdn.purge_lost", detail="The server stopped before the CDN took it.", tags=lost[:1000])
        await self._purger.close()
