from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.engine.port import Facts
from imagemill.originals.description import entity_tag
from imagemill.originals.records import Record, decode_record, encode_record
from imagemill.originals.values import Description
from imagemill.recipe.model import FocalPoint

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SHARES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
DESCRIPTIONS = st.builds(
    Description,
    focal=st.none() | st.builds(FocalPoint, SHARES, SHARES),
    tags=st.lists(TEXT, max_size=4).map(tuple),
    alt=st.none() | TEXT,
    custom=st.dictionaries(TEXT, TEXT, max_size=4),
)


@given(DESCRIPTIONS, st.booleans())
def test_a_record_reads_back_as_it_was_written(description: Description, probed: bool) -> None:
    """Writing and reading a record are inverse."""
    facts = Facts(format="png", width=3, height=4, profile="p3") if probed else None
    record = Record(etag="ab" * 32, facts=facts, description=description, placeholder="data:x")
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize(
    "data", [None, b"", b"{}", b"\xff", b"[1]", b'{"format":2,"etag":"x"}', b'{"format":"1","etag":"x"}']
)
def test_a_record_that_cannot_be_read_counts_as_none(data: bytes | None) -> None:
    """A damaged record, or one of a later program, costs a look at the header and no more."""
    assert decode_record(data) is None


@given(DESCRIPTIONS, DESCRIPTIONS)
def test_entity_tags_are_equal_exactly_when_descriptions_are(one: Description, two: Description) -> None:
    """The entity tag covers every part of the description."""
    assert (entity_tag("ab" * 32, one) == entity_tag("ab" * 32, two)) == (one == two)
