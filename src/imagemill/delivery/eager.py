"""Variants that are made before anybody asks: the option lists of `originals.eager`, for each original that arrives.

Separate from the pipeline, which answers a caller: here the site itself asks, so nobody's access is judged and nobody
pays. What is made is what a plain URL with these options would be answered with, in each format that browsers name, and
under the same name, so the first visitor meets a hit. Private originals are left alone: few may ask for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imagemill.delivery import plan as planning
from imagemill.delivery.access import Access
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.layers import locate_layers
from imagemill.delivery.make import Maker
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.values import Plan, VerifiedRequest
from imagemill.delivery.verify import check_possible
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.native.parse import parse_url
from imagemill.dialects.values import ImageRequest
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError, InvalidRequest
from imagemill.observability.logging import events
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.negotiation import Hints
from imagemill.recipe.vocabulary import Format

CLIENT = "eager"
"""Whose queue these makes wait in: one among the clients', so that a bulk import delays nobody for long."""
ACCEPTED = (None, "image/webp", "image/avif")
"""What browsers name (patterns of the edges: no format by name, WebP, AVIF)."""
MOST_LISTS = 20
MOST_WAITING = 10_000
"""Originals that wait for their variants on a server; the variants of more are made when somebody asks."""
_ANY_KEY = "a"


@dataclass(frozen=True, slots=True)
class EagerSettings:
    """What plans a variant here: the same as in the pipeline."""

    delivery: DeliverySettings
    access: Access
    engine: EngineSettings
    limits: Limits
    tagging: Tagging = PLAIN


def check_lists(lists: Sequence[str], limits: Limits) -> None:
    """Raise InvalidRequest unless each of `lists` is an option list that can be made without knowing who asks."""
    if len(lists) > MOST_LISTS:
        raise InvalidRequest(f"{len(lists)} lists were given; at most {MOST_LISTS} are made for each original.")
    for options in lists:
        check_possible(_asked(options, _ANY_KEY), limits)


class Eager:
    """Makes the variants of `lists`. Belongs to one event loop."""

    def __init__(self, lists: Sequence[str], originals: Originals, maker: Maker, settings: EagerSettings) -> None:
        """Raises InvalidRequest as `check_lists` does. `maker` should let `CLIENT` spend as it likes."""
        check_lists(lists, settings.limits)
        self._lists = tuple(lists)
        self._originals = originals
        self._maker = maker
        self._settings = settings

    @property
    def wanted(self) -> bool:
        """Whether there is anything to make."""
        return bool(self._lists)

    async def make(self, original: Original) -> int:
        """Make and keep what is not kept yet; return how many variants there are now.

        Raises Overloaded, Conflict or NotFound where the original is another by now, Unprocessable where a recipe
        cannot be met; what was made before stays.
        """
        if original.private:
            return 0
        names = set()
        for options in self._lists:
            for plan in await self._plans(options, original):
                if plan.name not in names:
                    names.add(plan.name)
                    await self._maker.make(plan, CLIENT)
        return len(names)

    async def _plans(self, options: str, original: Original) -> Iterator[Plan]:
        image = _asked(options, original.key)
        recipe = image.asked.recipe
        layers = await locate_layers(recipe, self._originals) if recipe.layers else ()
        settings = self._settings
        accepted = ACCEPTED if recipe.output.format is Format.AUTO else (None,)
        return (
            planning.plan(
                VerifiedRequest(image),
                original,
                Hints(accept=accept),
                settings.delivery,
                settings.access,
                settings.engine,
                settings.limits,
                layers,
                settings.tagging,
                self._originals.modified_from(original),
            )
            for accept in accepted
        )


class Ahead:
    """Makes them behind the changes of a server, one original after the other. Belongs to one event loop.

    A function has no time behind an answer: there the event of the store makes them.
    """

    def __init__(self, eager: Eager, originals: Originals) -> None:
        self._eager = eager
        self._originals = originals
        self._waiting: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def changed(self, key: str) -> None:
        """Have the variants of `key` made soon; whatever it is by then counts."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting[key] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            key = next(iter(self._waiting))
            del self._waiting[key]
            try:
                await self._eager.make(await self._originals.locate(key))
            except (ImagemillError, OSError) as error:
                # Gone, replaced, no picture, no room: whoever asks for it is told; nobody asked yet.
                events().info("eager.not_made", detail=str(error))

    async def close(self) -> None:
        """Give up what waits, and what is under way."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _asked(options: str, key: str) -> ImageRequest:
    """Return what a URL with these options would ask; raise InvalidRequest, for presets as well."""
    image = parse_url(path_for(options, key).encode("ascii"), b"")
    if image.asked.preset is not None:
        raise InvalidRequest(
            "Presets are known only when the store has been read: write the options themselves.", code="invalid_options"
        )
    return image
