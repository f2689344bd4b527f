"""The table of attacks in docs/security.md: every threat to decoding, options and privacy has a test that is there."""

from __future__ import annotations

import ast
import re

import pytest
from tests.docs.pages import ROOT

ROWS = {
    found[1]: found[2]
    for line in (ROOT / "docs" / "security.md").read_text("utf-8").splitlines()
    if (found := re.fullmatch(r"\| ([A-Z]\d+) \|.*\| `([^`]+)` \|", line))
}


def test_every_threat_has_a_row() -> None:
    """The threats of the model's sections on decoding, parameters and privacy that this version answers."""
    wanted = {f"D{n}" for n in range(1, 19)} | {f"{part}{n}" for part in "AP" for n in range(1, 4)}
    wanted |= {f"S{n}" for n in range(1, 8)}
    wanted |= {f"O{n}" for n in range(1, 7)} | {"A4", "C1", "H2"}
    wanted |= {f"G{n}" for n in range(1, 10)} | {"J3"}
    assert ROWS.keys() >= wanted


@pytest.mark.parametrize("threat", ROWS)
def test_the_named_test_exists(threat: str) -> None:
    """A row names a function of a file of tests."""
    file, _, name = ROWS[threat].partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
