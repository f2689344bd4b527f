"""A lease held while something is made, for as long as that takes: renewed in the background, given back in the end."""

from __future__ import annotations

import asyncio

from imagemill.coordination.leases import Lease

RENEWALS = 3
"""How often a lease is renewed in the time it lasts: two may be lost."""


class Holding:
    """A lease that is renewed until `release`. A maker that loses it goes on: two makers are harmless."""

    def __init__(self, lease: Lease) -> None:
        """Start renewing, where the lease runs out at all."""
        self._lease = lease
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._over = False
        self._soon()

    async def release(self) -> None:
        """Stop renewing and give the lease back; safe twice."""
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._renewing is not None:
            await asyncio.wait({self._renewing})  # cut off, it might leave a lease that we no longer know as ours
        await self._lease.release()

    def _soon(self) -> None:
        """Renew after a part of its time; a timer costs most makes nothing, because they end before it."""
        if self._lease.seconds > 0 and not self._over:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._lease.seconds / RENEWALS, self._renew)

    def _renew(self) -> None:
        self._renewing = asyncio.get_running_loop().create_task(self._renew_once())

    async def _renew_once(self) -> None:
        if await self._lease.renew():
            self._soon()
