"""The option grammar: from one path segment to a recipe.

`table` says which options there are, `spelling` and `colours` how their values are written, `reading` splits a segment
and gathers every fault, `rules` knows what may not be said together, `build` makes the recipe.
"""

from imagemill.recipe.options.asked import Asked
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.options.table import ALL, BY_NAME, Option

__all__ = ["ALL", "BY_NAME", "Asked", "Option", "parse_options"]
