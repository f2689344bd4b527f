"""The keys that stand in the settings, read and checked once at the start (`[signing]`)."""

from __future__ import annotations

from pathlib import Path

from imagemill.errors import InvalidRequest, shown
from imagemill.signing.keys import SigningKey, check_key
from imagemill.signing.settings import SigningSettings

LONGEST_FILE = 64 * 1024


def written_keys(settings: SigningSettings) -> tuple[SigningKey, ...]:
    """Return the keys of the settings in their order; raise InvalidRequest (`bad_signing_key`), never with a secret."""
    found: dict[str, SigningKey] = {}
    for item in settings.keys:
        kid, _, secret = item.partition(":")
        _add(found, SigningKey(kid=kid, kind="hmac", secret=secret, managed_by="file"), "signing.keys")
    for item in settings.public_keys:
        kid, _, path = item.partition(":")
        key = SigningKey(kid=kid, kind="cloudfront", public_key=_pem(kid, Path(path)), managed_by="file")
        _add(found, key, "signing.public_keys")
    return tuple(found.values())


def _add(found: dict[str, SigningKey], key: SigningKey, setting: str) -> None:
    if key.kid in found:
        raise InvalidRequest(f"{setting}: the name {shown(key.kid)} stands there twice.", code="bad_signing_key")
    try:
        found[key.kid] = check_key(key)
    except InvalidRequest as error:
        raise InvalidRequest(f"{setting}: {error.sentence}", code=error.code) from None


def _pem(kid: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_FILE).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path"
        raise InvalidRequest(
            f"signing.public_keys: the file of {shown(kid)} cannot be read: {reason}.", code="bad_signing_key"
        ) from None
