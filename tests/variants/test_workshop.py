"""The folders for what comes and goes: a process is never robbed of its own by another that cleans up."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from imagemill.variants.paths import Paths
from imagemill.variants.workshop import Workshop


def test_a_process_that_starts_while_another_cleans_up_has_a_folder_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making the folder and locking it the other may remove it: then there is a new one, and it can be used."""
    other = Workshop(Paths(str(tmp_path)))
    lock = fcntl.flock
    cleaned: list[bool] = []

    def clean_first(descriptor: int, operation: int) -> None:
        if not cleaned:
            cleaned.append(True)
            other.remove_leftovers()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", clean_first)
    late = Workshop(Paths(str(tmp_path)))
    monkeypatch.undo()
    assert cleaned
    other.remove_leftovers()
    path = late.new_name()
    late.write(path, b"x")
    assert Path(path).read_bytes() == b"x"
    late.close()
    other.close()
    assert list((tmp_path / ".tmp").iterdir()) == []
