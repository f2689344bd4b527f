"""The port of leases: who makes a variant while others, in other processes and on other nodes, wait for it.

A lease is an economy, never a lock. Two makers of one variant are harmless: both results are right, one is kept. So an
adapter that cannot reach what it shares gives the lease to everyone who asks, a lease ends by itself when its holder
dies, and nobody waits for one longer than the make could take (threat C6, "leader killed: one new leader").

Adapters: `file_leases` (processes of one machine), `redis_leases`, `store_leases` (nodes that share nothing but a
store), `layered_leases` (first this machine, then the others), `no_leases` (one process).
"""

from __future__ import annotations

import hashlib
from typing import Protocol


class Lease(Protocol):
    """The right to make one thing, until it is released or runs out."""

    @property
    def seconds(self) -> float:
        """How long it lasts from the last `take` or `renew`; 0 for one that lasts as long as its process."""
        ...

    async def renew(self) -> bool:
        """Let it last `seconds` from now; False where somebody else has it by now. Never raises."""
        ...

    async def release(self) -> None:
        """Give it back; safe twice and after it ran out. Never raises."""
        ...


class Leases(Protocol):
    """Leases by name."""

    @property
    def pause(self) -> float:
        """Seconds that one waiter should leave between two tries to take a lease: what a try costs decides."""
        ...

    async def take(self, name: str, seconds: float) -> Lease | None:
        """Return the lease of `name` for `seconds`, None while somebody else has it. Never raises, never waits."""
        ...

    async def close(self) -> None:
        """Release what is held."""
        ...


class FreeLease:
    """A lease that anyone may have: nothing is shared, or what is shared cannot be reached."""

    seconds = 0.0

    async def renew(self) -> bool:
        """Nobody else can have taken it."""
        return True

    async def release(self) -> None:
        """There is nothing to give back."""


FREE = FreeLease()


def digest_of(name: str) -> str:
    """Return `name` as 32 hex digits, fit for a file, an object's key or a Redis key; names may be long and odd."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
