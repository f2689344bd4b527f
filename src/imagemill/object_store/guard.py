"""Calls to a store that is somewhere else: a deadline, a few retries with jitter, and a breaker for when it is away.

Separate from the adapters, which know what failed; here is only what to do about it. One layer retries, this one: the
clients below it are told not to. After `FAILURES` failures in a row the breaker opens: callers are refused at once
instead of each waiting for the deadline, and one at a time tries whether the store is back. Full jitter keeps many
processes from coming back in step (Brooker, "Exponential Backoff and Jitter", AWS 2015).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from imagemill.errors import Overloaded, StoreTooSlow

T = TypeVar("T")

Allow = Callable[[float], None]
"""Allows a call so many seconds more."""

ATTEMPTS = 3
FAILURES = 5
"""Failures in a row after which the breaker opens: more than one call's own attempts."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
OPEN_SECONDS = 1.0
LONGEST_OPEN_SECONDS = 15.0


class Away(Exception):
    """The store could not be reached, broke off, or said that it cannot just now; trying again makes sense."""


class Slow(Away):
    """The store did not answer in time."""


class Breaker:
    """Open while a store is away. Counts failures in a row; a half-open breaker lets one call through."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` is in seconds."""
        self._clock = clock
        self._failures = 0
        self._open_for = OPEN_SECONDS
        self._opens_at = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether callers are refused at once."""
        return self._failures >= FAILURES

    def admit(self) -> float:
        """Return 0 where a call may go ahead, else the seconds after which asking again makes sense."""
        if not self.is_open:
            return 0.0
        left = self._opens_at - self._clock()
        if left <= 0 and not self._probing:
            self._probing = True
            return 0.0
        return max(left, OPEN_SECONDS)

    def succeeded(self) -> None:
        """The store answered."""
        self._failures, self._open_for, self._probing = 0, OPEN_SECONDS, False

    def failed(self) -> None:
        """The store did not answer, or said that it cannot."""
        self._failures += 1
        # Those who were under way when it opened say nothing new; only a probe does.
        if self._failures == FAILURES or (self.is_open and self._probing):
            self._opens_at = self._clock() + self._open_for
            self._open_for = min(self._open_for * 2, LONGEST_OPEN_SECONDS)
        self._probing = False

    def given_up(self) -> None:
        """The caller went away before the store answered: nothing was learned."""
        self._probing = False


class Guard:
    """Carries out calls to one store."""

    def __init__(
        self,
        *,
        breaker: Breaker | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`pause` and `jitter` are for tests."""
        self.breaker = breaker or Breaker()
        self._pause = pause
        self._jitter = jitter

    async def call(self, work: Callable[[], Awaitable[T]], *, seconds: float) -> T:
        """Return what `work` returns; see `call_longer`."""
        return await self.call_longer(lambda _: work(), seconds=seconds)

    async def call_longer(self, work: Callable[[Allow], Awaitable[T]], *, seconds: float) -> T:
        """Return what `work` returns; it may be done up to `ATTEMPTS` times, so doing it twice must be harmless.

        What it raises goes through, but Away and Slow: those are tried again while `seconds` last, and end as
        Overloaded (`store_away`) or StoreTooSlow. `work` is given a function that allows it some seconds more, for when
        it turns out how much there is to do.
        """
        deadline = time.monotonic() + seconds

        def allow(more: float) -> None:
            nonlocal deadline
            deadline += more

        for attempt in range(1, ATTEMPTS + 1):
            self._admit()
            left = deadline - time.monotonic()
            # The last attempt may have all that is left; the others leave room for the next.
            share = left if attempt == ATTEMPTS else left / 2
            try:
                return await self._once(work, share, allow)
            except Away as error:
                pause = self._jitter(0, min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE))
                if attempt == ATTEMPTS or deadline - time.monotonic() <= pause:
                    raise self._public(error) from error
                await self._pause(pause)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, work: Callable[[Allow], Awaitable[T]], seconds: float, allow: Allow) -> T:
        try:
            async with asyncio.timeout(seconds) as limit:

                def longer(more: float) -> None:
                    limit.reschedule((limit.when() or 0.0) + more)
                    allow(more)

                result = await work(longer)
        except Away:
            self.breaker.failed()
            raise
        except TimeoutError:
            self.breaker.failed()
            raise Slow("the deadline has passed") from None
        except asyncio.CancelledError:
            self.breaker.given_up()
            raise
        except Exception:
            self.breaker.succeeded()  # a refusal is an answer
            raise
        self.breaker.succeeded()
        return result

    def _admit(self) -> None:
        wait = self.breaker.admit()
        if wait:
            raise away(wait)

    def _public(self, error: Away) -> Overloaded:
        if isinstance(error, Slow):
            return StoreTooSlow("The store did not answer in time; please try again.", retry_after=LONGEST_PAUSE)
        return away(LONGEST_PAUSE)


def away(seconds: float) -> Overloaded:
    """Return the error for a store that cannot be reached; asking again makes sense after `seconds`."""
    return Overloaded("The store cannot be reached now; please try again.", code="store_away", retry_after=seconds)
