"""The judge of signatures: a short one, a CloudFront link, or CloudFront cookies, against the keys that count now.

Separate from `delivery`, which knows when a signature is needed; nothing here knows pictures. Called on every request
that needs one, before any cache (threat G8). What was verified is remembered only as "these bytes have this signature
of this key" (`_seen`), and times, addresses and URLs are judged anew each time.

The host of a link is that of `server.public_url`, never the request's Host, so that a link for one host does not open
another (threat G9). Without a public address there is nothing else to go by: then Host counts, which can only open what
a holder of the key has signed for that very host, and `doctor` says to set the address. The scheme is not known then
(TLS ends before us), so a link for either is taken.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imagemill.signing.cloudfront import CloudFrontClaim, from_cookies, read_claim, shows_link, split_query
from imagemill.signing.cloudfront_encoding import decode
from imagemill.signing.grant import Grant, expired, refused
from imagemill.signing.keys import KeyRing
from imagemill.signing.policy import Policy, canned_text, read_policy, read_seconds
from imagemill.signing.resource import Location
from imagemill.signing.settings import SigningSettings
from imagemill.signing.signature import matches

if TYPE_CHECKING:  # `cryptography` costs 70 ms, and most sites have no public key
    from imagemill.signing.public_key import PublicKey

MAX_SEEN = 10_000
"""Verified claims remembered (about 1 kB each); when they are full all are forgotten, which costs one check each."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What of a request a signature may speak of.

    `path` and `query` are as received, `cookies` the Cookie header, `client` the address that counts, `host` the Host.
    `edge` is the word of a CDN that has judged the signature itself, empty where there is none.
    """

    path: bytes
    query: bytes
    host: str = ""
    cookies: str = ""
    client: str = ""
    edge: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ShortClaim:
    """A short signature as it was shown: the `text` that it should be of, `exp` and `kid` as they were written."""

    text: str
    signature: str
    exp: str | None = None
    kid: str | None = None


class Gate:
    """Judges signatures for one site. Safe to use from any task of one event loop."""

    def __init__(
        self,
        ring: Callable[[], KeyRing],
        settings: SigningSettings,
        public_url: str = "",
        clock: Callable[[], float] = time.time,
        edge_secret: str = "",
    ) -> None:
        """`ring` returns the present keys; `clock` gives seconds since 1970.

        `edge_secret` is known to us and to a CDN that demands signatures itself; empty where there is none.
        """
        self._edge_secret = edge_secret.encode()
        self._ring = ring
        self._settings = settings
        parts = urlsplit(public_url)
        self._scheme, self._host, self._mount = parts.scheme, parts.netloc.lower(), parts.path.rstrip("/")
        self._clock = clock
        self._seen: dict[tuple[str, bytes, bool], Policy | None] = {}
        self._seen_with: KeyRing | None = None

    @property
    def ring(self) -> KeyRing:
        """The keys that count now."""
        return self._ring()

    def check_link(self, asking: Asking, short: ShortClaim | None) -> Grant | None:
        """Return what the URL's own signature opens, None where it shows none.

        Raises Refused: `needs_signature` for whatever is wrong, `expired` for a good short one whose time is over.
        CloudFront tells no difference, so neither do we of its links.
        """
        query = asking.query.decode("latin-1")
        link = shows_link(query)
        if short is not None:
            if link:
                raise refused()  # two signatures, two meanings
            return self._check_short(short)
        if not link:
            return None
        rest, ours = split_query(query)
        grant = self._check_claim(asking, rest, ours)
        if grant is None:
            raise refused()
        return grant

    def check_cookies(self, asking: Asking) -> Grant | None:
        """Return what the request's cookies open, None where they open nothing: a browser sends them unasked."""
        pairs = from_cookies(asking.cookies) if asking.cookies else []
        return self._check_claim(asking, asking.query.decode("latin-1"), pairs, by_cookie=True) if pairs else None

    def check_edge(self, asking: Asking) -> Grant | None:
        """Return what a CDN in front has opened after it judged the signature itself; None where it says nothing good.

        It has taken the signature out of the request, so its word is all there is: the secret, which viewers never see.
        Which options were signed is not known, so no other picture is opened by it (`covers`).
        """
        if not self._edge_secret or not asking.edge:
            return None
        if not hmac.compare_digest(asking.edge.encode("latin-1", "replace"), self._edge_secret):
            return None
        return Grant(kid="edge", until=None, ring=self._ring(), by_edge=True)

    def covers(self, grant: Grant, path: str) -> bool:
        """Say whether `grant` opens the address `path` (from `/img/` on) as well as the one it was asked with."""
        policy = grant.policy
        locations = self._locations(grant.host, path, "")
        return policy is not None and any(policy.resource.covers(one, self._mount) for one in locations)

    def signs_options(self, grant: Grant) -> bool:
        """Say whether the very options of the asked URL were signed, not left to its holder by a wildcard."""
        if grant.by_edge:
            return False
        return grant.policy is None or grant.policy.resource.fixes_options(self._mount)

    # --- short signatures --------------------------------------------------------------------------------------------

    def _check_short(self, claim: ShortClaim) -> Grant:
        ring, now = self._ring(), self._clock()
        short = self._settings.allow_short
        good = None
        for key, secret in ring.secrets(claim.kid, now):  # to the end: how long it takes must not tell which key it was
            if matches(secret, claim.text, claim.signature, allow_short=short):
                good = key
        if good is None:
            raise refused()
        until: float | None = self._end_of(claim, now)
        if good.retires is not None:
            until = good.retires if until is None else min(until, good.retires)
        return Grant(kid=good.kid, until=until, ring=ring)

    def _end_of(self, claim: ShortClaim, now: float) -> int | None:
        if claim.exp is None:
            if not self._settings.endless:
                raise refused()
            return None
        try:
            until = read_seconds(claim.exp)
        except ValueError:
            raise refused() from None
        if now >= until:
            raise expired()
        if 0 < self._settings.max_lifetime < until - now:
            raise refused()
        return until

    # --- CloudFront --------------------------------------------------------------------------------------------------

    def _check_claim(
        self, asking: Asking, query: str, pairs: list[tuple[str, str]], *, by_cookie: bool = False
    ) -> Grant | None:
        host = "" if self._host else asking.host.lower()
        try:
            claim = read_claim(pairs)
            found = self._policy_of(claim, asking, query, host)
        except ValueError:
            return None
        if found is None:
            return None
        policy, until, retires = found
        ends = until if retires is None else min(until, retires)
        return Grant(
            kid=claim.key_pair_id, until=ends, ring=self._ring(), policy=policy, host=host, by_cookie=by_cookie
        )

    def _policy_of(
        self, claim: CloudFrontClaim, asking: Asking, query: str, host: str
    ) -> tuple[Policy | None, int, float | None] | None:
        """Return the policy (None: this URL), its end and the key's, where the claim is good here and now."""
        ring, now = self._ring(), self._clock()
        known = ring.public(claim.key_pair_id, now)
        if known is None:
            return None
        key, public = known
        locations = tuple(self._locations(host, asking.path.decode("latin-1"), query))
        if claim.policy is None:
            until = read_seconds(claim.expires or "")
            texts = [canned_text(location, str(until)) for location in locations]
            good = any(self._is_signed(claim, text, public, ring) for text in texts)
            return (None, until, key.retires) if good and now < until else None
        data = decode(claim.policy)
        if not self._is_signed(claim, data, public, ring):
            return None
        policy = self._read(claim, data)
        if not policy.admits(asking.client, now):
            return None
        if not any(policy.resource.covers(one, self._mount) for one in locations):
            return None
        return policy, policy.until, key.retires

    def _locations(self, host: str, path: str, query: str) -> Iterator[Location]:
        """Yield what the asked URL may be called: one, or both schemes where ours is not known."""
        rest = f"{self._mount}{path}?{query}" if query else f"{self._mount}{path}"
        for scheme in (self._scheme,) if self._scheme else ("https", "http"):
            yield Location(scheme, self._host or host, rest)

    def _is_signed(self, claim: CloudFrontClaim, message: bytes, public: PublicKey, ring: KeyRing) -> bool:
        if self._seen_with is not ring:
            self._seen, self._seen_with = {}, ring
        name = (f"{claim.key_pair_id} {claim.signature}", message, claim.sha1)
        if name in self._seen:
            return True
        if not public.verifies(decode(claim.signature), message, sha1=claim.sha1):
            return False
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen[name] = None
        return True

    def _read(self, claim: CloudFrontClaim, data: bytes) -> Policy:
        """Return the policy of a claim that is good, read once."""
        name = (f"{claim.key_pair_id} {claim.signature}", data, claim.sha1)
        policy = self._seen.get(name)
        if policy is None:
            policy = self._seen[name] = read_policy(data)
        return policy
