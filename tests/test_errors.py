"""What an error repeats of a stranger's value."""

from __future__ import annotations

import pytest

from imagemill.errors import RECEIVED_LENGTH, Fault, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("w=300", "w=300"),
        ("é", "é"),
        ("a\nb\x1b", r"a\nb\x1b"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "a" * 63 + "…"),
        ("\n" * 32, r"\n" * 32),
        ("\n" * 33, r"\n" * 31 + "\\…"),
        ("a" * 64 + "\n", "a" * 63 + "…"),
    ],
)
def test_a_value_is_shown_escaped_in_at_most_64_characters(value: str, expected: str) -> None:
    """The contract's 64 characters hold the mark for what was cut off as well."""
    assert shown(value) == expected
    assert len(shown(value)) <= RECEIVED_LENGTH


@pytest.mark.parametrize("value", ["3\0", "\u202ex", "it's", "tall", "a\nb"])
def test_a_sentence_repeats_a_value_as_it_is_shown(value: str) -> None:
    """What was escaped once is not escaped again: the sentence and `errors` say the same."""
    assert str(Fault("w", "a number", shown(value))).endswith(f"received '{shown(value)}'")


def test_a_sentence_never_holds_control_characters() -> None:
    """A fault whose value nobody escaped is escaped in the sentence."""
    assert str(Fault("w", "a number", "a\r\nb")).isprintable()
