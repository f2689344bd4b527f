"""Every option's picture in the docs is what the engine makes."""

from __future__ import annotations

import pytest
from tests.engine.goldens import PICTURES, difference, frames, keep, make

from imagemill.recipe.availability import LATER
from imagemill.recipe.options import ALL
from imagemill.recipe.options.gallery import GALLERY, Example

UNSEEN = {
    "dl": "names the file, and leaves the picture as it is",
    "meta": "is about what stands beside the pixels",
    "p": "stands for other options",
    "hdr": "keeps what most screens do not show",
}
"""Options that no picture can show, and why."""


@pytest.mark.parametrize("example", GALLERY, ids=[example.name for example in GALLERY])
def test_an_option_makes_its_picture(example: Example) -> None:
    """The result equals the picture in the docs; a missing picture is a failure."""
    golden = PICTURES / example.file
    assert golden.is_file(), f"write it: python -m tests.engine.goldens --write {example.name}"
    assert difference(keep(make(example)), golden.read_bytes()) == ""


def test_every_option_has_a_picture() -> None:
    """Each option of the grammar is in the gallery, but for those that no picture can show."""
    later = {entry.option for entry in LATER if entry.what == entry.option}
    shown = {example.option for example in GALLERY} | UNSEEN.keys() | later
    missing = [option.name for option in ALL if option.key not in shown]
    assert [name for name in missing if not name.startswith(tuple(later & {"wm", "text"}))] == []


def test_every_picture_in_the_docs_belongs_to_an_example() -> None:
    """No picture is left over, and no name stands twice."""
    names = [example.file for example in GALLERY]
    assert sorted(names) == sorted(path.name for path in PICTURES.iterdir())
    assert len(set(names)) == len(names)


def test_a_changed_picture_is_noticed() -> None:
    """The comparison tells two pictures of one size apart."""
    by_name = {example.name: example for example in GALLERY}
    one, other = (keep(make(by_name[name])) for name in ("fit-cover", "fit-fill"))
    assert frames(one)[0].shape == frames(other)[0].shape
    assert difference(one, other).startswith("off by")
    assert difference(one, one) == ""
