"""The error tree: what can go wrong, in words a stranger may read.

Nothing here knows HTTP or exit codes; `gateway.problems` and `cli.exit_codes` translate a `Kind` once.

    ImagemillError            kind, code (stable, snake_case), public sentence
    ├── InvalidRequest        the caller wrote something wrong; may carry several `Fault`s
    ├── Unauthenticated       a control call without a key, or with a wrong one
    ├── Refused               understood, but not for this caller (needs a signature, a policy says no)
    ├── NotFound              no such original, variant or page
    ├── MethodNotAllowed      the place exists but takes other methods; `allow` lists them
    ├── Conflict              the present state forbids it (one server per folder, changed meanwhile)
    ├── PreconditionFailed    a condition (If-Match, If-None-Match) does not hold
    ├── NotAnImage            the bytes are no format this installation reads
    ├── Unprocessable         an image, but damaged, beyond the limits or too complex
    ├── TooLarge              the upload is longer than allowed
    ├── RangeNotSatisfiable   no asked byte exists; `size` is how many do
    ├── NotBuilt              part of the contract whose row is not delivered yet
    ├── TooMany               this client asked too often; `retry_after` seconds
    ├── Overloaded            no slot comes in time, or a part is away; `retry_after` seconds
    │   └── StoreTooSlow      the store is there and did not answer in time
    └── StorageFull           the disk has no room
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of failure it is; each surface maps it to its own number."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    METHOD = "method"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    UNPROCESSABLE = "unprocessable"
    RANGE = "range"
    NOT_BUILT = "not_built"
    TOO_MANY = "too_many"
    OVERLOADED = "overloaded"
    TOO_SLOW = "too_slow"
    STORAGE_FULL = "storage_full"
    MISDIRECTED = "misdirected"
    INTERNAL = "internal"


RECEIVED_LENGTH = 64
"""Characters of a stranger's value that an error repeats: enough to recognise, too few to abuse."""


def shown(value: str) -> str:
    """Return `value` fit for an error text: at most 64 characters, "…" in the last place where something is missing.

    Control characters are escaped.
    """
    cut = value[: RECEIVED_LENGTH + 1]
    text = cut.encode("unicode_escape").decode("ascii") if not cut.isprintable() else cut
    return text if len(text) <= RECEIVED_LENGTH else text[: RECEIVED_LENGTH - 1] + "…"


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong thing of several: which, what was expected, what came."""

    option: str
    expected: str
    received: str

    def __str__(self) -> str:
        # What `shown` escaped is printable, and must not be escaped a second time.
        received = f"'{self.received}'" if self.received.isprintable() else repr(self.received)
        return f"{self.option}: expected {self.expected}, received {received}"


class ImagemillError(Exception):
    """A failure with a stable code and a sentence that is safe to show anyone."""

    kind = Kind.INTERNAL
    code = "internal"

    def __init__(
        self,
        sentence: str,
        *,
        code: str | None = None,
        faults: tuple[Fault, ...] = (),
        retry_after: float | None = None,
        kind: Kind | None = None,
    ) -> None:
        """`sentence` is public; `retry_after` is in seconds; `faults` lists every wrong part."""
        super().__init__(sentence)
        self.sentence = sentence
        self.faults = faults
        self.retry_after = retry_after
        if code is not None:
            self.code = code
        if kind is not None:
            self.kind = kind


class InvalidRequest(ImagemillError):
    """The caller wrote something wrong."""

    kind = Kind.INVALID
    code = "invalid_request"


class Unauthenticated(ImagemillError):
    """A control call without a key, or with a wrong one."""

    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"

    def __init__(self, sentence: str, *, code: str | None = None, schemes: tuple[str, ...] = ("Bearer",)) -> None:
        """`schemes` are the ways in which a key may be shown here (RFC 9110 section 11.6.1)."""
        super().__init__(sentence, code=code)
        self.schemes = schemes


class Refused(ImagemillError):
    """Understood, but not for this caller."""

    kind = Kind.REFUSED
    code = "refused"


class NotFound(ImagemillError):
    """There is no such original, variant or page."""

    kind = Kind.NOT_FOUND
    code = "not_found"

    def __init__(
        self, sentence: str, *, code: str | None = None, faults: tuple[Fault, ...] = (), for_all: bool = True
    ) -> None:
        """Not `for_all`: it is told because of a signature, so no cache may tell it to others (threats C5, G8)."""
        super().__init__(sentence, code=code, faults=faults)
        self.for_all = for_all


class MethodNotAllowed(ImagemillError):
    """The place exists, but takes other methods (RFC 9110 section 15.5.6)."""

    kind = Kind.METHOD
    code = "method_not_allowed"

    def __init__(self, sentence: str, *, allow: tuple[str, ...]) -> None:
        """`allow` lists the methods that would have worked."""
        super().__init__(sentence)
        self.allow = allow


class Conflict(ImagemillError):
    """The present state forbids it."""

    kind = Kind.CONFLICT
    code = "conflict"


class PreconditionFailed(ImagemillError):
    """If-Match or If-None-Match does not hold (RFC 9110 section 13.1)."""

    kind = Kind.PRECONDITION
    code = "precondition_failed"


class TooLarge(ImagemillError):
    """The body is longer than the limit."""

    kind = Kind.TOO_LARGE
    code = "too_large"


class RangeNotSatisfiable(ImagemillError):
    """None of the asked bytes exists (RFC 9110 section 15.5.17)."""

    kind = Kind.RANGE
    code = "range_not_satisfiable"

    def __init__(self, sentence: str, *, size: int) -> None:
        """`size` is the number of bytes there are."""
        super().__init__(sentence)
        self.size = size


class NotAnImage(ImagemillError):
    """The bytes are no image format that this installation reads."""

    kind = Kind.NOT_AN_IMAGE
    code = "not_an_image"


class Unprocessable(ImagemillError):
    """An image, but damaged, beyond the limits or too complex."""

    kind = Kind.UNPROCESSABLE
    code = "damaged"


class NotBuilt(ImagemillError):
    """Part of the contract that this version does not carry out; `row` names the capability."""

    kind = Kind.NOT_BUILT
    code = "not_built"

    def __init__(self, sentence: str, *, row: str, faults: tuple[Fault, ...] = ()) -> None:
        """`row` is the id in the capability table, such as "T5"."""
        super().__init__(sentence, faults=faults)
        self.row = row


@dataclass(frozen=True, slots=True)
class Quota:
    """What a caller may know of one limit: how many at once, full again after `window` seconds, `left` now.

    `reset` is the seconds until it is full again, or, where it is what refused, until the next is admitted.
    """

    name: str
    limit: int
    window: int
    left: int
    reset: int


class TooMany(ImagemillError):
    """A client asked for more than its share."""

    kind = Kind.TOO_MANY
    code = "too_many_requests"

    def __init__(self, sentence: str, *, retry_after: float | None = None, quotas: tuple[Quota, ...] = ()) -> None:
        """`quotas` are the limits that were looked at."""
        super().__init__(sentence, retry_after=retry_after)
        self.quotas = quotas


class Overloaded(ImagemillError):
    """No slot comes in time, or something needed is away."""

    kind = Kind.OVERLOADED
    code = "overloaded"


class StoreTooSlow(Overloaded):
    """The store did not answer within its deadline; whoever bears with a store that is away bears with this too."""

    kind = Kind.TOO_SLOW
    code = "store_too_slow"


class StorageFull(ImagemillError):
    """The disk that should hold it has no room."""

    kind = Kind.STORAGE_FULL
    code = "storage_full"
