"""One spelling for each recipe: the text that names a variant, the text back to the recipe, and its digest.

The text is an option list in fixed order without defaults, `_` where nothing is said, made only of ASCII letters,
digits and `=,:._-+`, so that it stands in a URL, a file name and a log line as it is. Kept variants are found by it: a
change here orphans them, so `tests/recipe/canonical.tsv` fails when any text changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.recipe.model import Recipe
from imagemill.recipe.normal import normalise
from imagemill.recipe.options import parse_options
from imagemill.recipe.options.reading import NOTHING
from imagemill.recipe.options.table import written
from imagemill.recipe.vocabulary import Format

__all__ = [
    "Bucket",
    "MAX_LEAF_OPTIONS",
    "digest",
    "leaf_of",
    "normalise",
    "parse_canonical",
    "text_of",
    "without_layers",
]

Bucket = Literal["avif", "jxl", "webp", "jpg"]
"""What a client is known to read; the negotiated part of a variant's name."""
MAX_LEAF_OPTIONS = 200
"""Bytes of options in a variant's name; a file name holds 255, of which bucket, extension and a suffix need some."""


REMEMBERED = 1024
"""Recipes whose text is remembered: a site has few, and asks each of them for many pictures."""


@lru_cache(maxsize=REMEMBERED)
def text_of(recipe: Recipe) -> str:
    """Return the canonical text of `recipe`; equal meaning gives equal text."""
    return ",".join(written(normalise(recipe))) or NOTHING


def parse_canonical(text: str) -> Recipe:
    """Return the recipe of a canonical text; raise InvalidRequest (`bad_option`) for any other spelling of it."""
    asked = parse_options(text)
    expected = text_of(asked.recipe)
    if expected != text or asked.preset is not None or asked.download is not None:
        fault = Fault("options", f"the canonical spelling “{shown(expected)}”", shown(text))
        raise InvalidRequest(
            f"The options “{shown(text)}” are not in canonical form.", code="bad_option", faults=(fault,)
        )
    return asked.recipe


def digest(text: str) -> str:
    """Return 32 hex digits of SHA-256 of a canonical text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


LAYERS_MARK = ",~"
"""Between the options and the version of the layers in a variant's name. No option list can hold such an item, so no
web server that turns addresses into names finds one picture under the address of another."""
LAYERS_DIGITS = 12
"""Hex digits of that version."""


@lru_cache(maxsize=REMEMBERED)
def leaf_of(
    recipe: Recipe,
    format: Format,  # noqa: A002  # the field's word
    bucket: Bucket | None,
    layers: str = "",
) -> str:
    """Return the last part of a variant's name (`variants.port`): options, `@bucket` if negotiated, extension.

    `format` is what the bytes are in, `bucket` None where nothing was negotiated. A stated format is not repeated among
    the options: the extension says it. `layers` is the version of the originals of the recipe's image layers, 12 hex
    digits, or empty where there are none.
    """
    recipe = normalise(recipe)  # with its own format, which decides what a quality means
    if recipe.output.format is not Format.AUTO:
        recipe = replace(recipe, output=replace(recipe.output.settled(format), format=Format.AUTO))
    options = text_of(recipe)
    if len(options) > MAX_LEAF_OPTIONS:
        options = f"~{digest(options)}"
    if layers:
        options += LAYERS_MARK + layers
    negotiated = "" if bucket is None else f"@{bucket}"
    return f"{options}{negotiated}.{format.extension}"


def without_layers(leaf: str) -> str:
    """Return a variant's last part as if it had no version of layers: equal for equal options and format."""
    before, mark, after = leaf.rpartition(LAYERS_MARK)
    return before + after[LAYERS_DIGITS:] if mark else leaf
