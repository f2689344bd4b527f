"""Look at an original for everything that can be told of it."""

from __future__ import annotations

from imagemill.engine.findings import Findings
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts
from imagemill.engine.work import Buffer
from imagemill.errors import NotBuilt


def inspect(data: Buffer, facts: Facts, limits: Limits) -> Findings:
    """Not built yet."""
    raise NotBuilt("Info is not built yet.", row="T9")
