"""A ticket: what one browser may upload, and what became of it.

Separate from `tickets`, which keeps them. A ticket changes only with If-Match, so that of any number of processes and
nodes one wins.

    waiting ──► checking ──► done        the bytes are the original of the key
       │            └──────► failed      they are refused; `problem` says why
       └──► cancelled                    the browser gave up (tus termination)

A ticket whose time is over is `expired`, whatever is left of it; nothing need be written for that.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from imagemill.errors import ImagemillError, Kind

Method = Literal["put", "post", "tus"]
State = Literal["waiting", "checking", "done", "failed", "cancelled"]


class Trouble(msgspec.Struct, frozen=True):
    """Why an upload failed: an `ImagemillError` that can be kept."""

    kind: str
    code: str
    sentence: str

    @classmethod
    def of(cls, error: ImagemillError) -> Trouble:
        """Return what is kept of `error`."""
        return cls(error.kind.value, error.code, error.sentence)

    def error(self) -> ImagemillError:
        """Return the error again."""
        return ImagemillError(self.sentence, code=self.code, kind=Kind(self.kind))


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What may be uploaded, and where to. Times are seconds since 1970.

    `token` is a digest; `max_bytes` and `content_type` bind the bytes (see `originals.uploads.Bounds`), and `length` is
    how many they are, where that was said beforehand; `if_match` is the entity tag that the key's present original must
    have, `replace` whether there may be one at all. `direct` means that the bytes go to the store without us. `size`
    and `sha256` are those of the original once it is `done`.
    """

    id: str
    key: str
    method: Method
    token: str
    max_bytes: int
    content_type: str | None
    replace: bool
    if_match: str | None
    created: float
    expires: float
    direct: bool = False
    length: int | None = None
    state: State = "waiting"
    changed: float = 0.0
    size: int = 0
    sha256: str = ""
    problem: Trouble | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can become of it."""
        return self.state in ("done", "failed", "cancelled")
