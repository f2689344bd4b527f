"""A URL of ours, signed: what `imagemill sign` and `/v1/signed-urls` give.

Separate from `signing`, which knows no dialect: what is signed is what the URL means, so it is read as delivery reads
it. A URL that delivery would refuse is refused here, before it is sent to anybody.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from imagemill.dialects.native.parse import parse_info_url, parse_url
from imagemill.errors import Conflict, Fault, InvalidRequest, shown
from imagemill.signing.key_book import KeyBook
from imagemill.signing.keys import SigningKey
from imagemill.signing.settings import SigningSettings
from imagemill.signing.sign import OURS, signed_url
from imagemill.signing.signature import image_text, info_text

MAX_LIFETIME = 100 * 365 * 86400
"""Seconds of a link where the site sets no limit."""
_AS_IT_IS = "/%:@!$&'()*+,;=~"
"""Characters of a path that are not percent-encoded, or are so already."""


def sign_link(url: str, key: SigningKey, *, exp: int | None, name_key: bool = True, mount: str = "") -> str:
    """Return `url` (absolute or a path, /img/… or /info/…) signed with `key`, good until `exp` (seconds since 1970).

    `name_key` writes `kid` into it; `mount` is the path of `server.public_url`. Raises InvalidRequest for a URL that is
    none of ours or asks for nothing there is.
    """
    parts = urlsplit(url)
    whole = parts._replace(path=quote(parts.path, safe=_AS_IT_IS), fragment="")
    path = whole.path.removeprefix(mount)
    query = "&".join(pair for pair in whole.query.split("&") if pair.partition("=")[0] not in OURS)
    until = "" if exp is None else str(exp)
    if path.startswith("/img/"):
        image = parse_url(path.encode(), query.encode())
        text = image_text(image.options_text, image.key, until, image.v or "")
    elif path.startswith("/info/"):
        info = parse_info_url(path.encode(), query.encode())
        text = info_text(info.key, until, info.v or "")
    else:
        raise InvalidRequest(
            f"“{shown(url)}” cannot be signed: expected the URL of a picture (/img/<options>/<key>) or /info/<key>.",
            code="bad_path",
        )
    return signed_url(whole.geturl(), text, key.secret, exp=exp, kid=key.kid if name_key else None)


class Links:
    """Makes signed links for those who may have any: the holders of an API key."""

    def __init__(self, keys: KeyBook, settings: SigningSettings, public_url: str = "") -> None:
        """`keys` has those that sign; `public_url` is what links begin with, empty for none, and may have a path."""
        self.keys = keys
        self._settings = settings
        self._public_url = public_url.rstrip("/")
        self._mount = urlsplit(self._public_url).path

    def terms(self, kid: str | None, lifetime: int | None, now: float) -> tuple[SigningKey, int | None]:
        """Return the key that signs and the end (seconds since 1970) of a link that lives for `lifetime` seconds.

        Raises NotFound (`no_such_signing_key`), Conflict (`no_signing_key`), InvalidRequest (`bad_lifetime`) for a link
        that would never be good.
        """
        if kid is not None and self.keys.get(kid).kind == "cloudfront":
            raise InvalidRequest(
                f"“{shown(kid)}” is a public key of CloudFront; only whoever has its private half can sign with it.",
                code="bad_signing_key",
            )
        signing = next(iter(self.keys.ring.secrets(kid, now)), None)
        if signing is None:
            raise Conflict(
                "There is no key to sign with; make one with POST /v1/signing-keys, or set signing.keys.",
                code="no_signing_key",
            )
        longest = self._settings.max_lifetime
        if lifetime is None and not self._settings.endless:
            raise _bad_lifetime("an end, as signing.endless is off", "none")
        if lifetime is not None and not 0 < lifetime <= (longest or MAX_LIFETIME):
            raise _bad_lifetime(f"1 to {longest or MAX_LIFETIME:.0f} seconds (signing.max_lifetime)", str(lifetime))
        return signing[0], None if lifetime is None else int(now) + lifetime

    def sign(self, url: str, key: SigningKey, exp: int | None) -> str:
        """Return `url` signed, a path below `public_url` where there is one; raise as `sign_link`.

        What begins with `//` names a host and is no path (RFC 3986 section 4.2).
        """
        signed = sign_link(url, key, exp=exp, mount=self._mount)
        is_path = signed.startswith("/") and not signed.startswith("//")
        return self._public_url + signed.removeprefix(self._mount) if is_path else signed


def _bad_lifetime(expected: str, received: str) -> InvalidRequest:
    fault = Fault("expires", expected, received)
    return InvalidRequest(f"Such a link would never be good: {fault}.", code="bad_lifetime", faults=(fault,))
