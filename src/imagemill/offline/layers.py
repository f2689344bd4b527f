"""The originals that image layers name (`wm=logo.png`): opened and looked at once, laid on every picture of a run.

Separate from `delivery.layers`, which finds them in the store of a server; here a key is a path below a folder, or
whatever else the caller finds by it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from imagemill.engine.port import Engine, Facts, Source
from imagemill.errors import Fault, ImagemillError, InvalidRequest, shown
from imagemill.object_store.naming import check_key
from imagemill.offline.originals import FileOriginal, Original
from imagemill.offline.wanted import Wanted
from imagemill.recipe.model import ImageLayer, Recipe


@dataclass(frozen=True, slots=True)
class Layer:
    """An opened layer: its bytes, its facts, and the word that changes when its bytes do."""

    source: Source
    facts: Facts
    stamp: str


Layers = Mapping[str, Layer]
"""Opened layers by key."""

NONE: Layers = {}

Find = Callable[[str], Original]
"""Leads from a key to its original."""


def below(folder: Path) -> Find:
    """Return how keys are found as paths below `folder`; one that leads out of it is none."""
    return lambda key: FileOriginal(f"{folder}/{check_key(key)}", key)


def layers_of(recipe: Recipe, layers: Layers) -> list[Layer]:
    """The opened layers of a recipe, in its order."""
    return [layers[layer.key] for layer in recipe.layers if isinstance(layer, ImageLayer)]


def keys_of(every: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the keys of all layers that are named, each once."""
    layers = (layer for one in every for layer in one.recipe.layers)
    return tuple({layer.key: None for layer in layers if isinstance(layer, ImageLayer)})


@asynccontextmanager
async def opened_layers(engine: Engine, every: Iterable[Wanted], find: Find) -> AsyncIterator[Layers]:
    """Open every layer that is named; raises InvalidRequest (`no_such_layer`) for one that is not there, or no picture.

    The workers need not be started where no layer is named.
    """
    async with AsyncExitStack() as stack:
        found: dict[str, Layer] = {}
        for key in keys_of(every):
            try:
                original = find(key)
                stamp = original.stamp().word
                source = await stack.enter_async_context(original.opened())
                found[key] = Layer(source, await engine.probe(source), stamp)
            except ImagemillError as error:
                fault = Fault("wm", "the key of a picture", shown(key))
                raise InvalidRequest(
                    f"wm: {shown(key)}: {error.sentence}", code="no_such_layer", faults=(fault,)
                ) from error
        yield found
