"""Short signatures by themselves: the string that is signed, and what passes for its signature."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.signing.sign import signed_url
from imagemill.signing.signature import image_text, info_text, matches, signature_of

SECRET = b"correct-horse-battery-staple"
VECTOR = "aKn4SXsSVOs4GbRql0gu6ISa9GwWIpr_zV4NpFCV5fI"
"""The test vector of docs/signing.md."""


def test_the_vector_of_the_documentation() -> None:
    """Fixed key, fixed text, fixed signature: whoever writes a signer of his own starts here."""
    text = image_text("w=300,fm=webp", "users/ann/cat.jpg", "1893456000", "0123456789ab")
    assert text == "img\nw=300,fm=webp/users/ann/cat.jpg\n1893456000\n0123456789ab"
    assert signature_of(SECRET, text) == VECTOR


def test_it_is_what_the_contract_says() -> None:
    """Base64url without padding of HMAC-SHA256, made here with the standard library alone."""
    text = image_text("_", "é.png")
    digest = hmac.new(SECRET, "img\n_/é.png\n\n".encode(), hashlib.sha256).digest()
    assert signature_of(SECRET, text) == base64.urlsafe_b64encode(digest).decode().rstrip("=")


options = st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=12)
plain = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=6)


@given(st.lists(st.tuples(st.sampled_from(["img", "info"]), options, st.text(max_size=12), plain, plain), max_size=2))
def test_no_two_meanings_have_one_text(claims: list[tuple[str, str, str, str, str]]) -> None:
    """Whatever options and key hold, line ends too: another meaning is another text."""
    texts = {image_text(o, k, e, v) if kind == "img" else info_text(k, e, v) for kind, o, k, e, v in claims}
    meanings = {(kind, o if kind == "img" else "", k, e, v) for kind, o, k, e, v in claims}
    assert len(texts) == len(meanings)


def test_a_cut_signature_counts_only_where_it_is_allowed() -> None:
    """22 characters, and no other length."""
    whole = signature_of(SECRET, "x")
    assert not matches(SECRET, "x", whole[:22], allow_short=False)
    for length in range(44):
        assert matches(SECRET, "x", whole[:length], allow_short=True) is (length in (22, 43))


@pytest.mark.parametrize("change", ["{}=", " {}", "{}\n", "{}A", ""])
def test_other_spellings_are_other_signatures(change: str) -> None:
    """The text is compared, not what a lenient reader makes of it."""
    assert not matches(SECRET, "x", change.format(signature_of(SECRET, "x")), allow_short=True)


def test_spare_bits_of_the_last_character_count() -> None:
    """43 characters hold two bits more than the digest; a reader of base64 would not see them change."""
    whole = signature_of(SECRET, "x")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = whole[:-1] + alphabet[alphabet.index(whole[-1]) ^ 1]
    assert base64.urlsafe_b64decode(whole + "=") == base64.urlsafe_b64decode(other + "=")
    assert not matches(SECRET, "x", other, allow_short=False)


def test_signing_again_replaces_the_signature() -> None:
    """A link that is signed a second time has one signature, and keeps what others put into its query."""
    once = signed_url("https://h/img/_/a.png?utm=x&v=1#top", "text", "secret", exp=5, kid="web")
    assert once == f"https://h/img/_/a.png?utm=x&v=1&exp=5&kid=web&s={signature_of(b'secret', 'text')}"
    assert signed_url(once, "text", "secret", exp=None, kid=None).count("s=") == 1
