"""Token buckets of one node, shared by its processes: a table in a memory-mapped file.

`--http 4` without Redis must not admit four bursts. A server between the processes would be one more thing to start,
watch and restart; SQLite costs 60 µs and an fsync setting; a table of fixed slots costs 8 µs (measured, four buckets
a process at once) and nothing to run. It lies in `<data>/.imagemill/run`, so that all processes of a node find it.

Layout: a header (magic, the machine's boot, a random key), then sets of eight slots of 24 bytes: the first eight bytes
of a keyed digest of (rule, key), the level, and its time by the machine's monotonic clock. A bucket may lie in any slot
of its set; the least recently asked makes room. The digest is keyed, so nobody can choose addresses that share a set.
After a boot the clock starts anew, so the table does.

Locks are byte ranges of the file (open file description locks): the kernel frees those of a process that dies. They
are waited for only briefly: a process that was stopped while it held one (SIGSTOP, a debugger) must not stop the
others. Who waited in vain goes on without, which may lose one update, that is, admit one request too many.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imagemill.throttling.bucket import Demand, Verdict, judge, level_at

SLOTS = 1 << 17
"""Buckets at most: 3 MiB of file; the least recently asked of a set makes room."""
WAYS = 8
STRIPES = 256
TRIES = 2000
"""Attempts at a lock, giving way to others in between: some milliseconds, where a holder needs ten microseconds."""
_MAGIC = b"imthrot1"
_HEADER = struct.Struct("<8s16sQ16s")
_SLOT = struct.Struct("<8sdd")
_SET = WAYS * _SLOT.size
_START = 64
_FLOCK = struct.Struct("hhqqi")
_EMPTY = bytes(8)


class TableLimiter:
    """Levels in a file that several processes map; safe to use from several threads of each."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic, slots: int = SLOTS) -> None:
        """`path` is made if it is not there; `clock` is one that all processes of the machine share. Raises OSError."""
        self._sets = slots // WAYS
        self._clock = clock
        self._threads = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._locked([STRIPES]):
            self._key = self._begun(_START + self._sets * _SET)
        self._map = mmap.mmap(self._file, _START + self._sets * _SET)

    async def take(self, demands: tuple[Demand, ...]) -> Verdict:
        """Take from all buckets or none."""
        places = [self._place(demand) for demand in demands]
        with self._held({number for number, _ in places}):
            now = self._clock()
            slots = [self._find(number, tag) for number, tag in places]
            tags = [tag for _, tag in places]
            levels = [self._level(*one, now) for one in zip(demands, slots, tags, strict=True)]
            verdict = judge(demands, levels)
            if verdict.met:
                self._set(slots, places, verdict.levels, now)
        return verdict

    async def give(self, demand: Demand) -> None:
        """Put tokens back."""
        number, tag = self._place(demand)
        with self._held({number}):
            now = self._clock()
            slot = self._find(number, tag)
            level = min(demand.bucket.burst, self._level(demand, slot, tag, now) + demand.tokens)
            _SLOT.pack_into(self._map, slot, tag, level, now)

    async def close(self) -> None:
        """Unmap and close the file; it stays for the other processes."""
        self._map.close()
        os.close(self._file)

    def _begun(self, size: int) -> bytes:
        """Return the key of the table, which is begun anew unless it was begun since this boot in this size."""
        expected = (_MAGIC, _boot(), self._sets)
        header = os.pread(self._file, _HEADER.size, 0)
        if len(header) == _HEADER.size and os.fstat(self._file).st_size >= size:
            *found, key = _HEADER.unpack(header)
            if tuple(found) == expected:
                return bytes(key)
        key = os.urandom(16)
        # Emptied, but never shortened: the kernel kills who looks past the end of a file it has mapped.
        os.pwrite(self._file, bytes(size), 0)
        os.pwrite(self._file, _HEADER.pack(*expected, key), 0)
        return key

    def _place(self, demand: Demand) -> tuple[int, bytes]:
        """Return the number of the set and the tag of a bucket."""
        name = f"{demand.bucket.name}\0{demand.key}".encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(name, digest_size=16, key=self._key).digest()
        tag = digest[:8] if digest[:8] != _EMPTY else digest[8:]
        return int.from_bytes(digest[8:], "little") % self._sets, tag

    def _find(self, number: int, tag: bytes) -> int:
        """Return the offset of the bucket's slot, or of the one that it may take: empty, or the longest unasked."""
        start = _START + number * _SET
        oldest, taken = start, float("inf")
        for slot in range(start, start + _SET, _SLOT.size):
            found, _, at = _SLOT.unpack_from(self._map, slot)
            if found == tag:
                return slot
            if found == _EMPTY:
                at = float("-inf")
            if at < taken:
                oldest, taken = slot, at
        return oldest

    def _level(self, demand: Demand, slot: int, tag: bytes, now: float) -> float:
        found, level, at = _SLOT.unpack_from(self._map, slot)
        return level_at(demand.bucket, level, now - at) if found == tag else demand.bucket.burst

    def _set(self, slots: list[int], places: list[tuple[int, bytes]], levels: tuple[float, ...], now: float) -> None:
        """Write what is left; two new buckets of one set may have been offered the same slot."""
        for slot, (number, tag), level in zip(slots, places, levels, strict=True):
            taken = slots.count(slot) > 1
            _SLOT.pack_into(self._map, self._find(number, tag) if taken else slot, tag, level, now)

    @contextmanager
    def _held(self, numbers: set[int]) -> Iterator[None]:
        """Hold the stripes of some sets, in order, so that no two wait for each other."""
        with self._threads, self._locked(sorted({number % STRIPES for number in numbers})):
            yield

    @contextmanager
    def _locked(self, stripes: list[int]) -> Iterator[None]:
        held = [stripe for stripe in stripes if self._lock(stripe)]
        try:
            yield
        finally:
            for stripe in held:
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, stripe, 1, 0))

    def _lock(self, stripe: int) -> bool:
        """Return whether the stripe could be locked; the lock of each is one byte of the file."""
        wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, stripe, 1, 0)
        for _ in range(TRIES):
            try:
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, wanted)
            except BlockingIOError:
                os.sched_yield()
            else:
                return True
        return False


def _boot() -> bytes:
    """Return 16 bytes that are others after each boot."""
    return hashlib.blake2b(Path("/proc/sys/kernel/random/boot_id").read_bytes(), digest_size=16).digest()
