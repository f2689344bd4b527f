"""Whatever system call fails or is the last one, an object is the old or the new, whole, and the answer is true."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.object_store.faults import BROKEN, DONE, REFUSED, Fault, Outcome, need_strace, run_with_fault

from imagemill.errors import StorageFull
from imagemill.object_store.local import LocalStore
from imagemill.object_store.port import Upload
from imagemill.testing.contracts.object_store import NEW_ONLY, keys, put, read

OLD = b"old bytes " * 50
NEW = b"new and longer bytes " * 5000
NEIGHBOUR = b"neighbour"
PLAIN = "a/b/k.png"
ODD = "x" * 300

Operation = Callable[[LocalStore], Awaitable[object]]


@dataclass(frozen=True)
class Scenario:
    """One change of one key: what was there, what is done, what is there after it."""

    name: str
    key: str
    before: bytes | None
    after: bytes | None
    operation: Operation


async def put_new(store: LocalStore, key: str) -> None:
    """Put with other metadata than the old object has."""
    await put(store, key, NEW, content_type="image/new", metadata={"is": "new"})


SCENARIOS = [
    Scenario("create", PLAIN, None, NEW, lambda store: put_new(store, PLAIN)),
    Scenario(
        "create-if-none", PLAIN, None, NEW, lambda store: put(store, PLAIN, NEW, NEW_ONLY, "image/new", {"is": "new"})
    ),
    Scenario("replace", PLAIN, OLD, NEW, lambda store: put_new(store, PLAIN)),
    Scenario("delete", PLAIN, OLD, None, lambda store: store.delete(PLAIN)),
    Scenario("replace-odd", ODD, OLD, NEW, lambda store: put_new(store, ODD)),
    Scenario("delete-odd", ODD, OLD, None, lambda store: store.delete(ODD)),
]

NEED_ROOM = ("write", "fsync", "?rename", "?renameat", "linkat", "openat", "?mkdir", "mkdirat")
CALLS = (*NEED_ROOM, "?renameat2", "?unlink", "unlinkat", "?rmdir", "utimensat", "?newfstatat", "?fstat")
"""One by one, because strace counts each call for itself; those with ? do not exist on every machine."""


def prepare(root: Path, scenario: Scenario) -> None:
    """Bring the store at `root` into the state before the change, with a neighbour."""

    async def run() -> None:
        store = LocalStore(root)
        await put(store, "neighbour", NEIGHBOUR)
        await store.delete(scenario.key)
        if scenario.before is not None:
            await put(store, scenario.key, scenario.before, content_type="image/old", metadata={"is": "old"})
        await store.close()

    asyncio.run(run())


def check(root: Path, scenario: Scenario, outcome: Outcome) -> None:
    """Check everything that must hold after `outcome`, with a store opened anew as after a crash."""

    async def run() -> None:
        store = LocalStore(root)
        data = await read(store, scenario.key)
        allowed = {DONE: [scenario.after], REFUSED: [scenario.before]}
        assert data in allowed.get(outcome.code, [scenario.before, scenario.after])
        info = await store.head(scenario.key)
        if data is not None and info is not None:
            kind = "old" if data == scenario.before else "new"
            assert (info.content_type, dict(info.metadata)) == (f"image/{kind}", {"is": kind})
            assert info.etag == hashlib.sha256(data).hexdigest()
        present = ["neighbour"] + ([scenario.key] if data is not None else [])
        assert await keys(store) == sorted(present)
        await store.sweep(0)
        assert list((root / ".imagemill" / "uploads").iterdir()) == []
        assert len(list((root / ".imagemill" / "objects").glob("*/*.json"))) == len(present)
        assert await read(store, "neighbour") == NEIGHBOUR
        await put(store, scenario.key, b"the next one")
        assert await read(store, scenario.key) == b"the next one"
        await store.close()

    asyncio.run(run())


def every_occurrence(folder: Path, scenario: Scenario, fault: Fault) -> list[Outcome]:
    """Let the first call go wrong, then the second, and so on until a run meets no fault; check after each."""
    need_strace()
    root = folder / "root"
    outcomes: list[Outcome] = []

    def opened() -> LocalStore:
        return LocalStore(root, threads=1)

    for number in range(1, 100):
        prepare(root, scenario)
        outcome = run_with_fault(opened, scenario.operation, fault, number, folder / "log")
        check(root, scenario, outcome)
        if not outcome.injected:
            assert outcome.code == DONE
            return outcomes
        outcomes.append(outcome)
    raise AssertionError("the operation makes a hundred such calls")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_failing_call_is_never_a_false_success(memory_folder: Path, scenario: Scenario) -> None:
    """Each call of the change fails once with EIO and once with ENOSPC: the answer is true and the object whole."""
    told = set()
    for calls in CALLS:
        for error in ("EIO", "ENOSPC") if calls in NEED_ROOM else ("EIO",):
            outcomes = every_occurrence(memory_folder, scenario, Fault(calls, f"error={error}"))
            assert BROKEN not in {outcome.code for outcome in outcomes}
            told |= {(calls, outcome.code) for outcome in outcomes}
    assert ("fsync", REFUSED) in told, "a failing fsync went unnoticed"
    assert ("fsync", DONE) not in told, "an fsync failed and success was claimed"
    moves = {"linkat"} if scenario.name == "create-if-none" else {"?renameat"}
    assert {(call, REFUSED) for call in moves} <= told, "the step that makes the change was not among those that failed"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_what_is_acknowledged_was_synced(memory_folder: Path, scenario: Scenario) -> None:
    """The bytes are fsynced before they get their name, and the folder after it: what the order of calls shows."""
    need_strace()
    root = memory_folder / "root"
    prepare(root, scenario)
    log = memory_folder / "log"
    never = Fault("fsync,?rename,?renameat,?renameat2,linkat,mkdirat", "error=EIO")
    outcome = run_with_fault(lambda: LocalStore(root, threads=1), scenario.operation, never, 9999, log)
    assert (outcome.code, outcome.injected) == (DONE, False)
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if "(" in line]
    name = scenario.key.rpartition("/")[2] if scenario.key == PLAIN else hashlib.sha256(ODD.encode()).hexdigest()
    folder = root / "a" / "b" if scenario.key == PLAIN else root / ".imagemill" / "odd"
    change = max(index for index, call in enumerate(calls) if f'"{name}"' in call)
    before, after = calls[:change], calls[change + 1 :]
    assert any(call.startswith("fsync") and f"<{folder}>" in call for call in after)
    if scenario.after is not None:
        assert any(call.startswith("fsync") and "/uploads/" in call and ".json" not in call for call in before)
        assert any(call.startswith("fsync") and "/.imagemill/objects/" in call for call in before)
    made = [call for call in calls if call.startswith("mkdirat")]
    if scenario.name.startswith("create"):
        assert len(made) == 2
        assert any(call.startswith("fsync") and f"<{root}>" in call for call in before)
        assert any(call.startswith("fsync") and f"<{root / 'a'}>" in call for call in before)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_kill_at_any_step_leaves_old_or_new(memory_folder: Path, scenario: Scenario) -> None:
    """The process is killed at each call of the change: the object is the old or the new one, with its own metadata."""
    killed = 0
    for calls in CALLS:
        outcomes = every_occurrence(memory_folder, scenario, Fault(calls, "signal=KILL"))
        assert {outcome.code for outcome in outcomes} <= {-signal.SIGKILL}
        killed += len(outcomes)
    assert killed >= 8


async def write_often(upload: Upload, chunk: bytes) -> None:
    """Write more than fits."""
    for _ in range(100):
        await upload.write(chunk)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes: a mount where that is allowed, else a limit on the size of files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "imagemill-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if mounted:
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    """What does not fit is refused as such; nothing half is left, and a delete makes room again."""

    async def run() -> None:
        store = LocalStore(small_disk / "root")
        await put(store, "kept", OLD)
        chunk = os.urandom(100_000)
        for key in ("new", "kept"):
            upload = await store.begin()
            with pytest.raises(StorageFull, match="no room left"):
                await write_often(upload, chunk)
            with pytest.raises(StorageFull):
                await upload.commit(key, content_type="image/png")
            assert list((small_disk / "root" / ".imagemill" / "uploads").iterdir()) == []
        assert await keys(store) == ["kept"]
        assert await read(store, "kept") == OLD
        filled = []
        try:
            for number in range(100):
                await put(store, f"f{number}", chunk)
                filled.append(f"f{number}")
        except StorageFull:
            assert await keys(store) == sorted([*filled, "kept"])
        assert filled
        await store.delete(filled.pop())
        await put(store, "again", chunk[:50_000])
        assert await read(store, "again") == chunk[:50_000]
        await store.close()

    asyncio.run(run())


def test_an_upload_that_failed_cannot_be_committed(memory_folder: Path) -> None:
    """After a failed write the upload repeats its error; later writes that would succeed change nothing."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def run() -> None:
        store = LocalStore(memory_folder / "root")
        upload = await store.begin()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        try:
            with pytest.raises(StorageFull):
                await upload.write(b"more than ten bytes")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        for work in (upload.write(b"x"), upload.commit("k", content_type="image/png")):
            with pytest.raises(StorageFull):
                await work
        await upload.abort()
        assert await keys(store) == []
        await store.close()

    asyncio.run(run())
