"""Leases for a process that shares nothing: its own makes are made once already (`delivery.coalesce`)."""

from __future__ import annotations

from imagemill.coordination.leases import FREE, Lease


class NoLeases:
    """Everyone who asks may make. See `leases.Leases`."""

    pause = 1.0

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return a lease that costs nothing."""
        return FREE

    async def close(self) -> None:
        """Nothing is held."""
