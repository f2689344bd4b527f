"""Making short signatures: a URL of ours, signed; what `imagemill sign` and `/v1/signed-urls` do.

Separate from `gate`, which judges: signing needs the dialect's reading of a URL, so the caller brings the text.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from imagemill.signing.signature import signature_of

OURS = frozenset({"s", "exp", "kid"})


def signed_url(url: str, text: str, secret: str, *, exp: int | None, kid: str | None) -> str:
    """Return `url` with the signature of `text`; a signature that it had before is replaced."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in OURS]
    ours = [f"exp={exp}"] if exp is not None else []
    if kid is not None:
        ours.append(f"kid={quote(kid, safe='')}")
    ours.append(f"s={signature_of(secret.encode('utf-8'), text)}")
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join([*kept, *ours]), ""))
