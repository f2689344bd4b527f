"""What opens something is compared in a time that tells nothing of it (threats G3, J2), with every key to the end."""

from __future__ import annotations

import hmac
from pathlib import Path

import pytest

from imagemill.control.auth import AdminKey
from imagemill.signing.gate import Asking, Gate, ShortClaim
from imagemill.signing.grant import Grant
from imagemill.signing.keys import KeyRing, SigningKey
from imagemill.signing.settings import SigningSettings
from imagemill.signing.signature import signature_of
from imagemill.uploads.token import new_token

TEXT = "img\nw=8/a.png\n\n"
OWN = "x" * 48
SECRETS = [f"a-secret-of-a-test-{number}" for number in range(4)]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, object]]:
    """Everything that the standard library compares in constant time from now on, in pairs."""
    found: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def seen(one: bytes, other: bytes) -> bool:
        found.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", seen)
    return found


def ask(shown: str) -> Grant | None:
    """Return what a signature opens at a gate with four keys."""
    ring = KeyRing(SigningKey(kid=f"k{n}", kind="hmac", secret=secret) for n, secret in enumerate(SECRETS))
    gate = Gate(lambda: ring, SigningSettings())
    return gate.check_link(Asking(b"/img/w=8/a.png", b""), ShortClaim(TEXT, shown))


def test_a_signature_is_compared_with_each_key_to_the_end(compared: list[tuple[object, object]]) -> None:
    """Whichever of the keys it is of, all four are asked, and the whole signature at once."""
    for secret in SECRETS:
        compared.clear()
        shown = signature_of(secret.encode(), TEXT)
        assert ask(shown) is not None
        assert [other for _, other in compared] == [shown.encode()] * len(SECRETS)
        assert {len(str(right)) for right, _ in compared} == {len(str(shown.encode()))}


def test_keys_tokens_and_a_cdns_word_are_compared_so_too(compared: list[tuple[object, object]], tmp_path: Path) -> None:
    """The admin key and an upload's token by their digests, the edge's word as it is: each once, right or wrong."""
    (tmp_path / "key").write_text(f"{OWN}\n")
    (tmp_path / "key").chmod(0o600)
    key = AdminKey(tmp_path / "key", create=False)
    token, other = new_token(), new_token()
    gate = Gate(KeyRing, SigningSettings(), edge_secret="a-word-of-the-edge")
    compared.clear()
    for shown, right in ((b"Bearer wrong", False), (f"Bearer {OWN}".encode(), True)):
        assert key.admits({b"authorization": shown}) is right
    assert [token.opens(one.digest) for one in (token, other)] == [True, False]
    for word in ("a-word-of-the-edge", "a-word-of-the-edgf"):
        assert (gate.check_edge(Asking(b"/", b"", edge=word)) is not None) is (word[-1] == "e")
    assert len(compared) == 6
    digests = compared[:4]
    assert {len(str(one)) for pair in digests for one in pair if isinstance(one, str)} <= {64}
    assert {len(one) for pair in digests for one in pair if isinstance(one, bytes)} == {32}
