"""Where the disk cache may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagemill.settings import Settings, SettingsError


def test_a_relative_folder_starts_where_it_was_written(tmp_path: Path) -> None:
    """In a file: at the file; on a variable: where the program was started."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "imagemill.toml").write_text('[cache]\ndisk_dir = "fast"\n')
    by_file = Settings.load({"config": "conf/imagemill.toml"}, {}, tmp_path)
    assert by_file.cache.disk_dir == str(tmp_path / "conf" / "fast")
    by_variable = Settings.load({}, {"IMAGEMILL_CACHE__DISK_DIR": "fast"}, tmp_path)
    assert by_variable.cache.disk_dir == str(tmp_path / "fast")
    assert Settings.load({}, {}, tmp_path).cache.disk_dir == ""


@pytest.mark.parametrize("place", ["data", "data/pictures"])
def test_it_is_not_among_the_originals(tmp_path: Path, place: str) -> None:
    """There its files would be listed as originals; apart it may be."""
    flags = {"data.dir": str(tmp_path / "data")}
    with pytest.raises(SettingsError, match=r"cache\.disk_dir: expected a folder outside of the originals"):
        Settings.load(flags, {"IMAGEMILL_CACHE__DISK_DIR": place}, tmp_path)
    for apart in ("elsewhere", "data/.imagemill/fast"):
        assert Settings.load(flags, {"IMAGEMILL_CACHE__DISK_DIR": apart}, tmp_path).cache.disk_dir.endswith(apart)
