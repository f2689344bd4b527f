"""Settings become workers, and nothing else: for commands and scripts that render without a platform.

Separate from `assembly`, whose import brings the server, the store and the control API and takes 100 ms longer. These
two are the only places that choose adapters.
"""

from __future__ import annotations

from imagemill.engine import fonts
from imagemill.engine.divided import DividedEngine
from imagemill.engine.pool import WorkerPool
from imagemill.engine.strikes import Strikes
from imagemill.settings import Settings, SettingsError

GRACE_SECONDS = 5.0
"""How long running jobs may take to end when the workers are closed."""


def build_engine(settings: Settings, *, grace_seconds: float = GRACE_SECONDS, spare: int = 1) -> DividedEngine:
    """Return the workers alone, not yet started (`WorkerPool` explains the two numbers).

    Raises SettingsError for fonts that cannot be read.
    """
    try:
        fonts.available(settings.engine.fonts)
    except fonts.UnfitFont as error:
        raise SettingsError(f"engine.fonts: {error}") from error
    strikes = Strikes()

    def pool(*, rare: bool) -> WorkerPool:
        return WorkerPool(
            settings.engine, settings.limits, strikes=strikes, grace_seconds=grace_seconds, spare=spare, rare=rare
        )

    return DividedEngine(pool(rare=False), lambda: pool(rare=True))
