"""The settings that docs/s3.md shows are settings that the program takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks_of

from imagemill.settings import Settings

BLOCKS = blocks_of(ROOT / "docs" / "s3.md", "toml")


def test_the_page_shows_settings() -> None:
    """There are examples to check: one to try, and those of AWS and of others."""
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("block", BLOCKS)
def test_the_settings_of_the_page_are_right(block: str, tmp_path: Path) -> None:
    """Each block alone is a file of settings whose originals are in a bucket."""
    (tmp_path / "imagemill.toml").write_text(block)
    settings = Settings.load({}, {}, tmp_path)
    assert settings.originals.url.startswith("s3://")
