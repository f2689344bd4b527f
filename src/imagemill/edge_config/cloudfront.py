"""The CloudFront Function that runs before the cache of a distribution (JavaScript runtime 2.0, viewer request).

It decides from the text of a request alone, by the same patterns as nginx's configuration (`patterns`), and only where
it is sure: then it names the variant's object in the bucket, so that a picture that was made once needs no Lambda.
Whatever it is not sure of goes to the maker as it came. It cannot see a picture, a preset or a signing key.

    x-imagemill-uri     path and query as the viewer sent them, without parameters of others; overwrites a viewer's own
    accept              one of a few normal forms, or none where the address says the format
    sec-ch-dpr, …       dropped where the address asks no hint
    x-imagemill-loop    1 where an Imagemill asks on behalf of a source: a web server that leads back to us (threat S1)

CloudFront ignores Vary: an answer is found again by its path and by the headers of the cache key alone. So all that
the maker reads must be in `KEY_HEADERS`, and no query is part of the key, for `x-imagemill-uri` has it (threat C4).

Behind a key group a query may hold a version and CloudFront's own parameters, nothing else (403): in CloudFront a
policy's `*` covers any text of the URL, and anybody can write a query. `/img/*/users/ann/*` would open
`/img/_/users/bob/cat.jpg?x=/users/ann/`, which no policy opens in the other homes (`signing.resource`; threat G7).

That our own fetch comes back is part of the key: CloudFront makes one request at a time for a key, so it would wait for
the very answer that waits for it. `CDN-Loop` is none of the headers that are kept from functions, but whether a policy
may send it on is not documented: so a header of our own does. `User-Agent` says the same, should it be missing.

Sources: CloudFront Developer Guide, "Restrictions on all edge functions", "JavaScript runtime 2.0 features", "Helper
methods for origin modification", "General helper methods" (`rawQueryString`), "Restrictions on CloudFront Functions".
"""

from __future__ import annotations

import json

from imagemill.delivery.permission import EDGE_HEADER
from imagemill.delivery.plan import SECURITY
from imagemill.edge_config import patterns
from imagemill.edge_config.cloudfront_text import COMMENT, FRAME, GUARD, GUARDED, OPENED, STATIC
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.maker_headers import LOOP_HEADER, URI_HEADER
from imagemill.edge_config.text import fill
from imagemill.errors import InvalidRequest, shown
from imagemill.recipe.options.output import OUTPUT
from imagemill.recipe.options.table import ALL, PICTURE
from imagemill.recipe.vocabulary import Format

MAX_BYTES = 10_240
"""What CloudFront takes of a function (quota "Maximum size of a function")."""
MAKER = "maker"
PRIVATE_MAKER = "private-maker"
"""Ids of the maker's origins: the second carries the word by which the maker knows that CloudFront has judged."""
CORS = "access-control-allow-origin"
HINTS = ("sec-ch-dpr", "dpr", "sec-ch-width", "width", "save-data")
KEY_HEADERS = (URI_HEADER, "accept", LOOP_HEADER, *HINTS)
"""The headers of the cache key, which are those that reach the maker: everything that an answer is made of."""

_PRESETS = (
    'delivery.access = "presets": what a preset means is known to the maker only, '
    "so every picture that CloudFront has not cached is asked from it."
)
_SIGNED = (
    'delivery.access = "signed": a CloudFront Function cannot check s= without holding the keys, so every request is '
    "asked from the maker. With public keys in the configuration (public_keys) CloudFront checks signed URLs and "
    "cookies itself, and pictures are static."
)
STATED_BEHAVIORS = ("avif", "webp", "jpeg", "jpg", "png", "gif")
"""Formats whose URLs have a cache behaviour of their own, as such answers do not vary: the path `/img/*fm?<word>*/*`.

"=" may not stand in a path pattern, so a key may fit as well (`fm.jpg/…`). Its negotiated picture is the maker's to
answer then, who says `Vary` himself.
"""
_SIGNED_QUERY = (
    rf"^(?:(?:v={patterns.VERSION}|Expires=[0-9]+|Hash-Algorithm=SHA(?:1|256)|"
    r"(?:Policy|Signature|Key-Pair-Id)=[A-Za-z0-9~_-]+)(?:&|$))*$"
)
"""The queries that no policy for another picture can be led into: none of these values holds a part of a path."""
_REFUSAL = {
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
    "detail": "Behind a signature a query holds v= and the signature, and nothing else.",
    "code": "needs_signature",
}
_UNWRITTEN = frozenset({"dpr", "fm"})
_NAMES = tuple(option.name for option in (*PICTURE, *OUTPUT) if option.name not in _UNWRITTEN)
"""Options as a variant's name has them, in its order; `dpr` is settled before, the format is the ending."""


def static_reasons(facts: Facts, *, key_group: bool = False) -> tuple[str, ...]:
    """Return why pictures are never answered from the bucket alone, in sentences; empty where they can be.

    `key_group` says that CloudFront itself demands a signed URL or cookie, by a trusted key group.
    """
    if facts.access == "presets":
        return (_PRESETS,)
    if facts.access == "signed" and not key_group:
        return (_SIGNED,)
    return ()


def cloudfront_function(facts: Facts, *, private: bool = False, maker: str = "") -> str:
    """Return the JavaScript of the function.

    `private` is for the behaviours where CloudFront has demanded a signed URL or cookie: only there are variants of
    private originals named. `maker` is the id of the origin for what is not static; MAKER or PRIVATE_MAKER by default.
    Raises InvalidRequest where the platform stands below a path, which a distribution of its own does not need.
    """
    if facts.mount:
        raise InvalidRequest(
            f"server.public_url has a path ({shown(facts.mount)}); a distribution serves it at the root of its domain.",
            code="bad_edge_text",
        )
    static = not static_reasons(facts, key_group=private)
    return fill(
        FRAME,
        comment=COMMENT,
        edge=EDGE_HEADER,
        asked=URI_HEADER,
        marked=LOOP_HEADER,
        maker=_string(maker or (PRIVATE_MAKER if private else MAKER)),
        hints=json.dumps(HINTS),
        hinted=_literal(_hinted()),
        stated=_literal(patterns.STATED_FORMAT.format(formats="|".join(_all_formats()))),
        plain=_literal(rf"^/img/({patterns.PLAIN_OPTIONS})/"),
        unsure=_literal(patterns.UNSURE_ACCEPT, "i"),
        classes=_classes(facts),
        names=_static(facts, private=private) if static else "",
        guard=fill(GUARD, signed=_literal(_SIGNED_QUERY), problem=_string(json.dumps(_REFUSAL))) if private else "",
        guarded=GUARDED if private else "",
        static="staticName(request, options, pairs, bucket)" if static else "''",
    )


def opening_function() -> str:
    """Return the JavaScript of the function by which open pictures say that every page may read them (viewer response).

    Only a function can: CloudFront refuses CORS headers among a policy's plain ones ("Invalid custom header"), and its
    CORS settings take `Vary` over. The maker says the header itself; S3 does not. What is `private` was opened by a
    signature, and no other page may read it.
    """
    (value,) = (value.decode() for name, value in SECURITY if name == CORS.encode())
    return fill(OPENED, comment=COMMENT, name=CORS, value=value)


def _static(facts: Facts, *, private: bool) -> str:
    """Return the part that writes the names of variants."""
    stated = "|".join(form.value for form in facts.formats if form is not Format.TIFF)
    listed = patterns.open_options(facts)
    hidden = patterns.private_keys(facts, raw=True) if facts.private else ""
    return fill(
        STATIC,
        uri=_literal(patterns.PLAIN_URI),
        version=_literal(f"^v=({patterns.VERSION})$"),
        ended=_literal(f"^fm=({stated.replace('jpeg', 'jpe?g')})$"),
        names=",".join(_NAMES),
        listed=f"if (!{_literal(listed)}.test(options)) return '';" if listed else "",
        closed=_literal(patterns.CLOSED_OPTIONS),
        seems=_literal(f"fm.(?:{'|'.join(STATED_BEHAVIORS)}).*/"),
        hidden=_hidden(hidden, private=private),
        site=facts.site,
    )


def _hidden(keys: str, *, private: bool) -> str:
    """Return what becomes of a key below a private prefix: its own folder's name, or the maker's to judge."""
    if not keys:
        return ""
    pattern = _literal(f"^{keys}")
    return f"if ({pattern}.test(key)) " + ("folder += '-private';" if private else "return '';")


def _classes(facts: Facts) -> str:
    """Return the rows of the table of classes: pattern, normal form, bucket."""
    return ",\n".join(
        f"[{_literal(pattern, 'i')}, {_string(normal)}, {_string(bucket)}]"
        for pattern, normal, bucket in patterns.accept_classes(facts)
    )


def _hinted() -> str:
    """Return the pattern of options whose result may depend on hints: `auto` in one of three, or a preset's word."""
    rows = {option.name: (option.name, *option.aliases) for option in ALL}
    autos = [name for option in ("w", "dpr", "q") for name in rows[option]]
    return f"(?:^|,)(?:(?:{'|'.join(rows['p'])})=|(?:{'|'.join(autos)})=auto)"


def _all_formats() -> list[str]:
    """Return each word of `fm` with which an answer does not depend on Accept."""
    return ["jpg", "source", *(form.value for form in Format if form.concrete)]


def _literal(pattern: str, flags: str = "") -> str:
    """Return a regular expression of ours as JavaScript writes it."""
    return f"/{pattern.replace('/', chr(92) + '/')}/{flags}"


def _string(text: str) -> str:
    return json.dumps(text)
