"""Each AWS row of the capabilities is found in one named construct of the templates."""

from __future__ import annotations

from typing import Any

import pytest
from deploy.aws.rows import ROWS, Row
from tests.deploy.deployments import Synthesised

ASKED = {
    *("D3", "F1", "F4", "O2", "O4", "O6", "O9", "O10"),
    *("E1", "E2", "E3", "E4", "E5", "E7", "E8", "E9", "G4", "G5", "G7", "G8"),
}
"""The rows that the AWS home is asked for."""


def test_every_row_that_is_asked_for_has_its_construct() -> None:
    """None of them is left out."""
    assert ROWS.keys() >= ASKED


@pytest.mark.parametrize("name", ROWS)
def test_the_construct_is_there_and_carries_the_row(full: Synthesised, name: str) -> None:
    """One resource of that name and type, with the properties by which it does what the row says."""
    row: Row = ROWS[name]
    resource = full.named(row.stack, row.construct)
    assert resource["Type"] == row.type
    for path in row.properties:
        value: Any = resource["Properties"]
        for part in path.split("."):
            assert part in value, f"{row.construct} has no {path}"
            value = value[part]
        assert value not in (None, "", [], {}), path
    assert len(row.sentence) > 15
