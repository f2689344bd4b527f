"""The way to a worker, for makes and inspections alike: spend, wait for a slot, give back what never began."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from imagemill.delivery.coalesce import Flight
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending

T = TypeVar("T")


@asynccontextmanager
async def admitted(
    flight: Flight[T], client: str, seconds: float, *, slots: Slots, spending: Spending | None
) -> AsyncIterator[float]:
    """Hold a slot for work of `seconds` (estimated CPU); yield how long it was waited for, in seconds.

    `client` waits in its own queue and pays from its bucket, where there is `spending`. What fails in the engine stays
    paid, because pictures that fail are the dearest; what never began is given back. Raises TooMany, Overloaded.
    """
    slots.check(client, seconds)
    if spending is not None:
        await spending.take(client, seconds)
    came = time.perf_counter()
    try:
        async with slots.slot(client, seconds):
            flight.started = True
            yield time.perf_counter() - came
    except BaseException:
        if spending is not None and not flight.started:
            await spending.correct(client, seconds)
        raise
