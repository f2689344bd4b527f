"""`imagemill info`, run as a person runs it: on files, on a data folder, on a server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.cli.programs import imagemill
from tests.serving import serving

from imagemill import demo


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with two pictures and a note."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("rocket.jpg", "mill.gif"):
        shutil.copyfile(demo.PHOTOS / name, home / name)
    (home / "note.txt").write_text("no picture")
    return home


def test_files_need_no_store(home: Path) -> None:
    """Plain files are told in order, and no data folder appears."""
    ended = imagemill("info", "rocket.jpg", "mill.gif", cwd=home)
    assert ended.code == 0, ended.err
    assert "JPEG 640×427, 113 kB" in ended.out
    assert "18 frames, 0.90 s, for ever" in ended.out
    assert ended.out.index("rocket.jpg") < ended.out.index("mill.gif")
    assert "\x1b" not in ended.out
    assert sorted(path.name for path in home.iterdir()) == ["mill.gif", "note.txt", "rocket.jpg"]


def test_one_that_is_no_picture_stops_no_other(home: Path) -> None:
    """Told on stderr, exit 3; alone it is exit 1."""
    mixed = imagemill("info", "note.txt", "rocket.jpg", "--json", cwd=home)
    assert mixed.code == 3
    assert [line["file"] for line in mixed.lines] == ["rocket.jpg"]
    assert "note.txt: These bytes are not an image" in mixed.err
    assert imagemill("info", "note.txt", cwd=home).code == 1


def test_a_mistyped_file_is_said_to_be_none(home: Path) -> None:
    """Where neither a file nor a store is there, the sentence says both, and the other files are told all the same."""
    ended = imagemill("info", "rocket.jpg", "rokcet.jpg", cwd=home)
    assert ended.code == 3
    assert "JPEG" in ended.out
    assert "rokcet.jpg: There is no such file, and no store" in ended.err


@pytest.mark.parametrize("served", [False, True], ids=["no server", "a server"])
def test_keys_of_a_store(home: Path, served: bool) -> None:
    """With --data a name is a key, whether a server holds the folder or none; the same is told of file and original."""
    data = home.parent / "data"
    stored = imagemill("put", "rocket.jpg", "--key", "a/rocket.jpg", "--data", data, cwd=home)
    assert stored.code == 0, stored.err

    def ask() -> None:
        ended = imagemill("info", "a/rocket.jpg", "none.jpg", "--data", data, "--json", cwd=home)
        assert ended.code == 3
        assert "none.jpg: There is no original" in ended.err
        (told,) = ended.lines
        assert told["key"] == "a/rocket.jpg"
        assert told["url"].startswith("http")
        (file,) = imagemill("info", "rocket.jpg", "--json", cwd=home).lines
        of_the_picture = set(file) - {"file"}
        assert {name: told[name] for name in of_the_picture} == {name: file[name] for name in of_the_picture}

    if not served:
        ask()
        return
    with serving(data):
        ask()


def test_without_a_name_it_says_how(home: Path) -> None:
    """No argument is a usage error."""
    assert imagemill("info", cwd=home).code == 2
