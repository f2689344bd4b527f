r"""The decisions of ours that a server in front takes by itself, as regular expressions (PCRE and Python's `re` alike).

Each is narrow on purpose: what is not surely ours to answer in one way is passed on to us. So a key, an option list, a
query or an Accept header in an odd spelling costs a request to us, never a wrong picture (threats C2, C3).

    /img/w=300,fm=webp/trips/sea.jpg?v=…       canonical: one spelling, one entry of a cache
    /img/w=300/trips/sea.jpg                   plain: besides, every header of the answer can be written from it
"""

from __future__ import annotations

import re
from urllib.parse import quote

from imagemill.delivery.cache_tags import MAX_FOLDERS
from imagemill.edge_config.facts import Facts
from imagemill.recipe.canonical import Bucket

# --- addresses -----------------------------------------------------------------------------------------------------

_SAFE = r"[A-Za-z0-9._~!$&'()*+,;=:@-]"
_PATH_SAFE = "-._~!$&'()*+,;=:@/"
_ESCAPE = r"%(?:[01][0-9A-F]|2[0235]|3[CEF]|5[B-E]|60|7[BCDF]|[89A-F][0-9A-F])"
"""What must be escaped in a path (RFC 3986 section 3.3), in the upper-case spelling, and nothing that need not be."""
_NOT_DOTS = r"(?!(?:\.\.?|~)(?:[/?]|$))"
_SEGMENT = rf"{_NOT_DOTS}(?:{_SAFE}|{_ESCAPE})+"
CANONICAL_PATH = rf"/(?:img/{_SEGMENT}|info)/{_SEGMENT}(?:/{_SEGMENT})*"
"""A path of delivery in its one spelling: `quote` of the decoded one gives it back."""

_PLAIN_SEGMENT = rf"{_NOT_DOTS}(?:[A-Za-z0-9._~@()-]|%20)+"
PLAIN_OPTIONS = r"[A-Za-z0-9=,:._+-]{1,200}"
PLAIN_KEY = rf"(?=[^?]{{1,160}}(?:\?|$))(?:{_PLAIN_SEGMENT}/){{0,{MAX_FOLDERS}}}{_PLAIN_SEGMENT}"
"""A key whose Cache-Tag and file name a server without functions can write."""
PLAIN_URI = rf"^/img/{PLAIN_OPTIONS}/({PLAIN_KEY})(?:\?|$)"

AT_SIGN = r"^([^@()]*)@([^@()]*)$"
PARENTHESES = r"^([^@()]*)\(([^@()]*)\)([^@()]*)$"
"""The one `@` or pair of parentheses that a plain key may have: a Cache-Tag holds them escaped."""
UNRESERVED = r"^[^@()]+$"
ENDED_NAME = r"(?:^|/)([^/]*[^/.])\.[A-Za-z][A-Za-z0-9]{0,5}$"
ANY_NAME = r"([^/]+)$"
"""The file name of a key without and with its ending (`delivery.disposition`)."""

# --- queries -------------------------------------------------------------------------------------------------------

OWN_PARAMETERS = ("s", "exp", "kid", "v")
CLOUDFRONT_PARAMETERS = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
VERSION = "[0-9a-f]{12}"


def _others(but: tuple[str, ...]) -> str:
    """Return the pattern of a pair whose name is none of `but`, nor hides one behind an escape."""
    return rf"(?!(?:{'|'.join(but)})(?:[=&]|$))[^=&%]*(?:=[^&]*)?"


def query_with_version(*, signed: bool) -> str:
    """Return the pattern of a query that names one version, once; its group is the version.

    `signed` lets the parameters of signatures stand beside it, where each request is judged by us before.
    """
    other = _others(("v",) if signed else (*OWN_PARAMETERS, *CLOUDFRONT_PARAMETERS))
    return rf"^(?=.{{0,1024}}$)(?:{other}&)*v=({VERSION})(?:&{other})*$"


def query_without_version(*, signed: bool) -> str:
    """Return the pattern of a query that says nothing to us."""
    other = _others(("v",) if signed else (*OWN_PARAMETERS, *CLOUDFRONT_PARAMETERS))
    return rf"^(?=.{{0,1024}}$){other}(?:&{other})*$"


# --- conditions ----------------------------------------------------------------------------------------------------

SATISFIABLE_RANGE = r"bytes=(?:0-[0-9]{0,15}|-[1-9][0-9]{0,14})"
"""A single range that every picture has. An answer 416 of another server would carry the picture's own lifetime, and a
cache before it could keep that in the picture's place (threat C4); several ranges are answered by us."""

# --- options -------------------------------------------------------------------------------------------------------

CLOSED_OPTIONS = r"(?:^|,)(?:meta|text|wm|max_bytes|lossless|q=auto)"
"""What a stranger may not ask though a file of it may lie there, made for somebody with a signature or by a preset."""
STATED_FORMAT = "(?:^|,)fm=({formats})(?:,|$)"
OTHER_FORMAT = "(?:^|,)fm=(?!(?:{formats})(?:,|$))"
"""A format whose word is not the ending of a file's name: `source`, `auto`, `jpg`; what it gives, Imagemill decides."""
REST: tuple[tuple[str, str], ...] = (
    (r"^fm=[a-z]+$", "_"),
    (r"^fm=[a-z]+,(.+)$", "$1"),
    (r"^(.+),fm=[a-z]+$", "$1"),
    (r"^(.+),fm=[a-z]+,(.+)$", "$1,$2"),
)
"""The options without the stated format, as they stand in a variant's name (`recipe.canonical.leaf_of`)."""


def open_options(facts: Facts) -> str | None:
    """Return the pattern of the options whose files anyone may have, None for all but `CLOSED_OPTIONS`.

    Where sizes are listed, a file may have been made for somebody with a signature: then only listed sizes are served.
    """
    if facts.access != "sizes":
        return None
    widths = "|".join(map(str, facts.widths)) or "none"
    qualities = "|".join(map(str, facts.qualities)) or "none"
    return rf"^w=(?:{widths})(?:,fm=[a-z]+)?(?:,q=(?:{qualities}))?$"


def private_keys(facts: Facts, *, raw: bool = False) -> str:
    """Return the pattern that the keys below a private prefix begin with; `raw` in the one spelling of a path."""
    prefixes = [quote(prefix, safe=_PATH_SAFE) if raw else prefix for prefix in facts.private]
    return f"(?:{'|'.join(map(re.escape, prefixes))})"


def escaped(mount: str) -> str:
    """Return a path as a pattern of itself."""
    return re.escape(mount)


# --- Accept --------------------------------------------------------------------------------------------------------

UNSURE_ACCEPT = r"[^\x20-\x7e]|image/(?:avif|jxl|webp|jpeg)\s*;"
"""An Accept in which one of the formats has a weight, or that has odd characters: `recipe.negotiation` decides."""


def named(bucket: Bucket) -> str:
    """Return the pattern of an Accept (case does not matter) that names a format without a weight."""
    return rf"(?:^|,) *image/{bucket} *(?:,|$)"


def accept_classes(facts: Facts) -> tuple[tuple[str, str, Bucket], ...]:
    """Return the classes of Accept that are told apart: pattern, the normal Accept, the bucket; the first that fits.

    WebP beside a better format is a class of its own: it is what the client gets where the better one does not serve.
    """
    found: list[tuple[str, str, Bucket]] = []
    for bucket in facts.buckets:
        if bucket != "webp" and "webp" in facts.buckets:
            both = rf"^(?=.*{named(bucket)})(?=.*{named('webp')})"
            found.append((both, f"image/{bucket},image/webp", bucket))
        found.append((named(bucket), f"image/{bucket}", bucket))
    return tuple(found)
