"""What goes first when there is too much: the variants unread for longest, found without keeping their names.

One number for each variant holds when it was read and how long it is: 400 000 variants (20 GB) take 20 MB while they
are weighed.
"""

from __future__ import annotations

SIZE_BITS = 40


def packed(read_ns: int, size: int) -> int:
    """Return both in one number: `read_ns` in nanoseconds since 1970, `size` in bytes."""
    return read_ns << SIZE_BITS | size


def size_in(number: int) -> int:
    """Return the bytes that a packed number speaks of."""
    return number & (1 << SIZE_BITS) - 1


def newest_to_go(numbers: list[int], excess: int) -> int:
    """Return when the last of the oldest that must go to free `excess` bytes was read; sorts `numbers`."""
    numbers.sort()
    for number in numbers:
        excess -= size_in(number)
        if excess <= 0:
            return number >> SIZE_BITS
    return numbers[-1] >> SIZE_BITS if numbers else 0
