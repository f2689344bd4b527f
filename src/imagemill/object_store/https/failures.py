"""What may be said when a source host fails: two sentences, whatever the reason (threat S6).

Separate from `fetch`, which knows the reason and tells the operator's log. An error that tells "refused" from "no such
name" from "unexpected answer" would let anybody try what lies behind this machine. Both are `Overloaded`, so whoever
bears with a store that is away, by answering from what is known, bears with a source that is.
"""

from __future__ import annotations

from imagemill.errors import Overloaded, Refused, StoreTooSlow

RETRY_AFTER = 5.0


class FetchFailed(Exception):
    """The source host could not be asked, or gave no usable answer; the text is for the operator's log alone.

    `away` says that nothing at all was heard from it, so that asking it again at once makes no sense.
    """

    def __init__(self, why: str, *, away: bool = False) -> None:
        super().__init__(why)
        self.away = away


class FetchSlow(FetchFailed):
    """The source host was reached and did not deliver in time."""


class SourceFailed(Overloaded):
    """The public side of FetchFailed: 502."""

    code = "source_failed"


class SourceTooSlow(StoreTooSlow):
    """The public side of FetchSlow: 504."""

    code = "source_too_slow"


def public(error: FetchFailed) -> Overloaded:
    """Return what a stranger may know of `error`."""
    if isinstance(error, FetchSlow):
        return SourceTooSlow("The host of this original did not deliver it in time.", retry_after=RETRY_AFTER)
    return SourceFailed("The host of this original could not deliver it.", retry_after=RETRY_AFTER)


def not_allowed() -> Refused:
    """Return the error for an address on no source's list."""
    return Refused("This address is not on the list of a source.", code="source_not_allowed")
