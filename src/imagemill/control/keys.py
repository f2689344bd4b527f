"""API keys: how they look, how a new one is made, where the first one is kept (threat J2).

Separate from `auth`, which compares. A key is `imk_`, 32 random characters (190 bits) and six of a checksum, all from
0-9A-Za-z. The checksum is no secret: secret scanners and `doctor` tell a key from a mistyped one by it, unasked.
"""

from __future__ import annotations

import os
import secrets
import string
import zlib
from dataclasses import dataclass
from pathlib import Path

from imagemill.errors import InvalidRequest

PREFIX = "imk_"
RANDOM = 32
CHECK = 6
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SHORTEST = 20
"""Characters of a key of one's own (`admin.key_file`); anything shorter can be guessed."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as its file has it; `created` when it was made just now, `loose` when others may read the file."""

    text: str
    created: bool
    loose: bool


def new_key() -> str:
    """Return a fresh key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return PREFIX + body + _checksum(body)


def check_shape(text: str) -> bool:
    """Say whether `text` is a key of ours, as far as one can see: prefix, length, letters, checksum."""
    body, check = text[len(PREFIX) : -CHECK], text[-CHECK:]
    return (
        text.startswith(PREFIX)
        and len(body) == RANDOM
        and all(letter in ALPHABET for letter in body)
        and check == _checksum(body)
    )


def load_key(path: Path) -> StoredKey | None:
    """Return the key that is the one line of `path`, None where there is no file or a crash left it empty.

    Raises InvalidRequest (`bad_key_file`) when the file holds something else; the sentence never repeats it.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
        loose = bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise _bad_file("cannot be read as one line of ASCII text") from None
    if not text:
        return None
    if len(text.split()) != 1 or not text.isprintable():
        raise _bad_file("holds more than one word")
    if text.startswith(PREFIX) and not check_shape(text):
        raise _bad_file("begins like a key of Imagemill, but its checksum is wrong: it may be cut or mistyped")
    if len(text) < SHORTEST:
        raise _bad_file(f"is shorter than {SHORTEST} characters")
    return StoredKey(text, created=False, loose=loose)


def load_or_create_key(path: Path) -> StoredKey:
    """Return the key of `path`; make one and write it (mode 0600, never over an existing key) where there is none.

    Raises InvalidRequest (`bad_key_file`) as `load_key` does, and where a new one finds no room.
    """
    key = load_key(path)
    if key is not None:
        return key
    text = new_key()
    try:
        path.unlink(missing_ok=True)  # an empty file that a crash left
        _write(path, text + "\n")
    except OSError as error:
        raise _bad_file(f"cannot be written: {error.strerror}") from None
    return StoredKey(text, created=True, loose=False)


def _write(path: Path, line: str) -> None:
    """Write a new file whole and to the disk, or leave none: a part of a key would lock everybody out."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _checksum(body: str) -> str:
    """Return CRC-32 of `body` in six letters of `ALPHABET`: it finds every mistyped or swapped letter."""
    rest = zlib.crc32(body.encode("ascii", "replace"))
    letters = []
    for _ in range(CHECK):
        rest, letter = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[letter])
    return "".join(reversed(letters))


def _bad_file(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The file of the admin key (admin.key in the data folder, unless admin.key_file names another) {why}.",
        code="bad_key_file",
    )
