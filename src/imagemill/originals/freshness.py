"""For how long an original is believed: fresh, then served while one look runs behind, then not without a look.

Pure policy, separate from `entries`, which keeps the times. RFC 5861 gives the two names: stale-while-revalidate saves
every asker the wait for the store, stale-if-error keeps pictures up while it is away. Two bounds make them safe (threat
C7): what another process replaced or deleted is served for `limit` seconds at most, counted from the beginning of the
last look that went well, and a look that fails extends that up to `if_error` and no further.
"""

from __future__ import annotations

from dataclasses import dataclass

JITTER = 0.1
"""Each time of freshness is drawn from ±10 %, so that what was met together is not looked at together for ever."""
SHARE_ALONE = 0.9
"""Of `originals.recheck`: the rest of it is left for the look behind the answers."""
FIRST_RETRY = 0.5
LONGEST_RETRY = 4.0
"""Seconds between looks at a key while they fail: doubled each time, and drawn from the upper half of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """All in seconds: believed without a look for `check`, never served after `limit` but on error, up to `if_error`.

    While looks fail a picture may be served for twice the pause between them after the last one: at most `2 *
    LONGEST_RETRY` after the store has come back.
    """

    check: float
    limit: float
    if_error: float

    @classmethod
    def alone(cls, recheck: float, if_error: float) -> Freshness:
        """Return what one process with a store of its own needs: only people change things behind its back."""
        return cls(check=recheck * SHARE_ALONE, limit=recheck, if_error=if_error)

    @classmethod
    def shared(cls, check: float, if_error: float) -> Freshness:
        """Return what each of several processes on one store needs: nothing is served for longer than 2 × `check`."""
        return cls(check=check, limit=2 * check, if_error=if_error)

    @classmethod
    def told(cls, seconds: float, if_error: float) -> Freshness:
        """Return what each of several needs while changes are told: a message may be lost, so not for ever."""
        return cls(check=seconds * SHARE_ALONE, limit=seconds, if_error=if_error)

    def fresh_for(self, draw: float) -> float:
        """Return how long a good look counts; `draw` is a random number from 0 to 1."""
        return min(self.limit, self.check * (1 - JITTER + 2 * JITTER * draw))

    @staticmethod
    def pause(failures: int, draw: float) -> float:
        """Return how long no other look is taken after `failures` failed ones (1 or more)."""
        longest: float = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 16))
        return longest * (1 + draw) / 2
