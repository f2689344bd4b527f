"""What one option list asks for: a recipe and the three things beside it that never change a variant's bytes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from imagemill.recipe.model import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A parsed option list.

    `recipe` is in normal form; `preset` is a preset's name still to be looked up (`recipe.presets.expand`), until when
    the recipe is what stands beside it; `download` is True for a download under the usual name, or a file name;
    `options` are the canonical names that were written, in their order, and `values` what each of them said.
    """

    recipe: Recipe
    preset: str | None = None
    download: str | Literal[True] | None = None
    options: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    @property
    def given(self) -> dict[str, Any]:
        """The value of each option that was written but the preset's name; a new dictionary each time."""
        return {name: value for name, value in zip(self.options, self.values, strict=True) if name != "p"}
