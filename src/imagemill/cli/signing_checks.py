"""What `doctor` says of signatures: keys that can be used, and a site that would refuse everybody for want of one."""

from __future__ import annotations

from imagemill.cli.checks import Finding, ok
from imagemill.cli.serve import is_loopback
from imagemill.errors import InvalidRequest
from imagemill.settings import OWN_FOLDER, Settings
from imagemill.settings.values import s3_address

DOCUMENT = "signing-keys.json"
"""The same as `signing.key_book.KEY` (a test compares them): doctor looks whether it is there, and not inside."""


def signing(settings: Settings) -> Finding:
    """Keys of the settings can be read, and there is one where something needs a signature."""
    from imagemill.signing.written_keys import written_keys

    try:
        keys = written_keys(settings.signing)
    except InvalidRequest as error:
        return Finding("signing", "fail", error.sentence, "correct [signing]; the server does not start with it")
    made = (settings.data / OWN_FOLDER / DOCUMENT).is_file()
    closed = settings.delivery.access == "signed" or settings.delivery.private
    if closed and not keys and (s3_address(settings.variants.url) or s3_address(settings.originals.url)):
        return Finding(
            "signing",
            "warn",
            "pictures need a signature and the settings have no key; those made with the API lie in the bucket",
            "see GET /v1/signing-keys; if it is empty set signing.keys, or make a key with POST",
        )
    if closed and not keys and not made:
        return Finding(
            "signing",
            "fail",
            "pictures need a signature and there is no key, so nobody can see them",
            "set signing.keys, or make a key with POST /v1/signing-keys",
        )
    named = bool(settings.server.public_url)
    if any(key.kind == "cloudfront" for key in keys) and not named and not is_loopback(settings.server.host):
        return Finding(
            "signing",
            "warn",
            "links of CloudFront are judged by the Host of each request, as server.public_url is not set",
            "set server.public_url to the address that links begin with",
        )
    told = ", ".join(f"{key.kid} ({key.kind})" for key in keys) or "no keys in the settings"
    return ok("signing", told + ("; some made with the API" if made else ""))
