"""`imagemill sign`, `url --sign`, `put --private`, `get` of what is private, and what `doctor` says of keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.programs import Ended, imagemill
from tests.gateway.platforms import picture
from tests.serving import serving
from tests.signing.signing_kit import KEY_ID, pem, rsa_key

from imagemill.cli.checks import Finding
from imagemill.cli.signing_checks import DOCUMENT, signing
from imagemill.settings import Settings
from imagemill.signing import key_book
from imagemill.signing.signature import LENGTH

SECRET = "a-secret-for-the-shell"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens here
KEYS = {"IMAGEMILL_SIGNING__KEYS": f"web:{SECRET},old:another-secret-for-it"}


def test_private_pictures_from_the_shell(tmp_path: Path) -> None:
    """Stored closed, signed, fetched by who holds the key; every refusal says what to do."""
    (tmp_path / "cat.png").write_bytes(picture())
    with serving(tmp_path / "data", "--workers", "1", env=KEYS) as server:
        _from_the_shell(tmp_path, server.url)
    assert "POST /v1/signing-keys" in imagemill("sign", "/img/_/cat.png", "--data", "data", cwd=tmp_path).err


def test_signed_links_begin_with_the_public_address(tmp_path: Path) -> None:
    """`server.public_url` begins every link to be given away; `get` asks the server that it speaks to."""
    (tmp_path / "cat.png").write_bytes(picture())
    public = "https://img.example.com/pics"
    with serving(tmp_path / "data", "--workers", "1", env=KEYS | {"IMAGEMILL_SERVER__PUBLIC_URL": public}):
        for command in (
            ("put", "cat.png", "--private"),
            ("get", "cat.png", "--variant", "w=9,fm=png", "-o", "small.png"),
        ):
            ended = imagemill(*command, "--data", "data", cwd=tmp_path)
            assert ended.code == 0, ended.err
        for printing in (("url", "cat.png", "w=9", "--sign"), ("sign", "/img/w=9/cat.png")):
            ended = imagemill(*printing, "--data", "data", cwd=tmp_path)
            assert ended.out.startswith(f"{public}/img/w=9/cat.png?"), ended


def _from_the_shell(folder: Path, address: str) -> None:
    def run(*arguments: str) -> Ended:
        """Run a command against the server that holds the data folder."""
        return imagemill(*arguments, "--data", "data", cwd=folder)

    stored = run("put", "cat.png", "--private", "--json")
    assert stored.code == 0, stored.err
    assert stored.lines[0]["private"] is True
    nothing = run("url", "cat.png")
    assert (nothing.code, "--sign" in nothing.err) == (1, True)
    link = run("url", "cat.png", "w=9", "--sign").out.strip()
    signed = run("sign", link, "/info/cat.png", "--expires", "10m", "--json")
    assert signed.code == 0, signed.err
    for line in signed.lines:
        assert line["url"].startswith(address + "/")
        assert len(line["url"].rpartition("s=")[2]) == LENGTH
        assert (line["kid"], line["expires"][-1]) == ("web", "Z")
    endless = run("sign", "/img/_/cat.png", "--expires", "never", "--kid", "old").out
    assert "exp=" not in endless
    assert "kid=old" in endless
    got = run("get", "cat.png", "--variant", "w=9,fm=png", "-o", "small.png")
    assert got.code == 0, got.err
    assert (folder / "small.png").read_bytes().startswith(b"\x89PNG")
    for arguments, said in (
        (("/img/w=0/cat.png",), "1…8192"),
        (("/img/_/cat.png", "--expires", "30d"), "signing.max_lifetime"),
    ):
        ended = run("sign", *arguments)
        assert (ended.code, ended.out) == (1, "")
        assert said in ended.err
        assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("web:short", "16 to 256"),
        ("web", "16 to 256"),
        (f"web:{SECRET},web:{SECRET}", "twice"),
        (f"a b:{SECRET}", "kid"),
    ],
)
def test_wrong_keys_stop_the_start(tmp_path: Path, keys: str, said: str) -> None:
    """In one sentence without the secret; `doctor` finds them before."""
    env = {"IMAGEMILL_SIGNING__KEYS": keys}
    for command in (("ls", "--data", tmp_path), ("doctor", "--data", tmp_path)):
        ended = imagemill(*command, cwd=tmp_path, env=env)
        assert ended.code == 1
        assert said in ended.err + ended.out
        assert "signing.keys" in ended.err + ended.out
        assert SECRET not in ended.err + ended.out
        assert "Traceback" not in ended.err


def finding(folder: Path, **flags: str) -> Finding:
    """What doctor says of these settings."""
    return signing(Settings.load({"data.dir": folder, **flags}, environ={}, cwd=folder))


def test_doctor_finds_a_site_that_nobody_can_see(tmp_path: Path) -> None:
    """Closed without a key is a failure; a public key without a public address is worth a word."""
    key = tmp_path / "public.pem"
    key.write_text(pem(rsa_key()))
    assert finding(tmp_path).state == "ok"
    for closed in ({"delivery.access": "signed"}, {"delivery.private": "users/"}):
        assert finding(tmp_path, **closed).state == "fail"
        assert finding(tmp_path, **closed, **{"signing.keys": f"web:{SECRET}"}).state == "ok"
    public = {"signing.public_keys": f"{KEY_ID}:{key}"}
    assert finding(tmp_path, **public).state == "ok"
    assert finding(tmp_path, **public, **{"server.host": EVERYWHERE}).state == "warn"
    named = {"server.host": EVERYWHERE, "server.public_url": "https://img.example.com"}
    assert finding(tmp_path, **public, **named).state == "ok"
    assert finding(tmp_path, **{"signing.public_keys": f"{KEY_ID}:absent.pem"}).state == "fail"
    elsewhere = {"delivery.access": "signed", "originals.url": "s3://pictures"}
    assert finding(tmp_path, **elsewhere).state == "warn", "keys may lie in the bucket, where it does not look"
    (tmp_path / ".imagemill").mkdir()
    (tmp_path / ".imagemill" / DOCUMENT).write_text("{}")
    assert finding(tmp_path, **{"delivery.access": "signed"}).state == "ok"
    assert DOCUMENT == key_book.KEY
