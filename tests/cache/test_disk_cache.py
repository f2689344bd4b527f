"""The disk cache: what a broken, full or shared disk does to it, and what is forgotten is gone."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.cache.disk import DiskCache
from imagemill.cache.disk_file import decode, encode, key_in
from imagemill.cache.disk_shelf import BLOCK, SMALL
from imagemill.cache.quick_read import QuickReader
from imagemill.variants.port import Kept, VariantName

VERSION = "0123456789ab"


def name(key: str = "a.jpg", leaf: str = "w=1.jpg", version: str = VERSION, site: str = "default") -> VariantName:
    """Return a variant's name."""
    return VariantName(site, key, version, leaf)


def kept(data: bytes, modified: float = 1_700_000_000.25) -> Kept:
    """Return a variant."""
    return Kept(data, hashlib.sha256(data).hexdigest(), modified)


def still() -> float:
    """Tell always the same time: no reading is slow, whatever the machine does."""
    return 1000.0


def with_cache(root: Path, scenario: Callable[[DiskCache], Awaitable[None]], max_bytes: int = 10_000_000) -> None:
    """Run `scenario` against a cache below `root`."""

    async def run() -> None:
        cache = DiskCache(root, max_bytes, threads=1, clock=still)
        try:
            await cache.settled()
            await scenario(cache)
        finally:
            await cache.close()

    asyncio.run(run())


def file_of(root: Path, variant: VariantName) -> Path:
    """Return where a variant lies."""
    return root / variant.site / variant.key / "~" / variant.version / variant.leaf


def _lies(path: Path) -> bool:
    """Say whether anything is at `path`, a dead link included."""
    return os.path.lexists(path)


def left_over(root: Path) -> list[Path]:
    """Return temporary files and trash."""
    return [path for folder in (".tmp", ".trash") for path in (root / folder).iterdir()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the cache is."""
    return tmp_path / "cache"


@given(st.text(max_size=30), st.binary(max_size=200), st.floats(0, 4e9))
def test_a_file_says_what_was_written_and_for_whom(key: str, data: bytes, modified: float) -> None:
    """A variant comes back as it was, under its own name and no other; its key can be read off."""
    variant, other = name(key), name(key + "x")
    file = encode(variant, kept(data, modified))
    assert decode(variant, memoryview(file)) == kept(data, modified)
    assert decode(other, memoryview(file)) is None
    assert key_in(file[:BLOCK]) == ("default", key)


def test_any_flipped_bit_is_noticed() -> None:
    """Every bit of the file, and every shorter file."""
    file = encode(name(), kept(b"picture"))
    for place in range(8 * len(file)):
        damaged = bytearray(file)
        damaged[place // 8] ^= 1 << place % 8
        assert decode(name(), memoryview(damaged)) is None, place
    assert all(decode(name(), memoryview(file)[:length]) is None for length in range(len(file)))


def test_what_was_put_is_there_also_after_a_restart(root: Path) -> None:
    """Small and large ones; the room they take is known; files are for nobody else's eyes."""
    large = os.urandom(SMALL + 1)

    async def first(cache: DiskCache) -> None:
        assert cache.near(name()) is None
        assert await cache.get(name()) is None
        assert await cache.put(name(), kept(b"x"))
        assert await cache.put(name("b/c.jpg"), kept(large))
        assert cache.near(name()) == kept(b"x")

    async def second(cache: DiskCache) -> None:
        assert cache.near(name()) == await cache.get(name()) == kept(b"x")
        assert cache.near(name("b/c.jpg")) is None, "it would take too long"
        assert await cache.get(name("b/c.jpg")) == kept(large)
        assert cache.used_bytes == BLOCK + (SMALL // BLOCK + 1) * BLOCK

    with_cache(root, first)
    with_cache(root, second)
    assert file_of(root, name()).stat().st_mode & 0o077 == 0
    assert root.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_a_miss_and_goes(root: Path) -> None:
    """Flipped, cut off, emptied, another's, a folder, a link: never a hit; a new one can be put in its place."""
    other = name(leaf="w=2.jpg")

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))

    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(file_of(root, other))

    def cut(path: Path) -> None:
        os.truncate(path, path.stat().st_size - 1)

    def empty(path: Path) -> None:
        path.write_bytes(b"")

    def swap(path: Path) -> None:
        path.write_bytes(file_of(root, other).read_bytes())

    async def scenario(cache: DiskCache) -> None:
        assert await cache.put(other, kept(b"other"))
        for damage in (flip, cut, empty, swap, link):
            assert await cache.put(name(), kept(b"data"))
            damage(file_of(root, name()))
            assert cache.near(name()) is None, damage
            assert await cache.get(name()) is None, damage
            assert not _lies(file_of(root, name())), damage
        assert cache.near(other) == kept(b"other")
        assert await cache.put(name(), kept(b"data"))
        assert cache.near(name()) == kept(b"data")

    with_cache(root, scenario)


def test_forgetting_is_exact_and_at_once(root: Path) -> None:
    """By variant, by original, by prefix, odd keys too: what goes is no hit from then on, its neighbours stay."""
    odd = "odd/" + "x" * 300
    keys = ("a", "a/b", "a-b", "b", odd)

    async def scenario(cache: DiskCache) -> None:
        for key in keys:
            for leaf in ("1.jpg", "2.jpg"):
                assert await cache.put(name(key, leaf), kept(key.encode()))
        assert await cache.put(name("a", site="other"), kept(b"other"))

        def there() -> set[tuple[str, str]]:
            return {(key, leaf) for key in keys for leaf in ("1.jpg", "2.jpg") if cache.near(name(key, leaf))}

        assert cache.forget("default", "a", "1.jpg") == 1
        assert ("a", "2.jpg") in there()
        assert cache.forget("default", "a") == 1
        assert cache.forget("default", "a") == 0
        assert there() == {(key, leaf) for key in ("a/b", "a-b", "b", odd) for leaf in ("1.jpg", "2.jpg")}
        forgetting = asyncio.ensure_future(cache.forget_prefix("default", "a"))
        await asyncio.sleep(0)
        assert there() == {(key, leaf) for key in ("b", odd) for leaf in ("1.jpg", "2.jpg")}, "hidden from the call on"
        assert await cache.put(name("a/b", "3.jpg"), kept(b"late")) is False
        assert await forgetting == 4
        assert await cache.forget_prefix("default", "odd/") == 2
        assert await cache.forget_prefix("default", "") == 2
        assert there() == set()
        assert await cache.get(name("a", site="other")) == kept(b"other")
        assert await cache.put(name("a"), kept(b"again"))
        await cache.clear()
        await cache.settled()
        assert cache.used_bytes == 0
        assert cache.near(name("a")) is None

    with_cache(root, scenario)
    assert left_over(root) == []


def test_with_twice_as_much_as_there_is_room_for_it_stays_bounded_and_useful(root: Path) -> None:
    """Random reads of a set twice the room: never over the limit on the disk, and a fair share of hits."""
    limit = 100 * BLOCK
    hits = asked = used = 0

    async def scenario(cache: DiskCache) -> None:
        nonlocal hits, asked, used
        dice = random.Random(1)
        for turn in range(2000):
            variant = name(f"{dice.randrange(200)}.jpg")
            if cache.near(variant) is None:
                await cache.put(variant, kept(b"x" * 3000))
                await cache.settled()
            elif turn > 500:
                hits += 1
            asked += turn > 500
            assert cache.used_bytes <= limit
        used = cache.used_bytes

    with_cache(root, scenario, limit)
    assert used == sum(-(-path.stat().st_size // BLOCK) * BLOCK for path in root.rglob("w=*")) <= limit
    assert hits / asked > 0.35


def test_what_was_read_lately_stays(root: Path) -> None:
    """The longest unread go first; a hit counts as reading."""

    async def scenario(cache: DiskCache) -> None:
        for number in range(10):
            variant = name(f"{number}.jpg")
            assert await cache.put(variant, kept(b"x" * 3000))
            old = time.time() - 10_000 + number
            os.utime(file_of(root, variant), (old, old))
        assert cache.near(name("0.jpg")) is not None
        assert await cache.put(name("new.jpg"), kept(b"x" * 3000)) is False  # full: room is made behind it
        await cache.settled()
        assert await cache.put(name("new.jpg"), kept(b"x" * 3000))
        assert cache.near(name("0.jpg")) is not None
        assert cache.near(name("1.jpg")) is None

    with_cache(root, scenario, 10 * BLOCK)


def test_one_large_picture_does_not_empty_the_cache(root: Path) -> None:
    """What alone takes more than an eighth of the room is not kept."""

    async def scenario(cache: DiskCache) -> None:
        assert await cache.put(name(), kept(bytes(20_000))) is False
        assert await cache.put(name(), kept(bytes(10_000))) is True

    with_cache(root, scenario, 100_000)


@pytest.fixture
def small_files() -> Iterator[None]:
    """A limit of this process that makes a longer write fail with EFBIG, as a full disk does with ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_bypassed(root: Path, small_files: None) -> None:
    """A write that the disk refuses leaves nothing, costs no answer, and none is tried for a while; hits go on."""
    clock = [1000.0]

    async def scenario() -> None:
        cache = DiskCache(root, 10_000_000, threads=1, clock=lambda: clock[0])
        assert await cache.put(name("small.jpg"), kept(b"x"))
        assert await cache.put(name(), kept(bytes(50_000))) is False
        assert await cache.put(name("other.jpg"), kept(b"x")) is False, "bypassed"
        assert cache.near(name("small.jpg")) == kept(b"x")
        clock[0] += 11
        assert await cache.put(name("other.jpg"), kept(b"x"))
        await cache.settled()
        assert cache.used_bytes == 2 * BLOCK
        await cache.close()

    asyncio.run(scenario())
    assert left_over(root) == []
    assert not file_of(root, name()).exists()


WRITER = textwrap.dedent("""
    import asyncio, hashlib, sys
    from pathlib import Path
    from imagemill.cache.disk import DiskCache
    from imagemill.variants.port import Kept, VariantName

    async def main():
        cache = DiskCache(Path(sys.argv[1]), 50_000_000, threads=2)
        print("ready", flush=True)
        number = 0
        while True:
            data = bytes([number % 251]) * 200_000
            kept = Kept(data, hashlib.sha256(data).hexdigest(), 1.0)
            name = VariantName("default", f"{number % 40}.jpg", "0123456789ab", "w=1.jpg")
            await cache.put(name, kept)
            number += 1

    asyncio.run(main())
""")


def test_who_is_killed_while_writing_leaves_no_half_file(root: Path) -> None:
    """Killed at a random moment, again and again: what is a hit afterwards is whole, and nothing else stays."""
    dice = random.Random(7)
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while not any(root.rglob("w=*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 0.2))  # any moment will do: the claim is for all of them
        writer.kill()
        writer.wait()
        writer.stdout.close()

    async def scenario(cache: DiskCache) -> None:
        hits = 0
        for number in range(40):
            found = await cache.get(name(f"{number}.jpg"))
            if found is not None:
                hits += 1
                assert len(found.data) == 200_000
                assert len(set(found.data)) == 1
        assert hits > 0
        await cache.settled()
        assert cache.used_bytes == hits * (200_000 // BLOCK + 1) * BLOCK, "what the dead had reserved is free again"

    with_cache(root, scenario, 50_000_000)
    assert left_over(root) == []


def test_processes_of_a_node_share_one_folder(root: Path) -> None:
    """What one wrote is the other's hit; what one forgets is neither's; their room is one."""

    async def scenario(one: DiskCache) -> None:
        other = DiskCache(root, 20 * BLOCK, threads=1, clock=still)
        await other.settled()
        assert await one.put(name(), kept(b"x"))
        assert other.near(name()) == kept(b"x")
        assert other.used_bytes == one.used_bytes == BLOCK
        other.forget("default", "a.jpg")
        assert one.near(name()) is None
        for number in range(10):
            assert await one.put(name(f"1-{number}.jpg"), kept(b"x"))
            assert await other.put(name(f"2-{number}.jpg"), kept(b"x"))
        assert one.used_bytes == 20 * BLOCK
        assert await other.put(name("more.jpg"), kept(b"x")) is False
        await other.settled()
        assert one.used_bytes == other.used_bytes <= 18 * BLOCK
        await other.close()

    with_cache(root, scenario, 20 * BLOCK)


def test_what_the_kernel_has_not_in_memory_is_left_to_a_thread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would have to be waited for, or is there in part, is not near; a thread reads it, and it stays."""

    def cut(reader: QuickReader, path: bytes) -> memoryview:
        return memoryview(Path(os.fsdecode(path)).read_bytes())[:4096]

    async def scenario(cache: DiskCache) -> None:
        assert await cache.put(name(), kept(bytes(50_000)))
        for read in (lambda reader, path: None, cut):
            monkeypatch.setattr(QuickReader, "read", read)
            assert cache.near(name()) is None
            assert await cache.get(name()) == kept(bytes(50_000))

    with_cache(root, scenario)


def test_a_quick_read_never_waits(tmp_path: Path) -> None:
    """What is there, small and in memory; nothing of what is absent, large, empty, a link or a folder."""
    reader = QuickReader(100)
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "large").write_bytes(bytes(100))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    try:
        found = reader.read(os.fsencode(tmp_path / "file"))
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        return  # a file system in memory, which cannot say
    assert found is not None
    assert bytes(found) == b"data"
    for other in ("absent", "large", "empty", "link", "absent/file"):
        assert reader.read(os.fsencode(tmp_path / other)) is None, other


def test_a_disk_that_cannot_say_and_makes_readers_wait_is_left_to_threads(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one slow read in place none is done there for ten seconds; a thread reads on."""
    monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)
    now, tick = 1000.0, 0.1

    def clock() -> float:
        nonlocal now
        now += tick
        return now

    async def scenario() -> None:
        nonlocal now, tick
        cache = DiskCache(root, 1_000_000, threads=1, clock=clock)
        assert await cache.put(name(), kept(b"x"))
        assert cache.near(name()) is not None
        tick = 0.0
        assert cache.near(name()) is None
        assert await cache.get(name()) == kept(b"x")
        now += 11
        assert cache.near(name()) is not None
        assert cache.near(name()) is not None
        await cache.close()

    asyncio.run(scenario())


def test_purges_are_remembered_over_a_restart(root: Path) -> None:
    """A new cache knows of none; a number that was noted is there next time; a damaged note is none."""

    async def first(cache: DiskCache) -> None:
        assert await cache.purges_seen() is None
        await cache.note_purges(17)

    async def second(cache: DiskCache) -> None:
        assert await cache.purges_seen() == 17
        (root / ".purges").write_bytes(b"\xff\xfe")
        assert await cache.purges_seen() is None

    with_cache(root, first)
    with_cache(root, second)


def test_what_it_holds_can_be_asked_to_the_very_end(tmp_path: Path) -> None:
    """A process counts once more when everything of it is closed: the number is then the last one, and no error."""

    async def run() -> None:
        cache = DiskCache(tmp_path, 1_000_000)
        assert await cache.put(name(), kept(b"x" * 100))
        used = cache.used_bytes
        await cache.close()
        assert cache.used_bytes == used > 0

    asyncio.run(run())


def test_what_a_failing_disk_cannot_drop_is_hidden(tmp_path: Path) -> None:
    """A purge and a change of an original neither fail by it nor leave the old bytes to be served."""

    async def run() -> None:
        cache = DiskCache(tmp_path, 1_000_000)
        for key in ("a.jpg", "b/1.jpg", "c.jpg"):
            assert await cache.put(name(key), kept(b"x" * 100))
        trash = tmp_path / ".trash"
        trash.rmdir()
        trash.write_bytes(b"")  # what is dropped is moved there first, which fails now
        assert cache.forget("default", "a.jpg") == 0
        assert await cache.forget_prefix("default", "b/") == 0
        assert [await cache.get(name(key)) is None for key in ("a.jpg", "b/1.jpg", "c.jpg")] == [True, True, False]
        assert cache.near(name("a.jpg")) is None
        assert not await cache.put(name("a.jpg"), kept(b"y" * 100))
        await cache.close()

    asyncio.run(run())
