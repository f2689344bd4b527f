"""CPU-seconds that some work takes in this process, for tests of what must be cheap."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Spent:
    """What a block took; known at its end."""

    seconds: float = 0.0


@contextmanager
def cpu_seconds() -> Iterator[Spent]:
    """Measure the block, without garbage collections: one over the objects of all tests takes longer than the work."""
    spent = Spent()
    was_on = gc.isenabled()
    gc.disable()
    before = time.process_time()
    try:
        yield spent
    finally:
        spent.seconds = time.process_time() - before
        if was_on:
            gc.enable()
