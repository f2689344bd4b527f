"""Two kinds of leases, one behind the other: the cheap one first, so that a node asks the dear one but once."""

from __future__ import annotations

from imagemill.coordination.leases import FREE, Lease, Leases


class LayeredLease:
    """Both leases; see `leases.Lease`."""

    def __init__(self, near: Lease, far: Lease) -> None:
        self._near = near
        self._far = far

    @property
    def seconds(self) -> float:
        """The shorter of the two that run out at all."""
        lasting = [lease.seconds for lease in (self._near, self._far) if lease.seconds > 0]
        return min(lasting, default=0.0)

    async def renew(self) -> bool:
        """Renew both."""
        near = await self._near.renew()
        return await self._far.renew() and near

    async def release(self) -> None:
        """Release the far one first: who waits near finds both free."""
        await self._far.release()
        await self._near.release()


class LayeredLeases:
    """`near` between the processes of a machine, `far` between machines. See `leases.Leases`."""

    def __init__(self, near: Leases, far: Leases) -> None:
        self._near = near
        self._far = far

    @property
    def pause(self) -> float:
        """The far one's: it is the dear one, and most waiters of this machine are stopped before it."""
        return self._far.pause

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return a lease only where both could be had."""
        near = await self._near.take(name, seconds)
        if near is None:
            return None
        try:
            far = await self._far.take(name, seconds)
        except BaseException:
            await near.release()
            raise
        if far is None:
            await near.release()
            return None
        return FREE if near is FREE and far is FREE else LayeredLease(near, far)

    async def close(self) -> None:
        """Close both."""
        await self._far.close()
        await self._near.close()
