"""`[sources.<name>]`: tables that people name, checked as strictly as those whose names are ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagemill.settings import Settings, SettingsError


def load(tmp_path: Path, toml: str = "", env: dict[str, str] | None = None) -> Settings:
    """Load settings from a file."""
    (tmp_path / "imagemill.toml").write_text(toml)
    return Settings.load({}, env or {}, tmp_path)


def refusal(tmp_path: Path, toml: str, env: dict[str, str] | None = None) -> str:
    """Load settings that are wrong and return what is said."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml, env)
    return caught.value.sentence


def test_a_source_is_a_table_or_one_line(tmp_path: Path) -> None:
    """Both forms, and the environment over the file."""
    web = "[sources.cdn]\nurl = 'https://cdn.example.com/m'\nhosts = ['a.example.com']"
    toml = f"[sources]\npress = 's3://press/2024'\n{web}"
    settings = load(
        tmp_path, toml, {"IMAGEMILL_SOURCES__CDN__SECONDS": "3s", "IMAGEMILL_SOURCES__DISK__URL": "file:///x"}
    )
    assert {name: one.url for name, one in settings.attached.items()} == {
        "press": "s3://press/2024",
        "cdn": "https://cdn.example.com/m",
        "disk": "file:///x",
    }
    assert (settings.attached["cdn"].hosts, settings.attached["cdn"].seconds) == (("a.example.com",), 3.0)
    assert load(tmp_path).attached == {}


def test_settings_show_each_source_with_where_it_was_written(tmp_path: Path) -> None:
    """The prefix that follows from the name is shown as it is; what is for web servers alone is not shown elsewhere."""
    toml = "[sources]\npress = 's3://press'\n[sources.cdn]\nurl = 'https://cdn.example.com/'\nca_file = 'ca.pem'\n"
    rows = {row.name: row for row in load(tmp_path, toml).describe() if row.name.startswith("sources.")}
    assert (rows["sources.press.url"].value, rows["sources.press.prefix"].value) == ('"s3://press"', '"press/"')
    assert rows["sources.press.url"].source == str(tmp_path / "imagemill.toml")
    assert "sources.press.hosts" not in rows
    assert rows["sources.cdn.ca_file"].value == f'"{tmp_path}/ca.pem"'


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[sources.x]\nurll = 'https://h/'", "one of url, prefix, hosts"),
        ("[sources.X]\nurl = 'https://h/'", "lower-case letters"),
        ("[sources.'a.b']\nurl = 'https://h/'", "lower-case letters"),
        ("[sources.x]", "or hosts beside it"),
        ("[sources.x]\nurl = 5", "in quotes"),
        ("[sources.x]\nurl = 'ftp://h/'", "file:///path, s3://bucket/prefix or https://"),
        ("[sources.x]\nurl = 'memory://'", "file:///path, s3://bucket/prefix or https://"),
        ("[sources.x]\nurl = 'http://h.example.com/'", "allow_http = true"),
        ("[sources.x]\nurl = 'https://me:pw-secret@h.example.com/'", "without a user name"),
        ("[sources.x]\nurl = 'https://h.example.com/?a=b'", "without a query"),
        ("[sources.x]\nurl = 'file://h/x'", "three slashes"),
        ("[sources.x]\nurl = 's3://B'", "s3://bucket"),
        ("[sources.x]\nhosts = ['*']", "hosts such as"),
        ("[sources.x]\nhosts = ['*.com']", "hosts such as"),
        ("[sources.x]\nhosts = ['a.example.com']\nprefix = 'x/'", "no prefix without a url"),
        ("[sources.x]\nurl = 'file:///x'\nhosts = ['a.example.com']", "beside an https:// address only"),
        ("[sources.x]\nurl = 'file:///x'\nallow_private = ['10.0.0.0/8']", "beside an https:// address only"),
        ("[sources.x]\nurl = 'https://h.example.com/'\nallow_private = ['0.0.0.0/0']", "parts of one of"),
        ("[sources.x]\nurl = 'https://h.example.com/'\nallow_private = ['169.254.169.254/32']", "metadata"),
        ("[sources.x]\nurl = 'file:///x'\nprefix = 'a'", "ends with a slash"),
        ("[sources.x]\nurl = 'file:///x'\nprefix = '../'", "No key can begin"),
        ("[sources.x]\nurl = 'file:///x'\nprefix = '.imagemill/'", "No key can begin"),
        ("[sources.x]\nurl = 'file:///x'\n[sources.y]\nurl = 'file:///y'\nprefix = 'x/'", "one of its own"),
        ("[sources.x]\nurl = 'https://h.example.com/'\nseconds = 0", "above 0"),
        (
            "[server]\npublic_url = 'https://img.example.com'\n[sources.x]\nhosts = ['*.example.com']",
            "this server's own",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, toml: str, said: str) -> None:
    """The name, what was expected, what was received; never a password."""
    text = refusal(tmp_path, toml)
    assert said in text
    assert "sources." in text
    assert "pw-secret" not in text


@pytest.mark.parametrize("folder", ["", "/imagemill-data", "/imagemill-data/.imagemill", "/imagemill-data/photos"])
def test_a_source_is_apart_from_the_data_folder(tmp_path: Path, folder: str) -> None:
    """Through a source nobody sees the admin key, or one original under two keys."""
    assert "apart from our own" in refusal(tmp_path, f"[sources.x]\nurl = 'file://{tmp_path}{folder}'")


def test_a_source_does_not_show_what_we_keep_beside_the_originals(tmp_path: Path) -> None:
    """A folder above originals.url has our records in it; one below has pictures alone."""
    originals = f"[originals]\nurl = 'file://{tmp_path}/pictures'\n"
    for folder in ("pictures", "pictures/.imagemill/variants"):
        said = refusal(tmp_path, f"{originals}[sources.x]\nurl = 'file://{tmp_path}/{folder}'")
        assert "apart from our own" in said
    assert load(tmp_path, f"{originals}[sources.x]\nurl = 'file://{tmp_path}/pictures/old'").attached
