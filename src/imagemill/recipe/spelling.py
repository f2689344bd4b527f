"""How numbers and words are spelled: readers and writers that every sort of value is made of.

A reader takes the text after `=` (percent-decoded once, at most `MAX_VALUE` characters) and returns the typed value or
raises ValueError; the words for people stand in the option's row. Every reader is a hand-written scan in ASCII, because
`int()` and `float()` take `٣`, `+1`, `1_0`, `1e9`, ` 1` and `NaN` (threats A1), and because a regular expression could
be made to backtrack (A6). Numbers with a fraction have at most three places, so that the writer gives back exactly what
the reader took. `measures` and `wording` build on this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

MAX_VALUE = 2048
"""Characters of one option's value; a text of `wording.MAX_TEXT` bytes fits in base64url."""

T = TypeVar("T")
Reader = Callable[[str], T]


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def whole(low: int, high: int) -> Reader[int]:
    """Return a reader of whole numbers `low`…`high` in ASCII digits; a minus only where `low` is negative."""

    def read(text: str) -> int:
        digits = text[1:] if low < 0 and text.startswith("-") else text
        if len(digits) > 10 or not _digits(digits):
            raise ValueError(text)
        number = int(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return read


def thousandths(text: str, *, signed: bool = False) -> int:
    """Return a decimal number of at most three places times 1000; ValueError for any other spelling."""
    unsigned = text[1:] if signed and text.startswith("-") else text
    before, point, after = unsigned.partition(".")
    if len(before) > 10 or not _digits(before) or (point and not (len(after) <= 3 and _digits(after))):
        raise ValueError(text)
    number = int(before) * 1000 + int((after + "000")[:3])
    return -number if unsigned is not text else number


def decimal(low: float, high: float) -> Reader[float]:
    """Return a reader of numbers `low`…`high` with at most three places."""
    lowest, highest = round(low * 1000), round(high * 1000)

    def read(text: str) -> float:
        number = thousandths(text, signed=lowest < 0)
        if not lowest <= number <= highest:
            raise ValueError(text)
        return number / 1000

    return read


def write_number(number: float) -> str:
    """Return a number with at most three places and no trailing zeros; never an exponent, never `-0`."""
    if isinstance(number, int):
        return str(number)
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def one_of(words: Mapping[str, T]) -> Reader[T]:
    """Return a reader of the words given, each with its value."""

    def read(text: str) -> T:
        try:
            return words[text]
        except KeyError:
            raise ValueError(text) from None

    return read


def first_of(*readers: Reader[T]) -> Reader[T]:
    """Return a reader that takes what the first fitting of `readers` takes."""

    def read(text: str) -> T:
        for reader in readers:
            try:
                return reader(text)
            except ValueError:
                continue
        raise ValueError(text)

    return read


switch: Reader[bool] = one_of({"0": False, "1": True})
"""A reader of `0` and `1`."""
