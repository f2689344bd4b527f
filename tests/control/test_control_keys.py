from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.control.auth import AdminKey
from imagemill.control.keys import ALPHABET, check_shape, load_key, load_or_create_key, new_key
from imagemill.errors import InvalidRequest


def test_new_keys_have_the_shape_and_differ() -> None:
    """Each new key begins with imk_, holds its checksum, and is another one."""
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("imk_") and check_shape(key) for key in keys)


@given(st.integers(4, 41), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_seen(place: int, letter: str) -> None:
    """A key with one letter changed does not have the shape of a key."""
    key = "imk_" + "0123456789abcdefghijKLMNOPQRSTUV"
    key += next(six for six in [new_key_checksum(key[4:])])
    assert check_shape(key)
    changed = key[:place] + letter + key[place + 1 :]
    assert check_shape(changed) == (changed == key)


def new_key_checksum(body: str) -> str:
    """Return the six letters that complete `body`, found by the rule itself: CRC-32 in base 62."""
    import zlib

    rest, letters = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, letter = divmod(rest, 62)
        letters = ALPHABET[letter] + letters
    return letters


@pytest.mark.parametrize("text", ["", "imk_", "imk_short", "xyz_" + "0" * 38, "imk_" + "é" * 38, "imk_" + "0" * 38])
def test_other_texts_do_not_have_the_shape(text: str) -> None:
    """Nothing else passes for a key."""
    assert not check_shape(text)


def test_the_first_start_writes_the_key_once(tmp_path: Path) -> None:
    """The file is one line, mode 0600; the next start reads the same key."""
    path = tmp_path / "admin.key"
    made = load_or_create_key(path)
    assert made.created
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == made.text + "\n"
    again = load_or_create_key(path)
    assert (again.text, again.created, again.loose) == (made.text, False, False)
    path.chmod(0o644)
    assert load_or_create_key(path).loose


def test_an_empty_file_of_a_crash_is_replaced(tmp_path: Path) -> None:
    """A key file that a crash left empty does not lock everybody out."""
    path = tmp_path / "admin.key"
    path.touch(0o600)
    assert load_key(path) is None
    assert check_shape(load_or_create_key(path).text)


def test_a_key_that_finds_no_room_leaves_no_part_of_it(tmp_path: Path) -> None:
    """On a full disk the start ends with a sentence, and the next one makes the key."""
    path = tmp_path / "admin.key"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # the tenth letter still fits, as on a disk
    try:
        with pytest.raises(InvalidRequest, match="cannot be written"):
            load_or_create_key(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not path.exists()
    assert load_or_create_key(path).created


@pytest.mark.parametrize("content", [b"tooshort\n", b"two words of length\n", b"imk_" + b"0" * 38, b"\xff" * 30])
def test_a_file_that_holds_no_key_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    """A wrong key file stops the start, and its content appears nowhere."""
    path = tmp_path / "admin.key"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        load_or_create_key(path)
    assert caught.value.code == "bad_key_file"
    assert content.decode("latin-1").strip() not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """`admin.key_file` is never created: a missing secret must not become a new one."""
    with pytest.raises(InvalidRequest):
        AdminKey(tmp_path / "secret", create=False)
    assert not (tmp_path / "secret").exists()
