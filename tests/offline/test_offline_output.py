"""The output folder: whole files, and a record that is never believed against what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagemill.errors import Conflict
from imagemill.offline.output import OWN, RECORD, UNFINISHED, Fresh, OutputFolder


def fresh(path: str, data: bytes = b"data", *, recipe: str = "w=1", stamp: str = "s") -> Fresh:
    """A variant to be written."""
    return Fresh(path=path, recipe=recipe, stamp=stamp, format="webp", width=3, height=2, pages=1, data=data)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "deep" / "out"


def opened(root: Path) -> OutputFolder:
    """An open folder."""
    folder = OutputFolder(root, revision="1")
    folder.open()
    return folder


def test_files_and_notes(root: Path) -> None:
    """What is written is there under its name, noted, and known in the next run."""
    folder = opened(root)
    notes = folder.write("/x/a.jpg", [fresh("a.webp", b"one"), fresh("sub/b.webp", b"two", recipe="w=2")])
    assert (root / "a.webp").read_bytes() == b"one"
    assert (root / "sub/b.webp").read_bytes() == b"two"
    assert folder.notes("/x/a.jpg") == notes
    assert all(folder.holds(note) for note in notes)
    folder.close()
    assert {path.name for path in (root / OWN).iterdir()} == {RECORD}
    again = opened(root)
    assert again.notes("/x/a.jpg") == notes
    assert again.notes("/x/other.jpg") == []
    assert again.written() == {str((root / "a.webp").resolve()), str((root / "sub/b.webp").resolve())}
    again.close()


def test_later_notes_join_earlier_ones(root: Path) -> None:
    """What is kept stays noted; a file that is written anew has one note, the new one."""
    folder = opened(root)
    first = folder.write("/a", [fresh("a"), fresh("b")])
    second = folder.write("/a", [fresh("b", b"longer", recipe="w=9"), fresh("c")], kept=first)
    assert [note.path for note in folder.notes("/a")] == ["a", "b", "c"]
    assert folder.notes("/a")[1] == second[0]
    assert not folder.holds(first[1])
    folder.close()


def test_a_file_that_does_not_fit_its_note_is_not_held(root: Path) -> None:
    """Cut, changed with the same length, replaced by a link, removed: each is made again."""
    folder = opened(root)
    notes = folder.write("/a", [fresh(name) for name in "abcd"])
    (root / "a").write_bytes(b"dat")
    (root / "b").write_bytes(b"atad")
    os.utime(root / "b", ns=(1, 1))
    (root / "c").unlink()
    (root / "c").symlink_to("d")
    (root / "d").unlink()
    assert [folder.holds(note) for note in notes] == [False] * 4
    folder.close()


def test_a_crash_between_note_and_name(root: Path) -> None:
    """A note without its file says nothing; the unfinished file goes with the next run."""
    folder = opened(root)
    folder.write("/a", [fresh("a")])
    (root / "a").unlink()
    (root / OWN / UNFINISHED / "7").write_bytes(b"half")
    os.close(folder._record)  # as the kernel does for a process that was killed
    again = opened(root)
    assert not any(again.holds(note) for note in again.notes("/a"))
    assert list((root / OWN / UNFINISHED).iterdir()) == []
    again.close()


@pytest.mark.parametrize("torn", [b'["/b",[["b","w', b"\x00\x00", b'{"other":1}'])
def test_a_torn_record(root: Path, torn: bytes) -> None:
    """A line that was cut off or is none counts for nothing, and the next one begins on its own line."""
    folder = opened(root)
    notes = folder.write("/a", [fresh("a")])
    folder.close()
    with (root / OWN / RECORD).open("ab") as record:
        record.write(torn)
    again = opened(root)
    assert again.notes("/a") == notes
    assert again.notes("/b") == []
    more = again.write("/c", [fresh("c")])
    again.close()
    third = opened(root)
    assert (third.notes("/a"), third.notes("/c")) == (notes, more)
    third.close()


def test_a_long_line_is_read_whole(root: Path) -> None:
    """Sixty-four variants with long names are more than one read."""
    folder = opened(root)
    notes = folder.write("/a", [fresh(f"{number}-{'x' * 150}") for number in range(64)])
    assert folder.notes("/a") == notes
    folder.close()


def test_one_run_at_a_time(root: Path) -> None:
    """The second is refused until the first is done; a look disturbs nobody."""
    first = opened(root)
    with pytest.raises(Conflict, match="Another run"):
        opened(root)
    look = OutputFolder(root)
    look.look()
    look.close()
    first.write("/a", [fresh("a")])
    first.close()
    opened(root).close()


def test_a_failed_write_leaves_nothing_unfinished(root: Path) -> None:
    """A name that cannot be given is said, and the bytes do not stay behind."""
    folder = opened(root)
    (root / "taken").mkdir()
    with pytest.raises(Exception, match="cannot be written"):
        folder.write("/a", [fresh("taken")])
    assert list((root / OWN / UNFINISHED).iterdir()) == []
    folder.close()
