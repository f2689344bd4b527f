"""The sample photos: what is shipped, and whose folders they enter."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imagemill import demo

TWO_MEGABYTES = 2 * 1024 * 1024


def names(folder: Path) -> list[str]:
    """What a person sees in `folder`."""
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def test_new_folder_gets_every_sample(tmp_path: Path) -> None:
    """A folder that does not exist is made and filled with whole copies."""
    demo.prepare(tmp_path / "deep" / "data")
    assert names(tmp_path / "deep" / "data") == list(demo.sample_keys())
    for key in demo.sample_keys():
        assert (tmp_path / "deep" / "data" / key).read_bytes() == (demo.PHOTOS / key).read_bytes()


def test_folder_of_a_user_stays_as_it_is(tmp_path: Path) -> None:
    """Where somebody's own picture lies, nothing is added."""
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    demo.prepare(tmp_path)
    assert names(tmp_path) == ["holiday.jpg"]


def test_folder_of_a_user_with_a_sample_name_stays_as_it_is(tmp_path: Path) -> None:
    """A picture that happens to be called like a sample is never written to."""
    (tmp_path / "coffee.png").write_bytes(b"mine")
    demo.prepare(tmp_path)
    assert (tmp_path / "coffee.png").read_bytes() == b"mine"


@pytest.mark.parametrize("ours", ["admin.key", "imagemill.toml", ".imagemill", ".DS_Store"])
def test_our_own_files_do_not_make_a_folder_somebodys(tmp_path: Path, ours: str) -> None:
    """What the server and file managers leave behind does not count as a picture of the user's."""
    if ours == ".imagemill":
        (tmp_path / ours).mkdir()
    else:
        (tmp_path / ours).write_bytes(b"")
    demo.prepare(tmp_path)
    assert set(demo.sample_keys()) <= set(names(tmp_path))


def test_second_start_brings_back_only_what_is_missing(tmp_path: Path) -> None:
    """A folder of samples is completed; those present are not touched."""
    demo.prepare(tmp_path)
    (tmp_path / "mill.gif").unlink()
    before = (tmp_path / "coffee.png").stat()
    demo.prepare(tmp_path)
    assert (tmp_path / "mill.gif").exists()
    assert (tmp_path / "coffee.png").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "coffee.png").stat().st_ino == before.st_ino


def test_samples_are_small_and_what_they_say() -> None:
    """All together at most 2 MB, each a picture whose bytes are of the format its name tells."""
    assert sum(file.stat().st_size for file in demo.PHOTOS.iterdir()) <= TWO_MEGABYTES
    formats = {".jpg": "JPEG", ".png": "PNG", ".gif": "GIF"}
    for file in demo.PHOTOS.iterdir():
        with Image.open(file) as image:
            assert image.format == formats[file.suffix]
            image.load()


def test_samples_tell_nothing_of_people() -> None:
    """No sample carries EXIF, so none can tell where it was taken."""
    for file in demo.PHOTOS.iterdir():
        with Image.open(file) as image:
            assert not image.getexif(), file.name


def test_samples_cover_alpha_and_animation() -> None:
    """One sample has transparent pixels and one moves, so that the page can show both."""
    with Image.open(demo.PHOTOS / "windmill.png") as image:
        assert min(image.getchannel("A").tobytes()) < 128
    with Image.open(demo.PHOTOS / "mill.gif") as image:
        assert getattr(image, "n_frames", 1) > 1


def test_every_sample_names_its_source_and_licence() -> None:
    """The page of licences has one row for each file and none for files that are not there."""
    page = (demo.PHOTOS.parent / "LICENSES.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows) == list(demo.sample_keys())


def test_links_lead_to_samples() -> None:
    """Different addresses below the given one, each of a shipped picture."""
    links = demo.links("http://127.0.0.1:8080/")
    assert len({link.url for link in links}) == 8
    for caption, url in links:
        assert caption
        assert url.startswith(("http://127.0.0.1:8080/img/", "http://127.0.0.1:8080/info/"))
        assert url.rsplit("/", 1)[1] in demo.sample_keys()
