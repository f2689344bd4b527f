"""The option grammar: from one path segment to a recipe.

`table` says which options there are (its rows stand in `frame`, `effects`, `layers`, `output` and `request`), `reading`
splits a segment and gathers every fault, `rules` knows what may not be said together, `build` makes the recipe.
"""

from imagemill.recipe.options.asked import Asked
from imagemill.recipe.options.option import Option
from imagemill.recipe.options.reading import parse_options, parse_preset
from imagemill.recipe.options.table import ALL, BY_NAME

__all__ = ["ALL", "BY_NAME", "Asked", "Option", "parse_options", "parse_preset"]
