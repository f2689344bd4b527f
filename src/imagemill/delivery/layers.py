"""The originals that a recipe's image layers name: found in the same store, and part of the variant's identity.

Separate from `pipeline`, because layers change what a variant is. It is made of several originals, so each of them is
in its name (`version_of_layers`): a replaced logo makes other variants at once, and those with the old one are found no
more. The rest that follows stands where it belongs: `memo` remembers a URL only while every original is the same one;
no answer is immutable, as `?v=` speaks of the picture and not of its logo (`plan`); each logo is among the cache tags.

Who may put what on a picture is `verdict`'s to say, and for one that is private `permission`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from imagemill.errors import Fault, ImagemillError, InvalidRequest, NotAnImage, NotFound, Unprocessable, shown
from imagemill.object_store.naming import check_key
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.canonical import LAYERS_DIGITS, without_layers
from imagemill.recipe.model import ImageLayer, Recipe
from imagemill.recipe.options.build import LAYER_NAMES


async def locate_layers(recipe: Recipe, originals: Originals) -> tuple[Original, ...]:
    """Return the original of each image layer, in their order.

    Raises NotFound (`no_such_layer`), NotAnImage, Unprocessable and InvalidRequest with the layer's option in words.
    """
    found = []
    layers = (layer for layer in recipe.layers if isinstance(layer, ImageLayer))
    for name, layer in zip(LAYER_NAMES, layers, strict=False):
        try:
            found.append(await originals.locate(check_key(layer.key)))
        except (NotFound, NotAnImage, Unprocessable, InvalidRequest) as error:
            raise _named(error, name, layer.key) from error
    return tuple(found)


def _named(error: ImagemillError, name: str, key: str) -> ImagemillError:
    """The same error, told of the layer and not of the picture under it."""
    fault = Fault(name, "the key of an original", shown(key))
    if isinstance(error, NotFound):
        return NotFound(f"{name}: {error.sentence}", code="no_such_layer", faults=(fault,))
    return type(error)(f"{name}: {error.sentence}", code=error.code, faults=(fault,))


def version_of_layers(layers: Sequence[Original]) -> str:
    """Return 12 hex digits that change whenever the original of any layer does; empty without layers."""
    if not layers:
        return ""
    return hashlib.sha256("\n".join(layer.version for layer in layers).encode()).hexdigest()[:LAYERS_DIGITS]


def superseded(leaf: str, others: Iterable[str]) -> list[str]:
    """Return which of `others` are `leaf` with other versions of its layers: nobody will ask for them again."""
    same = without_layers(leaf)
    return [other for other in others if other != leaf and without_layers(other) == same]
