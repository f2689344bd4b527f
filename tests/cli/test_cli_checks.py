"""What `doctor` says of the admin key."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagemill.cli.checks import admin_key
from imagemill.gateway.settings import AdminSettings
from imagemill.settings import Settings


@pytest.mark.parametrize(("content", "state"), [("imk_cut", "fail"), ("", "ok"), ("a-long-key-of-my-own", "ok")])
def test_doctor_reads_the_key_as_the_start_does(tmp_path: Path, content: str, state: str) -> None:
    """A key that would stop the start is a failure with a next step; an empty file is made anew by the start."""
    path = tmp_path / "admin.key"
    path.write_text(content)
    path.chmod(0o600)
    found = admin_key(Settings(data=tmp_path))
    assert (found.state, found.next_step == f"remove {path}") == (state, state == "fail")


def test_an_empty_file_that_was_named_is_a_failure(tmp_path: Path) -> None:
    """Nobody makes a key where `admin.key_file` names one."""
    path = tmp_path / "key"
    path.touch(0o600)
    found = admin_key(Settings(data=tmp_path, admin=AdminSettings(key_file=str(path))))
    assert (found.state, str(path) in found.next_step) == ("fail", True)
