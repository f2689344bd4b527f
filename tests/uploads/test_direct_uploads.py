"""Bytes that a browser put into the store: claimed once, checked, and found when nobody tells of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.originals.library_kit import Kit, picture

from imagemill.errors import ImagemillError
from imagemill.object_store.memory import MemoryStore
from imagemill.uploads.direct import DirectStore, Presigned
from imagemill.uploads.intake import Intake
from imagemill.uploads.issuing import Wanted
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.tickets import Tickets
from imagemill.uploads.tidying import tidy

PICTURE = picture()


class Links:
    """A signer whose links say what they were asked for."""

    async def put_link(
        self, key: str, *, expires_in: int, content_type: str | None, length: int | None = None
    ) -> Presigned:
        """Return a link."""
        bound = {} if length is None else {"content-length": str(length)}
        return Presigned(f"put:{key}:{expires_in}", headers={"content-type": content_type or "", **bound})

    async def post_form(self, key: str, *, expires_in: int, content_type: str | None, max_bytes: int) -> Presigned:
        """Return a form."""
        return Presigned(f"post:{key}", fields={"max": str(max_bytes), "type": content_type or ""})


@dataclass
class Nodes:
    """Two nodes over one store."""

    folder: Path
    kit: Kit = field(default_factory=Kit)
    documents: MemoryStore = field(default_factory=MemoryStore)
    waiting: MemoryStore = field(default_factory=MemoryStore)
    late: float = 0.0

    def node(self, name: str) -> Intake:
        """Return one of them."""
        return Intake(
            self.kit.library(),
            Tickets(self.documents),
            Quarantine(self.folder / name, 10**9),
            UploadsSettings(),
            upload_bytes=100_000,
            direct=DirectStore(self.waiting, Links(), clock=lambda: self.now),
            clock=lambda: self.now,
        )

    @property
    def now(self) -> float:
        """The time of both."""
        return time.time() + self.late

    async def arrive(self, upload_id: str, data: bytes = PICTURE) -> None:
        """Do what the store does for a browser."""
        upload = await self.waiting.begin()
        await upload.write(data)
        await upload.commit(upload_id, content_type="")


def test_the_store_is_asked_for_links_that_bind(tmp_path: Path) -> None:
    """A link for the ticket's time and exact type, a form for its size and any type; the token is not in them."""

    async def run() -> None:
        one = Nodes(tmp_path).node("a")
        ticket, token, link = await one.issue(Wanted(key="a", method="put", expires_in=90, content_type="image/png"))
        assert link == Presigned(f"put:{ticket.id}:90", headers={"content-type": "image/png"})
        ticket, token, link = await one.issue(Wanted(key="a", method="put", length=1234))
        assert link is not None
        assert link.headers == {"content-type": "", "content-length": "1234"}
        ticket, token, link = await one.issue(Wanted(key="b", method="post", max_bytes=77, content_type="image/*"))
        assert link == Presigned(f"post:{ticket.id}", fields={"max": "77", "type": "image/*"})
        assert token.secret not in str(link)
        with pytest.raises(ImagemillError, match="written for post"):
            one.judge(ticket, "put")
        await one.close()

    asyncio.run(run())


def test_of_two_nodes_that_complete_one_does(tmp_path: Path) -> None:
    """The ticket is claimed with If-Match: one check, one original, however many ask; who comes later is told of it."""

    async def run() -> None:
        nodes = Nodes(tmp_path)
        one, two = nodes.node("a"), nodes.node("b")
        ticket, _, _ = await one.issue(Wanted(key="a.png", method="put"))
        await nodes.arrive(ticket.id)
        answers = await asyncio.gather(*(node.complete(ticket.id) for node in (one, two) * 4), return_exceptions=True)
        good = [one for one in answers if not isinstance(one, BaseException)]
        assert [one.created for one in good].count(True) == 1
        assert {one.original.version for one in good if one.original} == {good[0].original and good[0].original.version}
        assert {one.code for one in answers if isinstance(one, ImagemillError)} <= {"upload_under_way"}
        assert await nodes.kit.keys() == ["a.png"]
        assert (await nodes.waiting.list()).objects == ()
        await one.close()
        await two.close()

    asyncio.run(run())


def test_bytes_that_nobody_tells_of_are_checked(tmp_path: Path) -> None:
    """The page was closed after the upload: a little later the picture is there all the same."""

    async def run() -> None:
        nodes = Nodes(tmp_path)
        one = nodes.node("a")
        ticket, _, _ = await one.issue(Wanted(key="a.png", method="put"))
        await nodes.arrive(ticket.id)
        await tidy(one)
        assert (await one.show(ticket.id)).state == "received"
        nodes.late = 120
        await tidy(one)
        assert (await one.show(ticket.id)).state == "done"
        assert await nodes.kit.keys() == ["a.png"]
        await one.close()

    asyncio.run(run())


def test_what_arrives_too_late_or_for_nobody_is_removed(tmp_path: Path) -> None:
    """Bytes of an expired ticket go, and so do bytes without a ticket."""

    async def run() -> None:
        nodes = Nodes(tmp_path)
        one = nodes.node("a")
        ticket, _, _ = await one.issue(Wanted(key="a.png", method="put", expires_in=60))
        for name in (ticket.id, "0" * 24):
            await nodes.arrive(name)
        nodes.late = 400
        await tidy(one)
        assert (await nodes.waiting.list()).objects == ()
        assert (await one.show(ticket.id)).state == "expired"
        assert await nodes.kit.keys() == []
        await one.close()

    asyncio.run(run())
