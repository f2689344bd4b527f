"""The feature table names only options that are there, and no must is missing but those said to come later."""

from __future__ import annotations

import re

import pytest
from tests.docs.pages import ROOT

from imagemill.recipe.availability import LATER
from imagemill.recipe.options.layers import LAYERS, WORDS
from imagemill.recipe.options.output import OUTPUT
from imagemill.recipe.options.table import PICTURE
from imagemill.recipe.vocabulary import Format

PAGE = (ROOT / "docs" / "features.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| feature |")
]
LATER_MUSTS = {
    "faces",
    "at most so many bytes",
    "never larger than the original",
    "picture in place of a missing one",
    "curves, noise, red eyes, channels",
    "several keys with rights",
    "by country",
}
"""Musts of a later version; the page says so in each row."""

NAMES = {name for option in (*PICTURE, *LAYERS, *WORDS, *OUTPUT) for name in (option.name, *option.aliases)}


def test_the_table_has_every_section() -> None:
    """Fifteen sections, nine columns in every row."""
    assert PAGE.count("\n## ") == 15
    assert len(ROWS) > 100
    assert {len(row) for row in ROWS} == {9}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_an_option_that_a_row_names_is_there(row: list[str]) -> None:
    """What stands as `name=value` in our column is an option of the grammar; formats are ours."""
    for name, value in re.findall(r"`([a-z]+)=([^`]*)`", row[2]):
        assert name in NAMES, name
        if name == "fm":
            assert value.partition(",")[0] in {form.value for form in Format}


def test_only_the_named_musts_are_missing() -> None:
    """A row with the goal M says no only where this list knows of it, and every such row says when it comes."""
    missing = {row[0]: row[2] for row in ROWS if row[1].startswith("M") and re.match(r"\**no\b", row[2])}
    assert set(missing) == LATER_MUSTS
    assert all("later version" in words for words in missing.values())


def test_what_answers_501_is_said_to() -> None:
    """Each part of the grammar that is not built is called a later version's in the table."""
    said = " ".join(row[2] for row in ROWS if "later" in row[2])
    for later in LATER:
        assert f"`{later.what}`" in said or later.option == "redact", later.what
