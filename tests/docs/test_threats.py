"""The table of attacks in docs/security.md: every threat of the sections it answers has a test that is there."""

from __future__ import annotations

import ast
import re

import pytest
from tests.docs.pages import ROOT

FOUND = [
    (found[1], found[2])
    for line in (ROOT / "docs" / "security.md").read_text("utf-8").splitlines()
    if (found := re.fullmatch(r"\| ([A-Z]\d+) \|.*\| `([^`]+)` \|", line))
]
ROWS = dict(FOUND)
SECTIONS = {"D": 18, "A": 7, "P": 3, "K": 5, "S": 7, "G": 9, "J": 3, "H": 13, "C": 10, "O": 6}
"""The sections of the threat model that this version answers as a whole, by their letter and last number."""
SINGLE = {"F2"}
"""Of other sections, what has to be there; more of them may."""


def test_every_threat_has_one_row() -> None:
    """No threat of these sections is passed over, none is told twice, none is made up."""
    wanted = {f"{letter}{number}" for letter, last in SECTIONS.items() for number in range(1, last + 1)}
    assert {threat for threat in ROWS if threat[0] in SECTIONS} == wanted
    assert ROWS.keys() >= SINGLE
    assert len(FOUND) == len(ROWS)


@pytest.mark.parametrize("threat", ROWS)
def test_the_named_test_exists(threat: str) -> None:
    """A row names a function of a file of tests."""
    file, _, name = ROWS[threat].partition("::")
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
