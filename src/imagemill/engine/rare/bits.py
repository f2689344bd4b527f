"""Numbers of a few bits, least significant bit first, as JPEG XL packs its headers (ISO/IEC 18181-1 annex B)."""

from __future__ import annotations


class Bits:
    """Reads bits from the front of `data`; IndexError beyond its end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        if count > self._left:
            raise IndexError(count)
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return taken
