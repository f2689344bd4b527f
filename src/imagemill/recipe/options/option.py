"""What a row of the option table is, and the small writers that rows share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imagemill.recipe.spelling import Reader, write_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row. `read` raises ValueError; `write` gives the canonical value, "" where the recipe does not say it.

    `write` takes a Recipe, or the layer that the row belongs to. `key` is the name under which the value is gathered:
    the row's own name but for the `…64` spellings, which say the same thing as their plain brother. `field` is the
    recipe's field that the value fills as it is (`adjust.gamma` is one of a part of it), empty where `build` makes more
    of the value.
    """

    name: str
    values: str
    read: Reader[Any]
    write: Callable[[Any], str] = lambda _: ""
    aliases: tuple[str, ...] = ()
    default: str = ""
    example: str
    row: str
    about: str = ""
    key: str = ""
    field: str = ""

    def __post_init__(self) -> None:
        """An option is gathered under its own name unless it says otherwise."""
        if not self.key:
            object.__setattr__(self, "key", self.name)


def maybe(number: float | None) -> str:
    """Return a number, or nothing where it is not said."""
    return "" if number is None else write_number(number)


def unless(default: float, number: float) -> str:
    """Return a number, or nothing where it is the default."""
    return "" if number == default else write_number(number)


def flag(value: bool) -> str:
    """Return `1`, or nothing."""
    return "1" if value else ""
