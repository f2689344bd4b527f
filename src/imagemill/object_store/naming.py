r"""What a key may be, checked once at the edge of the platform (contract, "Keys"; threats K1, K2).

A key is UTF-8 of at most 1024 bytes, case-sensitive and byte-exact. Segments are separated by `/`; none may be empty,
`.`, `..` or `~` (the variants of a key live under `<key>/~/`). `\\`, control and bidirectional characters are refused:
they are how names lie. `RESERVED` are the names of our own files in a folder that people may share with us.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata

from imagemill.errors import InvalidRequest, shown

MAX_KEY_BYTES = 1024
RESERVED = frozenset({".imagemill", "admin.key", "imagemill.toml"})
"""First segments that are ours: never an original, never listed, never served."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
ENCODED_PREFIX = "b64:"


def bad_key(key: str, why: str) -> InvalidRequest:
    """Return the error for a key that cannot be; `why` completes "the key …"."""
    return InvalidRequest(f"The key “{shown(key)}” {why}.", code="bad_key")


def check_key(key: str) -> str:
    """Return `key` unchanged when it is legal; raise InvalidRequest (`bad_key`) otherwise."""
    _check_characters(key)
    for segment in key.split("/"):
        if segment in ("", ".", "..", "~"):
            what = "an empty segment" if not segment else f"a segment “{segment}”"
            raise bad_key(key, f"has {what}, which no key may have")
    if key.split("/", 1)[0] in RESERVED:
        raise bad_key(key, "begins with a name that Imagemill keeps for its own files")
    return key


def _check_characters(key: str) -> None:
    if not key:
        raise InvalidRequest("The key is empty; the path of an original was expected.", code="bad_key")
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        raise bad_key(key, "is not valid UTF-8") from None
    if size > MAX_KEY_BYTES:
        raise bad_key(key, f"has {size} bytes; at most {MAX_KEY_BYTES} are allowed")
    if key.isascii() and key.isprintable() and "\\" not in key:
        return  # most keys: one look at the whole instead of one at each character
    for character in key:
        if character == "\\" or character in _BIDI or unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise bad_key(key, f"has the character U+{ord(character):04X}, which no key may have")


def check_new_key(key: str) -> str:
    """Like `check_key` for a key about to be written: it must be in Unicode normal form C as well."""
    check_key(key)
    if unicodedata.normalize("NFC", key) != key:
        raise bad_key(key, "is not in Unicode normal form C, so two different keys would look the same")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` when some key can begin with it (all do with the empty one); raise InvalidRequest otherwise.

    What no key begins with is a mistake, not an empty answer. A whole key is a prefix too, of itself.
    """
    whole = len(prefix.encode("utf-8", "replace")) == MAX_KEY_BYTES
    try:
        check_key(prefix if whole else prefix + "x")
    except InvalidRequest:
        raise InvalidRequest(f"No key can begin with “{shown(prefix)}”.", code="bad_key") from None
    return prefix


def decode_key(text: str) -> str:
    """Return the key that a URL's `text` (percent-decoded once) addresses.

    Leading slashes are dropped. `b64:<base64url>` addresses a key that already exists in a bucket and that the rules
    for new keys would refuse; it must still stay out of the way of `..` and our reserved names.
    """
    text = text.lstrip("/")
    if text.startswith(ENCODED_PREFIX):
        encoded = text[len(ENCODED_PREFIX) :]
        try:
            raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            text = raw.decode("utf-8")
        except (binascii.Error, ValueError):
            raise bad_key(encoded, "after “b64:” is not base64url of UTF-8") from None
        return check_existing_key(text)
    return check_key(text)


def check_existing_key(key: str) -> str:
    """Return an odd `key` that a bucket already has; only what could leave the root or meet our files is refused."""
    if not key or len(key.encode("utf-8")) > MAX_KEY_BYTES or "\0" in key:
        raise bad_key(key, "is empty, too long or holds NUL")
    segments = key.split("/")
    if any(segment in (".", "..", "~") for segment in segments) or segments[0] in RESERVED:
        raise bad_key(key, "has a segment that no key may have")
    return key
