"""How a rate is written in the settings: `20/s`, `20/s burst 100`, `0.5/s`, `600/m burst 50`; empty is no limit."""

from __future__ import annotations

import re

from imagemill.throttling.bucket import Bucket

EXPECTED = 'a rate such as "20/s burst 100" or "600/m", or nothing for no limit'
_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*/\s*([smhd])(?:\s+burst\s+([0-9]{1,9}))?", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_rate(text: str, name: str) -> Bucket | None:
    """Return the bucket called `name` that `text` means, None where it is empty; raise ValueError with `EXPECTED`.

    Without "burst" as many as are written may come at once: `600/m` is 600 at once and then ten a second.
    """
    if not text:
        return None
    match = _RATE.fullmatch(text.strip())
    number = float(match[1]) if match is not None else 0.0
    burst = float((match and match[3]) or max(1.0, number))
    if match is None or number <= 0 or burst < 1:
        raise ValueError(EXPECTED)
    return Bucket(name, number / _SECONDS[match[2]], burst)
