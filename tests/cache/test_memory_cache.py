"""The memory cache: bounded by bytes, forgetful on demand."""

from __future__ import annotations

from imagemill.cache.memory import OVERHEAD, MemoryCache
from imagemill.variants.port import Kept, VariantName


def name(key: str, leaf: str = "w=1.jpg") -> VariantName:
    """Return a name of the default site."""
    return VariantName("default", key, "0123456789ab", leaf)


def kept(size: int = 1000) -> Kept:
    """Return a variant of `size` bytes."""
    return Kept(b"x" * size, "etag", 0.0)


def test_the_least_recently_used_goes_first() -> None:
    """What was read lately stays."""
    cache = MemoryCache(10 * (1000 + OVERHEAD))
    for number in range(10):
        cache.put(name(str(number)), kept())
    assert cache.get(name("0")) is not None
    cache.put(name("new"), kept())
    assert cache.get(name("0")) is not None
    assert cache.get(name("1")) is None
    assert cache.used_bytes <= 10 * (1000 + OVERHEAD)


def test_one_large_picture_does_not_empty_the_cache() -> None:
    """More than an eighth of the room is not kept at all."""
    cache = MemoryCache(80_000)
    cache.put(name("small"), kept())
    cache.put(name("large"), kept(20_000))
    assert cache.get(name("large")) is None
    assert cache.get(name("small")) is not None


def test_forgetting_by_key_leaf_and_prefix() -> None:
    """A purge reaches exactly what it names."""
    cache = MemoryCache(1_000_000)
    for key in ("a/1", "a/2", "b/1"):
        cache.put(name(key, "w=1.jpg"), kept())
        cache.put(name(key, "w=2.jpg"), kept())
    assert cache.forget("default", "a/1", "w=1.jpg") == 1
    assert cache.get(name("a/1", "w=2.jpg")) is not None
    assert cache.forget_prefix("default", "a/") == 3
    assert cache.forget("other", "b/1") == 0
    assert cache.forget("default", "b/1") == 2
    assert (len(cache), cache.used_bytes) == (0, 0)


def test_replacing_an_entry_counts_it_once() -> None:
    """The same name twice is one entry."""
    cache = MemoryCache(1_000_000)
    cache.put(name("a"), kept(10))
    cache.put(name("a"), kept(20))
    assert cache.used_bytes == 20 + OVERHEAD


def test_reads_are_told_once_in_order_and_outlive_their_entry() -> None:
    """Hits, what was dropped for room and what was too large to stay: each with the time of its last reading."""
    cache = MemoryCache(10 * (1000 + OVERHEAD))
    for number in range(11):
        cache.put(name(str(number)), kept())
    cache.put(name("large"), kept(8000))
    first = cache.take_reads()
    assert set(first) == {name(str(number)) for number in range(11)} | {name("large")}
    assert first[name("0")] <= first[name("10")] <= first[name("large")]
    assert cache.take_reads() == {}
    assert cache.get(name("5")) is not None
    again = cache.take_reads()
    assert list(again) == [name("5")]
    assert again[name("5")] > first[name("5")]
