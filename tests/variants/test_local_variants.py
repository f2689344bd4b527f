"""The variant store in a folder: what a web server reads beside us, what crashes leave, what goes first."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.object_store.faults import DONE, REFUSED, Fault, need_strace, run_with_fault

from imagemill.errors import ImagemillError
from imagemill.testing.contracts.variant_store import KEY, LEAF, NEW, OLD, SITE, fetched, leaves, name
from imagemill.variants import walking
from imagemill.variants.local import LocalVariants
from imagemill.variants.port import Reads

HOUR = 3600


@pytest.fixture
def root(memory_folder: Path) -> Path:
    """Where variants are kept."""
    return memory_folder / "variants"


def home_of(root: Path, key: str = KEY) -> Path:
    """Return where everything of a key lies."""
    return root / SITE / key / "~"


def with_store(
    root: Path,
    scenario: Callable[[LocalVariants], Awaitable[None]],
    max_bytes: int = 1_000_000,
    share: int = 1000,
    reads: Reads = dict,
) -> None:
    """Run `scenario` against a store that has finished its start."""

    async def run() -> None:
        store = LocalVariants(root, max_bytes=max_bytes, max_per_original=share, reads=reads)
        try:
            await store.settled()
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(run())


def test_a_web_server_finds_variants_by_their_names(root: Path) -> None:
    """A variant is a plain file behind `current`; the record is for nobody else."""

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name(), b"bytes")
        await store.write_record(SITE, KEY, b"{}")

    with_store(root, scenario)
    home = home_of(root)
    assert (home / "current" / LEAF).read_bytes() == b"bytes"
    assert os.readlink(home / "current") == OLD  # noqa: PTH115 - the text of the link matters, not where it leads
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((home / OLD / LEAF).stat().st_mode) == 0o644 & ~umask
    assert stat.S_IMODE((home / "record.json").stat().st_mode) == 0o600


def test_who_follows_current_never_reads_an_old_picture(root: Path) -> None:
    """In 500 replacements with late makers beside them, each read is whole and not older than what is published."""
    turns = 500
    published = 0
    over = threading.Event()
    wrong: list[str] = []
    reads = [0, 0]

    def reader() -> None:
        path = home_of(root) / "current" / LEAF
        while not over.is_set():
            at_least = published
            if at_least and not path.parent.is_symlink():
                wrong.append("no current version for a moment")
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                reads[1] += 1
                continue
            reads[0] += 1
            turn = int(data[:6])
            if data != body(turn):
                wrong.append(f"torn at {turn}")
            if turn < at_least:
                wrong.append(f"read {turn} after {at_least} was published")

    def body(turn: int) -> bytes:
        return b"%06d" % turn * 3000

    def version(turn: int) -> str:
        return f"{turn:012x}"

    async def scenario(store: LocalVariants) -> None:
        nonlocal published
        for turn in range(turns):
            await store.publish(SITE, KEY, version(turn))
            published = turn
            late = store.keep(name(version=version(turn - 1)), body(turn - 1)) if turn else asyncio.sleep(0)
            kept, _, _ = await asyncio.gather(store.keep(name(version=version(turn)), body(turn)), late, store.trim())
            assert kept is True
        assert await fetched(store, name(version=version(turns - 1))) == body(turns - 1)
        assert store.usage() == len(body(0))

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        with_store(root, scenario)
    finally:
        over.set()
        thread.join()
    assert wrong == []
    assert min(reads) > 0, "the reader saw only one of hit and miss"


def test_makers_in_threads_never_outlive_their_version(root: Path) -> None:
    """Keeps from other threads run into publish and withdraw: afterwards only the published version has variants."""

    async def scenario(store: LocalVariants) -> None:
        over = threading.Event()
        loop = asyncio.get_running_loop()
        kept = [0]

        def maker(number: int) -> None:
            while not over.is_set():
                for version in (OLD, NEW):
                    work = store.keep(name(f"{number}.jpg", version=version), version.encode())
                    kept[0] += asyncio.run_coroutine_threadsafe(work, loop).result()

        makers = [threading.Thread(target=maker, args=(number,)) for number in range(4)]
        for one in makers:
            one.start()
        try:
            for _ in range(60):
                for version, other in ((OLD, NEW), (NEW, OLD)):
                    await store.publish(SITE, KEY, version)
                    assert await store.fetch(name("0.jpg", version=other)) is None
                    assert sorted(path.name for path in home_of(root).iterdir()) == sorted([version, "current"])
                await store.withdraw(SITE, KEY)
                assert not home_of(root).exists()
                await asyncio.sleep(0)
        finally:
            over.set()
            for one in makers:
                await asyncio.to_thread(one.join)
        assert kept[0] > 0
        assert store.usage() == 0

    with_store(root, scenario)


def test_withdrawing_leaves_no_empty_folders(root: Path) -> None:
    """The folders of a key go with its last neighbour; the site's stays."""

    async def scenario(store: LocalVariants) -> None:
        for key in ("a/b/c.jpg", "a/d.jpg", "x" * 300):
            await store.publish(SITE, key, OLD)
        await store.withdraw(SITE, "a/b/c.jpg")
        assert not (root / SITE / "a" / "b").exists()
        await store.withdraw(SITE, "a/d.jpg")
        await store.withdraw(SITE, "x" * 300)
        assert list((root / SITE).iterdir()) == []
        assert list((root / ".odd").iterdir()) == []

    with_store(root, scenario)


def test_what_is_there_is_counted_at_the_start(root: Path) -> None:
    """A new process knows the bytes of the last, and an original's share of what the last one kept."""

    async def first(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.write_record(SITE, KEY, b"not counted")
        for number in range(3):
            await store.keep(name(f"{number}.jpg"), bytes(100))

    async def second(store: LocalVariants) -> None:
        assert store.usage() == 300
        assert await store.keep(name("3.jpg"), b"x") is False
        assert await store.keep(name("2.jpg"), b"x") is True
        assert store.usage() == 201

    with_store(root, first, share=3)
    with_store(root, second, share=3)


def test_what_two_processes_keep_is_one_share(root: Path) -> None:
    """A version's files are counted anew when another process has changed its folder."""

    async def scenario(store: LocalVariants) -> None:
        other = LocalVariants(root, max_bytes=1000, max_per_original=3)
        await store.publish(SITE, KEY, OLD)
        assert await store.keep(name("1.jpg"), b"x")
        await another_tick(root)
        assert await other.keep(name("2.jpg"), b"x")
        await another_tick(root)
        assert await store.keep(name("3.jpg"), b"x")
        await another_tick(root)
        assert await other.keep(name("4.jpg"), b"x") is False
        await other.close()

    with_store(root, scenario, share=3)


async def another_tick(root: Path) -> None:
    """Wait until the file system's clock goes on: files written in one tick of it have the same time."""
    probe = root.parent / "probe"
    probe.touch()
    before = probe.stat().st_mtime_ns
    while probe.stat().st_mtime_ns == before:
        await asyncio.sleep(0.001)
        probe.touch()


def test_leftovers_of_a_crash_are_removed(root: Path) -> None:
    """At the start and by each trim: what a dead process was writing or removing; not what a living one is."""

    async def scenario(store: LocalVariants) -> None:
        living = LocalVariants(root, max_bytes=1000, max_per_original=3)
        await living.settled()
        assert not (root / ".tmp" / "dead").exists()
        assert list((root / ".trash").iterdir()) == []
        make_leftovers()
        await store.trim()
        assert len(list((root / ".tmp").iterdir())) == 2
        assert list((root / ".trash").iterdir()) == []
        await living.publish(SITE, KEY, OLD)
        assert await living.keep(name(), b"x")
        await living.close()

    def make_leftovers() -> None:
        (root / ".tmp" / "dead").mkdir(parents=True)
        (root / ".tmp" / "dead" / "half").write_bytes(b"x")
        (root / ".trash" / "gone" / OLD).mkdir(parents=True)
        (root / ".trash" / "gone" / OLD / "x.jpg").write_bytes(b"x")

    make_leftovers()
    with_store(root, scenario)


def test_a_reboot_distrusts_what_was_written_last(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut what was written last is made again, whatever time it says; the same boot keeps it."""
    monkeypatch.setattr(walking, "UNSETTLED_SECONDS", 0.05)

    async def first(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name("old.jpg"), b"x", modified=time.time() + HOUR)
        times = [0.0, 0.0, 0.0]
        while times[1] < times[0] + 0.1 or times[2] > times[1] + 0.04:  # both late ones within what is distrusted
            for leaf in ("late.jpg", "new.jpg"):
                await store.keep(name(leaf), b"x", modified=time.time() - HOUR)
            leaves_written = ("old.jpg", "late.jpg", "new.jpg")
            times = [(home_of(root) / OLD / leaf).stat().st_ctime for leaf in leaves_written]

    async def same(store: LocalVariants) -> None:
        assert await leaves(store) == ["late.jpg", "new.jpg", "old.jpg"]

    async def after(store: LocalVariants) -> None:
        assert await leaves(store) == ["old.jpg"]
        assert store.usage() == 1

    with_store(root, first)
    with_store(root, same)
    (root / ".boot").write_text("another boot")
    with_store(root, after)
    with_store(root, after)


def test_a_trim_removes_what_was_not_read_for_longest(root: Path) -> None:
    """Reading counts, writing counts, and a tenth is left free."""

    async def fill(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        for number in range(10):
            assert await store.keep(name(f"{number}.jpg"), bytes(100))
            path = home_of(root) / OLD / f"{number}.jpg"
            written = time.time() - (20 - number) * HOUR
            os.utime(path, (written + (30 * HOUR if number == 2 else 0), written))

    async def trim(store: LocalVariants) -> None:
        assert await store.trim() == 6
        assert await leaves(store) == ["2.jpg", "7.jpg", "8.jpg", "9.jpg"]
        assert store.usage() == 400
        assert await store.trim() == 0

    with_store(root, fill)
    with_store(root, trim, max_bytes=450)


def test_a_hit_in_front_of_the_store_counts_as_read(root: Path) -> None:
    """What is answered from memory all day is not the longest unread, and its time of writing stays."""
    hot = name("0.jpg")
    times = []

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        for number in range(9):
            assert await store.keep(name(f"{number}.jpg"), bytes(100))
            path = home_of(root) / OLD / f"{number}.jpg"
            os.utime(path, (time.time() - (20 - number) * HOUR,) * 2)
        times.append((home_of(root) / OLD / "0.jpg").stat().st_mtime_ns)
        for number in range(9, 12):
            assert await store.keep(name(f"{number}.jpg"), bytes(100))
        kept = await leaves(store)
        assert "0.jpg" in kept
        assert "1.jpg" not in kept
        assert (home_of(root) / OLD / "0.jpg").stat().st_mtime_ns == times[0]

    reads = {hot: time.time_ns(), name("gone.jpg"): time.time_ns()}
    with_store(root, scenario, max_bytes=1000, reads=lambda: reads)


def test_a_fetch_is_noted(root: Path) -> None:
    """The time of reading is set by a fetch, by us where the disk does not, and the time of writing never moves."""

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.keep(name(), b"x")
        path = home_of(root) / OLD / LEAF
        now = time.time()
        os.utime(path, (now - 2 * HOUR, now - 50 * HOUR))
        written = path.stat().st_mtime_ns
        kept = await store.fetch(name())
        assert kept is not None
        assert kept.modified == pytest.approx(now - 50 * HOUR)
        assert path.stat().st_atime >= now - 1
        assert path.stat().st_mtime_ns == written

    with_store(root, scenario)


def test_a_full_store_makes_room_once_for_many(root: Path) -> None:
    """Many keeps beyond the limit at once: the limit holds all the time, and the newcomers are kept."""

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        for number in range(100):
            assert await store.keep(name(f"{number:03}.jpg"), bytes(100))
        results = await asyncio.gather(*(store.keep(name(f"new{number}.jpg"), bytes(100)) for number in range(9)))
        assert results == [True] * 9
        assert store.usage() <= 10_000
        files = list(home_of(root).glob(f"{OLD}/*"))
        assert sum(path.stat().st_size for path in files) == store.usage()
        assert len(files) >= 90

    with_store(root, scenario, max_bytes=10_000)


def test_a_damaged_variant_is_a_miss(root: Path) -> None:
    """An empty file, a link and a pipe are not served, and do not hang; keeping it again puts it right."""

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        folder = home_of(root) / OLD
        secret = root / "secret"
        secret.write_bytes(b"secret")
        (folder / "empty.jpg").touch()
        (folder / "link.jpg").symlink_to(secret)
        os.mkfifo(folder / "pipe.jpg")
        for leaf in ("empty.jpg", "link.jpg", "pipe.jpg"):
            assert await asyncio.wait_for(store.fetch(name(leaf)), 60) is None
            assert await store.keep(name(leaf), b"right")
            assert await fetched(store, name(leaf)) == b"right"
        assert secret.read_bytes() == b"secret"

    with_store(root, scenario)


def test_a_variant_that_does_not_fit_on_the_disk_is_dropped(root: Path) -> None:
    """No room is no error: the answer has gone out already; nothing is left and nothing is counted."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def scenario(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            assert await store.keep(name(), bytes(2000)) is False
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert store.usage() == 0
        assert await leaves(store) == []
        assert list((root / ".tmp").glob("*/*")) == []
        assert await store.keep(name(), bytes(2000)) is True

    with_store(root, scenario)


def test_a_place_that_is_no_folder_is_said_in_words(root: Path) -> None:
    """A file where the folder should be is an error without a path in it."""
    root.write_bytes(b"")
    with pytest.raises(ImagemillError) as error:
        LocalVariants(root, max_bytes=1, max_per_original=1)
    assert "/" not in error.value.sentence


def test_what_must_not_come_back_is_synced(root: Path, tmp_path: Path) -> None:
    """A new version, a record and a withdrawal are on the disk before they are acknowledged; a variant need not be."""
    need_strace()

    def opened() -> LocalVariants:
        return LocalVariants(root, max_bytes=10_000, max_per_original=10, threads=1)

    async def before(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)

    def synced(change: Callable[[LocalVariants], Awaitable[object]]) -> list[str]:
        with_store(root, before)
        log = tmp_path / "log"
        outcome = run_with_fault(opened, change, Fault("fsync", "error=EIO"), 9999, log)
        assert outcome.code == DONE
        return [line.partition("<")[2].partition(">")[0] for line in log.read_text().splitlines() if "fsync" in line]

    home = str(home_of(root))
    assert synced(lambda store: store.publish(SITE, KEY, NEW)) == [home]
    assert synced(lambda store: store.publish(SITE, KEY, OLD)) == []
    assert synced(lambda store: store.keep(name(), b"x")) == []
    record = synced(lambda store: store.write_record(SITE, KEY, b"{}"))
    assert record[0].startswith(str(root / ".tmp"))
    assert record[1:] == [home]
    assert synced(lambda store: store.withdraw(SITE, KEY)) == [str(Path(home).parent)]


@pytest.mark.parametrize("call", ["write", "fsync", "?rename", "openat", "?symlink", "?mkdir", "?readlink", "flock"])
@pytest.mark.parametrize("action", ["error=EIO", "error=ENOSPC", "signal=KILL"])
def test_a_new_version_is_published_or_not(root: Path, tmp_path: Path, call: str, action: str) -> None:
    """Whatever call of publish and write_record fails or is the last: `current` and the record are old or new, and the
    next publish puts everything right.
    """
    need_strace()

    def opened() -> LocalVariants:
        store = LocalVariants(root, max_bytes=10_000, max_per_original=10, threads=1)
        asyncio.run(store.settled())
        return store

    async def change(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, NEW)
        await store.write_record(SITE, KEY, b"new record " * 100)

    async def before(store: LocalVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        await store.write_record(SITE, KEY, b"old record")
        assert await store.keep(name(), b"old picture")

    async def after(store: LocalVariants) -> None:
        record = await store.read_record(SITE, KEY)
        assert record in (b"old record", b"new record " * 100)
        current = home_of(root) / "current" / LEAF
        assert not current.exists() or current.read_bytes() == b"old picture"
        if outcome.code == DONE:
            assert record == b"new record " * 100
            assert not current.exists()
        await store.publish(SITE, KEY, NEW)
        assert not current.exists()
        assert sorted(path.name for path in home_of(root).iterdir()) == sorted([NEW, "current", "record.json"])
        assert await store.keep(name(version=NEW), b"new picture")
        await store.settled()
        assert list((root / ".trash").iterdir()) == []

    for number in range(1, 50):
        with_store(root, before)
        outcome = run_with_fault(opened, change, Fault(call, action), number, tmp_path / "log")
        assert outcome.code in (DONE, REFUSED, -9)
        with_store(root, after)
        if not outcome.injected:
            assert outcome.code == DONE
            break
