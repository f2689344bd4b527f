"""Originals on web servers as an object store that can only be read: head, stamp and open, and nothing to list.

A key is either what follows a source's base (`cats/tom.jpg` below `https://cdn.example.com/media/`) or a whole address
on a listed host. Everything is asked with GET, whole: hosts answer HEAD wrongly or not at all, and the digest of the
bytes is the original's identity, so a host that renames unchanged bytes (another ETag from another replica) makes no
new variants. The bytes of the last answers are kept for a moment, so that a first look, the reading of its header and
all widths of one page are one question.

A host is asked again for changes at most every `recheck` seconds, sooner where it said so (`Cache-Control: max-age`);
what it says beyond that does not count, for a change must be noticed within `originals.recheck`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from imagemill.errors import ImagemillError, Overloaded, Refused
from imagemill.object_store.guard import Breaker
from imagemill.object_store.https.body import Body
from imagemill.object_store.https.failures import FetchFailed, FetchSlow, not_allowed, public
from imagemill.object_store.https.fetch import Fetched, Fetcher, Unchanged
from imagemill.object_store.https.location import Location, Reach, looks_like_url, read_location
from imagemill.object_store.https.seen import Seen, SeenBook
from imagemill.object_store.key_locks import KeyLocks
from imagemill.object_store.opened import Opened
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, Page, Upload

log = logging.getLogger(__name__)

MAX_KNOWN = 50_000
"""Originals whose validators are remembered in this process; about 600 bytes each."""
MAX_ABSENT = 10_000
ABSENT_SECONDS = 5.0
"""For how long "there is none" and "it failed" are believed: a broken page must not ask its host at every view."""
RECENT_SECONDS = 30.0
RECENT_BYTES = 256 * 1024 * 1024
RECENT_BODIES = 64
SHORTEST_LOOK = 1.0
MAX_QUESTIONS = 16
"""Questions to one source at once; more wait, and their time counts."""


@dataclass(slots=True)
class _Known:
    seen: Seen
    look_after: float


class _Recent:
    """The bodies of the last answers, for a moment: few, bounded in bytes, released by time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._bodies: OrderedDict[str, tuple[Body, float]] = OrderedDict()

    def keep(self, key: str, body: Body) -> None:
        """Keep `body`; it is closed when its time is over or room is needed."""
        self.drop(key)
        self._bodies[key] = (body, self._clock() + RECENT_SECONDS)
        while self._crowded() and len(self._bodies) > 1:
            self.drop(next(iter(self._bodies)))
        asyncio.get_running_loop().call_later(RECENT_SECONDS, self._expire)

    def find(self, key: str, sha256: str) -> Body | None:
        """Return the body of `key` if its bytes are those with this digest."""
        body, until = self._bodies.get(key, (None, 0.0))
        return body if body is not None and body.sha256 == sha256 and until > self._clock() else None

    def drop(self, key: str) -> None:
        """Release the body of `key`, if there is one."""
        kept = self._bodies.pop(key, None)
        if kept is not None:
            kept[0].close()

    def clear(self) -> None:
        """Release all."""
        for key in list(self._bodies):
            self.drop(key)

    def _crowded(self) -> bool:
        total = sum(body.size for body, _ in self._bodies.values())
        return len(self._bodies) > RECENT_BODIES or total > RECENT_BYTES

    def _expire(self) -> None:
        now = self._clock()
        for key in [key for key, (_, until) in self._bodies.items() if until <= now]:
            self.drop(key)


class HttpsStore:
    """Objects on the hosts of one source. See `port.ObjectStore`."""

    def __init__(
        self,
        fetcher: Fetcher,
        reach: Reach,
        book: SeenBook,
        *,
        recheck: float,
        on_close: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`recheck` is in seconds: a change on a host is noticed within it; `on_close` releases the resolver."""
        self._fetcher = fetcher
        self._reach = reach
        self._book = book
        self._look_every = max(SHORTEST_LOOK, recheck / 2)  # the other half is for what believes our stamp
        self._on_close = on_close
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._absent: OrderedDict[str, tuple[float, ImagemillError | None]] = OrderedDict()
        self._recent = _Recent(clock)
        self._locks = KeyLocks()
        self._breakers: OrderedDict[str, Breaker] = OrderedDict()
        self._questions = asyncio.Semaphore(MAX_QUESTIONS)

    @property
    def writable(self) -> bool:
        """Never: these are other people's servers."""
        return False

    async def begin(self) -> Upload:
        """Refuse."""
        self._refuse()

    async def head(self, key: str) -> ObjectInfo | None:
        """Return what the original is; the first time all of its bytes are read for it."""
        seen = await self._seen(key)
        return None if seen is None else seen.info(key)

    async def stamp(self, key: str) -> str | None:
        """Return what changes with the bytes; asks the host where the last answer is too old."""
        seen = await self._seen(key)
        return None if seen is None else seen.stamp

    async def open(self, key: str, *, known: ObjectInfo | None = None) -> Opened | None:
        """Open the original: the bytes of a moment ago if they are those that are `known`, else asked for again."""
        location = self._locate(key)
        if location is None:
            return None
        async with self._locks.hold(key):
            seen = self._fresh(key)
            body = None
            if seen is not None and (known is None or known.etag == seen.sha256):
                body = self._recent.find(key, seen.sha256)
            if seen is None or body is None:
                if self._is_absent(key):
                    return None
                seen = await self._ask(key, location, whole=True)
                body = None if seen is None else self._recent.find(key, seen.sha256)
            if seen is None or body is None:
                return None
            return Opened(seen.info(key), body.open())

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Refuse."""
        self._refuse()

    async def list(self, prefix: str = "", *, delimiter: str = "", after: str = "", limit: int = 1000) -> Page:
        """Return nothing: a web server does not say what it has."""
        return Page((), (), None)

    async def sweep(self, older_than: float) -> int:
        """Nothing is left behind."""
        return 0

    async def close(self) -> None:
        """Release the bodies and the resolver."""
        self._recent.clear()
        self._on_close()

    def doubt(self, key: str) -> None:
        """Ask the host before anything is said of `key` again."""
        self._known.pop(key, None)
        self._absent.pop(key, None)

    # ---- asking

    def _locate(self, key: str) -> Location | None:
        """Return where `key` is; raise InvalidRequest or Refused for an address that this source does not serve."""
        if looks_like_url(key):
            location = read_location(key)
            if not self._reach.lists(location):
                raise not_allowed()
            return location
        # A host may merge slashes and turn backslashes: then one original had two keys, and one of them not private.
        if self._reach.base is None or "\\" in key or "" in key.split("/"):
            return None
        return self._reach.base.below(key)

    async def _seen(self, key: str) -> Seen | None:
        seen = self._fresh(key)
        if seen is not None or self._is_absent(key):
            return seen
        location = self._locate(key)
        if location is None:
            return None
        async with self._locks.hold(key):
            seen = self._fresh(key)
            if seen is not None or self._is_absent(key):
                return seen
            return await self._ask(key, location)

    def _fresh(self, key: str) -> Seen | None:
        known = self._known.get(key)
        if known is None or known.look_after <= self._clock():
            return None
        self._known.move_to_end(key)
        return known.seen

    def _is_absent(self, key: str) -> bool:
        """Say whether the host had nothing a moment ago; raise what it failed with if it failed."""
        until, error = self._absent.get(key, (0.0, None))
        if until <= self._clock():
            self._absent.pop(key, None)
            return False
        if error is not None:
            raise error.with_traceback(None)
        return True

    async def _ask(self, key: str, location: Location, *, whole: bool = False) -> Seen | None:
        """Ask the host and remember what it says; the caller holds the key. `whole` takes no "unchanged"."""
        known = self._known.get(key)
        before = await self._book.read(str(location)) if known is None else known.seen
        try:
            answer = await self._question(location, None if whole else before)
        except Overloaded as error:
            self._set_absent(key, error)
            raise
        if answer is None:
            self._known.pop(key, None)
            self._recent.drop(key)
            self._set_absent(key, None)
            return None
        if isinstance(answer, Unchanged):
            assert before is not None
            seen = before
        else:
            seen = Seen.of(answer, time.time())
            self._recent.keep(key, answer.body)
            if seen != before:
                await self._book.write(str(location), seen)
        self._remember(key, seen, answer.max_age)
        return seen

    async def _question(self, location: Location, known: Seen | None) -> Fetched | Unchanged | None:
        """Put one question, unless its host has not answered for a while."""
        breaker = self._breaker(location.origin)
        if breaker.admit():
            raise public(FetchFailed("the host has not answered for a while"))
        try:
            async with self._questions:
                answer = await self._fetcher.get(location, None if known is None else known.validators)
        except FetchFailed as error:
            if error.away or isinstance(error, FetchSlow):
                breaker.failed()
            else:
                breaker.succeeded()
            log.warning("A source host failed: %s", error)
            raise public(error) from None
        except BaseException:
            breaker.given_up()
            raise
        breaker.succeeded()
        return answer

    def _breaker(self, origin: str) -> Breaker:
        breaker = self._breakers.setdefault(origin, Breaker(self._clock))
        self._breakers.move_to_end(origin)
        while len(self._breakers) > MAX_ABSENT:
            self._breakers.popitem(last=False)
        return breaker

    def _remember(self, key: str, seen: Seen, max_age: int | None) -> None:
        every = self._look_every if max_age is None else min(self._look_every, max(SHORTEST_LOOK, max_age))
        self._absent.pop(key, None)
        self._known[key] = _Known(seen, self._clock() + every)
        self._known.move_to_end(key)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _set_absent(self, key: str, error: ImagemillError | None) -> None:
        self._absent[key] = (self._clock() + ABSENT_SECONDS, error)
        self._absent.move_to_end(key)
        while len(self._absent) > MAX_ABSENT:
            self._absent.popitem(last=False)

    def _refuse(self) -> NoReturn:
        raise Refused("The originals of this source can only be read.", code="read_only")
