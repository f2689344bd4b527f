"""What makes variants before anybody asks, connected. Separate because few homes have such lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagemill.assembly.cdn import tagging_for
from imagemill.delivery.eager import Eager, EagerSettings
from imagemill.delivery.make import Maker
from imagemill.delivery.spend import Spending
from imagemill.engine.port import Engine
from imagemill.errors import ImagemillError
from imagemill.settings import SettingsError
from imagemill.throttling.memory import MemoryLimiter

if TYPE_CHECKING:  # it may import this
    from imagemill.assembly.parts import Parts

ENDLESS = 1e9
"""CPU-seconds: the site pays for itself."""


def build_eager(parts: Parts, engine: Engine, *, keep_first: bool) -> Eager:
    """Return what makes the variants of `originals.eager`; raises SettingsError for lists that cannot be made.

    It has a maker of its own, over the same parts, for what it spends is nobody's share. With `keep_first` a variant is
    kept before `make` returns.
    """
    settings = parts.settings
    maker = Maker(
        originals=parts.originals,
        variants=parts.variants,
        engine=engine,
        cache=parts.cache,
        slots=parts.slots,
        spending=Spending(MemoryLimiter(), burst=ENDLESS, rate=ENDLESS),
        metrics=parts.metrics,
        fills=parts.fills,
        turns=parts.turns,
        disk=parts.disk,
        keep_first=keep_first,
        tagging=tagging_for(settings.cdn),
    )
    planned = EagerSettings(
        settings.delivery, parts.access, settings.engine, settings.limits, tagging_for(settings.cdn)
    )
    try:
        return Eager(settings.originals.eager, parts.originals, maker, planned)
    except ImagemillError as error:
        raise SettingsError(f"originals.eager: expected option lists that can be made. {error.sentence}") from None
