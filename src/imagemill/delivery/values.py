"""What one stage of delivery hands to the next; frozen, so that a stage can only add, never change."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.dialects.values import ImageRequest
from imagemill.engine.port import Job
from imagemill.originals.values import Original
from imagemill.recipe.vocabulary import Format
from imagemill.signing.grant import Grant
from imagemill.variants.port import Kept, VariantName

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request as delivery sees it: no framework, no body.

    `path` and `query` are the raw bytes of the request line; header names are lower case; `client` is the address that
    counts (behind trusted proxies, the one they name).
    """

    method: str
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    client: str
    request_id: str

    def header(self, name: str) -> str | None:
        """Return the value of a header by its lower-case name."""
        value = self.headers.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, headers and the whole body (never longer than a variant)."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request whose recipe is possible, has its preset's options in it, and may be asked by this caller.

    `grant` is the signature that it needed, None where everyone may ask it; `own_layers` says that its image layers are
    the site's own word (a preset's), or open to all by it; `reveals` that the answer tells more than the picture shows.
    """

    image: ImageRequest
    grant: Grant | None = None
    own_layers: bool = True
    reveals: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """What was asked stands at another address of ours: `location` is its path and query (308)."""

    location: str


@dataclass(frozen=True, slots=True)
class Plan:
    """No AUTO is left and the variant has a name; everything a response needs but the bytes.

    `vary` names the request headers that were read; `headers` are those of a 200 that do not depend on the bytes;
    `layers` are the originals of the recipe's image layers. `grant` is what a private answer is given under, and
    `private_age` for how many seconds its browser may keep it at most (None: it asks each time). A variant that is not
    `storable` stays in memory: in the store a web server would find it, and cannot judge a signature. `modified` is the
    second (since 1970) that the variant says it was modified if it is made now, `dated` whether its entity tag is made
    of that (see `validators`).
    """

    original: Original
    job: Job
    name: VariantName
    format: Format
    vary: tuple[str, ...]
    headers: tuple[tuple[bytes, bytes], ...]
    layers: tuple[Original, ...] = ()
    grant: Grant | None = None
    private_age: int | None = None
    storable: bool = True
    modified: int = 0
    dated: bool = True

    @property
    def originals(self) -> tuple[Original, ...]:
        """Every original that the variant is made of; the variant is right as long as none of them has changed."""
        return (self.original, *self.layers)


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant at hand.

    `status` is the RFC 9211 Cache-Status of how it came; `timing` the Server-Timing of a make, empty otherwise.
    `stored` says that the variant store held it by then: where it is kept behind the answer, nobody knows yet.
    """

    kept: Kept
    status: bytes
    timing: bytes = b""
    stored: bool = False
