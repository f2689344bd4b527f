"""A process may die between any two steps of an upload: nothing acknowledged is lost, nothing half is ever seen."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.originals.library_kit import Kit, picture, pieces

from imagemill.errors import ImagemillError
from imagemill.object_store.memory import MemoryStore
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.uploads import part as parts
from imagemill.uploads import resumable as resuming
from imagemill.uploads.intake import Intake
from imagemill.uploads.issuing import Wanted
from imagemill.uploads.part import Part, Progress
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.resumable import Piece, Resumable
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.ticket import Ticket
from imagemill.uploads.tickets import Tickets
from imagemill.uploads.tidying import tidy

DATA = picture("green", (90, 70), "JPEG")
KEY = "crash.jpg"


class Died(BaseException):
    """The process is no more; nothing that it would still do happens."""


@dataclass
class Life:
    """One life of a process, which ends at its step number `last`."""

    last: int
    steps: int = 0
    open: list[Part] = field(default_factory=list)

    def step(self) -> None:
        """Be at a point where a crash leaves something else behind than before."""
        self.steps += 1
        if self.steps >= self.last:
            raise Died


class MortalTickets(Tickets):
    """Tickets of a process that may die before or after a write."""

    life: Life

    async def _write(self, ticket: Ticket, condition: Any) -> str:
        self.life.step()
        etag = await super()._write(ticket, condition)
        self.life.step()
        return etag


class MortalPart(Part):
    """Bytes of a process that may die before or after each change of its files."""

    life: Life

    def _write(self, chunk: bytes, at: int) -> None:
        self.life.step()
        super()._write(chunk[: len(chunk) // 2], at)
        self.life.step()
        super()._write(chunk, at)

    async def _note(self, progress: Progress) -> None:
        self.life.step()
        await super()._note(progress)
        self.life.step()

    def _remove(self) -> None:
        self.life.step()
        super()._remove()
        self.life.step()


class MortalQuarantine(Quarantine):
    """A quarantine of such bytes."""

    life: Life

    def _hold(self, upload_id: str) -> Part:
        held = super()._hold(upload_id)
        held.__class__ = MortalPart
        assert isinstance(held, MortalPart)
        held.life = self.life
        self.life.open.append(held)
        return held


class MortalOriginals(Originals):
    """A library of a process that may die before or after it has placed an original."""

    life: Life

    async def put(self, *args: Any, **more: Any) -> tuple[Original, bool]:
        """Place an original, if we live."""
        self.life.step()
        result = await super().put(*args, **more)
        self.life.step()
        return result


@dataclass
class Machine:
    """What survives a crash: the stores and the folder."""

    folder: Path
    kit: Kit = field(default_factory=Kit)
    documents: MemoryStore = field(default_factory=MemoryStore)

    def boot(self, life: Life) -> Intake:
        """Return the uploads of a new process."""
        originals = self.kit.library()
        originals.__class__ = MortalOriginals
        assert isinstance(originals, MortalOriginals)
        tickets, quarantine = MortalTickets(self.documents), MortalQuarantine(self.folder, 10**9)
        originals.life = tickets.life = quarantine.life = life
        return Intake(originals, tickets, quarantine, UploadsSettings(), upload_bytes=100_000)

    def bury(self, intake: Intake, life: Life) -> None:
        """Do what the kernel does for a process that died: close its files, and with them its locks."""
        for held in life.open:
            held.close()
        intake.quarantine.close()

    async def stored(self) -> bytes | None:
        """Return what lies under the key."""
        opened = await self.kit.store.open(KEY)
        if opened is None:
            return None
        try:
            return os.pread(opened.fileno(), opened.info.size, 0)
        finally:
            opened.close()


async def body(data: bytes) -> AsyncIterator[bytes]:
    """Yield `data` in small pieces."""
    async for chunk in pieces(data, 150):
        yield chunk


async def put_it(intake: Intake, told: str) -> None:
    """Send the whole body, as a browser does that does not know what became of its last request."""
    ticket = await intake.ticket_of(told)
    try:
        intake.judge(ticket, "put")
        outcome = await intake.take(ticket, body(DATA), len(DATA))
    except ImagemillError as error:
        if error.code != "upload_over":
            raise
    else:
        assert outcome.error is None


class Resuming:
    """A client of a resumable upload: it believes what was acknowledged, and asks after a crash."""

    def __init__(self) -> None:
        self.acknowledged = 0

    async def __call__(self, intake: Intake, told: str) -> None:
        """Go on from where the server says that it is."""
        ticket = await intake.ticket_of(told)
        intake.judge(ticket, "tus")
        resumable = Resumable(intake)
        offset = (await resumable.status(ticket)).offset
        assert offset >= self.acknowledged, "an acknowledged byte is lost"
        while offset < len(DATA):
            chunk = DATA[offset : offset + 400]
            piece = Piece(offset=offset, chunks=body(chunk), size=len(chunk), length=len(DATA))
            offset, outcome = await resumable.append(ticket, piece)
            assert outcome is None or outcome.error is None
            self.acknowledged = offset


@pytest.mark.parametrize("method", ["put", "tus"])
@pytest.mark.parametrize("replace", [False, True])
def test_a_crash_at_any_step_loses_nothing(
    method: Any, replace: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every step of the whole way: die there, start again, go on; the picture is whole and the token used up."""
    monkeypatch.setattr(parts, "CHECKPOINT", 200)

    async def run(last: int) -> bool:
        machine = Machine(tmp_path / str(last))
        calm = Life(10**9)
        first = machine.boot(calm)
        _, token, _ = await first.issue(Wanted(key=KEY, method=method, replace=replace))
        await first.close()
        client: Any = Resuming() if method == "tus" else put_it
        life = Life(last)
        intake = machine.boot(life)
        died = False
        try:
            await client(intake, str(token))
        except Died:
            died = True
            machine.bury(intake, life)
            assert await machine.stored() in (None, DATA), "half a picture was seen"
        intake = machine.boot(Life(10**9))
        await tidy(intake)
        await client(intake, str(token))
        assert await machine.stored() == DATA
        shown = await intake.show(token.id)
        assert shown.state == "done"
        assert shown.ticket.sha256 == hashlib.sha256(DATA).hexdigest()
        await tidy(intake)
        assert await intake.quarantine.used() == 0
        await intake.close()
        return died

    last = 1
    while asyncio.run(run(last)):
        last += 1
    assert last > 12


def test_two_processes_of_a_node_share_the_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process received the other goes on with; bytes that one holds the other waits for, for a while."""
    monkeypatch.setattr(resuming, "LET_GO_SECONDS", 0.1)

    async def run() -> None:
        machine = Machine(tmp_path)
        one, two = (machine.boot(Life(10**9)) for _ in range(2))
        ticket, token, _ = await one.issue(Wanted(key=KEY, method="tus"))
        first = Piece(offset=0, chunks=body(DATA[:500]), size=500, length=len(DATA))
        assert await Resumable(one).append(ticket, first) == (500, None)
        held = await one.quarantine.hold(ticket.id)
        with pytest.raises(ImagemillError, match="another request"):
            await Resumable(two).status(ticket)
        await held.release()
        assert (await Resumable(two).status(ticket)).offset == 500
        rest = Piece(offset=500, chunks=body(DATA[500:]), size=len(DATA) - 500)
        _, outcome = await Resumable(two).append(ticket, rest)
        assert outcome is not None
        assert outcome.ticket.state == "done"
        assert (await one.ticket_of(str(token))).state == "done"
        await one.close()
        await two.close()

    asyncio.run(run())


def test_a_newer_request_takes_over_from_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that died in one process is noticed by nobody; the client comes back to another, which gets the bytes."""
    monkeypatch.setattr(resuming, "LOOK_SECONDS", 0.05)

    async def run() -> None:
        machine = Machine(tmp_path)
        one, two = (machine.boot(Life(10**9)) for _ in range(2))
        ticket, _, _ = await one.issue(Wanted(key=KEY, method="tus"))
        arrived = asyncio.Event()

        async def dead() -> AsyncIterator[bytes]:
            yield DATA[:500]
            arrived.set()
            await asyncio.Event().wait()

        older = asyncio.create_task(
            Resumable(one).append(ticket, Piece(offset=0, chunks=dead(), size=None, length=len(DATA)))
        )
        await arrived.wait()
        assert (await Resumable(two).status(ticket)).offset == 500
        with pytest.raises(ImagemillError, match="went on with this upload"):
            await older
        rest = Piece(offset=500, chunks=body(DATA[500:]), size=len(DATA) - 500)
        _, outcome = await Resumable(two).append(ticket, rest)
        assert outcome is not None
        assert outcome.ticket.state == "done"
        await one.close()
        await two.close()

    asyncio.run(run())


def test_whole_bytes_of_a_dead_process_are_checked_by_the_next(tmp_path: Path) -> None:
    """The client is gone for good, and the server died between the last byte and the check: it is made all the same."""

    async def run() -> None:
        machine = Machine(tmp_path)
        intake = machine.boot(Life(10**9))
        ticket, _, _ = await intake.issue(Wanted(key=KEY, method="tus"))
        held = await intake.quarantine.hold(ticket.id)
        await held.declare(length=len(DATA))
        await held.append(body(DATA), most=len(DATA))
        await held.release()
        await tidy(intake)
        assert (await intake.show(ticket.id)).state == "done"
        assert await machine.stored() == DATA
        await intake.close()

    asyncio.run(run())


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "storage_full"), (errno.EIO, "store_failed")])
def test_a_disk_that_refuses_acknowledges_nothing(
    number: int, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the bytes cannot be made safe the client is told so, the offset is what it was, and it can go on later."""

    async def run() -> None:
        machine = Machine(tmp_path)
        intake = machine.boot(Life(10**9))
        ticket, _, _ = await intake.issue(Wanted(key=KEY, method="tus"))
        resumable = Resumable(intake)
        await resumable.append(ticket, Piece(offset=0, chunks=body(DATA[:500]), size=500, length=len(DATA)))

        def refuse(descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", refuse)
            with pytest.raises(ImagemillError) as told:
                await resumable.append(ticket, Piece(offset=500, chunks=body(DATA[500:600]), size=100))
            assert told.value.code == code
        assert (await resumable.status(ticket)).offset == 500
        rest = Piece(offset=500, chunks=body(DATA[500:]), size=len(DATA) - 500)
        _, outcome = await resumable.append(ticket, rest)
        assert outcome is not None
        assert await machine.stored() == DATA
        await intake.close()

    asyncio.run(run())
