"""docs/options.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagemill.recipe.options import ALL, BY_NAME, Option
from imagemill.recipe.options.documentation import page, row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "options.md"


def test_the_page_is_what_the_table_says() -> None:
    """The page is written from the table; run `python -m imagemill.recipe.options.documentation > docs/options.md`."""
    assert PAGE.read_text("utf-8") == page()


@pytest.mark.parametrize("option", ALL, ids=[option.name for option in ALL])
def test_every_option_has_its_line(option: Option) -> None:
    """Each option stands on the page with values, example and words, and breaks no table."""
    assert option.values
    assert option.example
    assert option.about
    assert row(option).count("|") == 7
    assert row(option) in page()


def test_every_name_of_the_grammar_is_on_the_page() -> None:
    """Names and aliases, but for the numbered ones of further layers."""
    text = page()
    assert [name for name in BY_NAME if not name.startswith(("wm2", "wm3", "wm4")) and f"`{name}`" not in text] == []
