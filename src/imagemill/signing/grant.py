"""What a good signature opens, and how every other one is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagemill.errors import Refused
from imagemill.signing.keys import KeyRing
from imagemill.signing.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A signature that was found good with the keys of `ring`, and opens the URL it was asked with.

    `until` is when it ends, in seconds since 1970 (None: with its key). `policy` is that of a custom policy, None where
    exactly this URL was signed. `host` is the Host it was judged with where the site has no public address, else empty;
    `by_cookie` says that the URL alone opens nothing, `by_edge` that a CDN has judged what it does not pass on.
    """

    kid: str
    until: float | None
    ring: KeyRing = field(repr=False, compare=False)
    policy: Policy | None = None
    host: str = ""
    by_cookie: bool = False
    by_edge: bool = False

    @property
    def is_of_the_url(self) -> bool:
        """Whether the same URL, with the same Host, is good again for anybody until it ends."""
        return not self.by_cookie and not self.by_edge and (self.policy is None or self.policy.network is None)


def refused() -> Refused:
    """Return the one refusal there is: it tells nobody what was wrong (contract, "Signatures"; threat G1)."""
    return Refused(
        "This address is open only to those who have a signed link to it, and the one used has no signature that is "
        "good for it.",
        code="needs_signature",
    )


def expired() -> Refused:
    """Return what is told of a signature that was good once, and only of that."""
    return Refused(
        "This link was good, and its time is over. Ask whoever gave it to you for a new one.", code="expired"
    )
