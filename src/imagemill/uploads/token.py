"""The token of an upload: it alone lets a browser upload, once, to one key.

    imu_<24 hex digits: the id>_<43 characters: 256 random bits, base64url>

Separate from the ticket, which keeps a digest of the secret part only: whoever reads our files cannot upload. The id in
front is no secret; it finds the ticket in one look, stays in the access log, and leaves a comparison of constant time
as the only thing that the secret part decides. A token stands in a path, where HTML forms and every tus client can use
it, so the access log shows it `redacted`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

PREFIX = "imu_"
"""What every token begins with; no id does."""

_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{24}})_([A-Za-z0-9_-]{{43}})", re.ASCII)
_LINE = "(?:_|%5[Ff])"
_SECRET = re.compile(rf"(^/v1/uploads/{PREFIX}(?:[0-9a-f]{{1,24}}_)?|imu{_LINE}[0-9a-f]{{24}}{_LINE})[^/]*")
"""What stands for a token at its address, and a token anywhere else: whoever misspells that has still sent it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart; `secret` is shown once, when the ticket is written."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"Token({self.id})"

    @property
    def digest(self) -> str:
        """What a ticket keeps: SHA-256 in hex. The secret is random, so a slow hash would add nothing."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def opens(self, digest: str) -> bool:
        """Whether this is the token of a ticket that keeps `digest`; compared in constant time."""
        return hmac.compare_digest(self.digest, digest)


def new_token() -> Token:
    """Return a token that nobody can guess."""
    return Token(secrets.token_hex(12), secrets.token_urlsafe(32))


def read_token(text: str) -> Token | None:
    """Return the token that `text` spells, None where it spells none."""
    found = _FORM.fullmatch(text)
    return None if found is None else Token(found.group(1), found.group(2))


def redacted(path: str) -> str:
    """Return a path fit for a log: the secret part of a token is replaced, the id stays."""
    return _SECRET.sub(r"\1***", path) if "imu" in path else path
