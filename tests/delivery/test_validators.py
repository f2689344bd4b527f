"""Entity tags that a web server gives as well, and that are strong all the same (RFC 9110 section 8.8; threat C10)."""

from __future__ import annotations

from imagemill.delivery.validators import entity_tag, modified_in
from imagemill.originals.changes import STEP
from imagemill.recipe.vocabulary import Format
from imagemill.variants.port import Kept


def test_the_tag_is_that_of_nginx() -> None:
    """Seconds and bytes in hex, a fraction of a second dropped, as nginx writes it for a file."""
    assert entity_tag(Kept(b"x" * 300, "ab", 1_700_000_003.9), dated=True) == b'"6553f103-12c"'


def test_an_undated_address_has_a_tag_of_its_bytes() -> None:
    """SHA-256, whatever the time."""
    assert entity_tag(Kept(b"x", "ab", 5.0), dated=False) == b'"ab"'


def test_each_format_has_a_second_of_its_own() -> None:
    """No two formats of a step say the same second, and none leaves the step."""
    formats = [form for form in Format if form.concrete]
    seconds = {modified_in(1_700_000_000, form) for form in formats}
    assert len(seconds) == len(formats) <= STEP
    assert all(1_700_000_000 <= second < 1_700_000_000 + STEP for second in seconds)
