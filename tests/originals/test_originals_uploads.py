from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.originals.library_kit import Kit, picture, pieces, until

from imagemill.engine.limits import Limits
from imagemill.errors import ImagemillError, InvalidRequest, NotAnImage, TooLarge, Unprocessable
from imagemill.object_store.memory import MemoryStore, MemoryUpload


class CountingStore(MemoryStore):
    """Remembers its uploads, so that a test can see that each was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = 0
        self.begun = 0

    async def begin(self) -> MemoryUpload:
        """Start a counted upload."""
        self.begun += 1
        store = self

        class Counted(MemoryUpload):
            async def abort(self) -> None:
                if not self._over:
                    store.ended += 1
                await super().abort()

        return Counted(self)


def test_an_upload_is_found_with_the_type_of_its_bytes() -> None:
    """What was put can be located, peeked at and opened, and its type is what the bytes are."""

    async def run() -> None:
        kit = Kit()
        data = picture(form="JPEG")
        original, created = await kit.originals.put("a/b.png", pieces(data))
        assert created
        assert original.info.content_type == "image/jpeg"
        assert original.info.etag == hashlib.sha256(data).hexdigest()
        assert (original.facts.width, original.facts.height) == (40, 30)
        assert kit.originals.peek("a/b.png") == original == await kit.originals.locate("a/b.png")
        opened = await kit.originals.open(original)
        opened.close()
        assert kit.engine.verifications == 1

    asyncio.run(run())


BROKEN = picture(size=(300, 300), form="JPEG")[:900]

REFUSED: list[tuple[str, bytes, dict[str, Any], type[ImagemillError], str]] = [
    ("empty", b"", {}, InvalidRequest, "empty_body"),
    ("shorter than declared", picture(), {"declared_length": 99_999}, InvalidRequest, "incomplete_body"),
    ("declared too long", picture(), {"declared_length": 100_001}, TooLarge, "too_large"),
    ("too long", b"\0" * 100_001, {}, TooLarge, "too_large"),
    ("wrong sha-256", picture(), {"digests": {"sha-256": b"\0" * 32}}, InvalidRequest, "digest_mismatch"),
    ("wrong sha-512", picture(), {"digests": {"sha-512": b"\0" * 64}}, InvalidRequest, "digest_mismatch"),
    ("text", b"hello" * 20, {}, NotAnImage, "not_an_image"),
    ("cut off", BROKEN, {}, Unprocessable, "damaged"),
]


@pytest.mark.parametrize(("data", "how", "error", "code"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_refused_upload_leaves_nothing(
    data: bytes, how: dict[str, Any], error: type[ImagemillError], code: str
) -> None:
    """Whatever is wrong with a body, the key stays empty and the half-written upload is gone."""

    async def run() -> None:
        store = CountingStore()
        kit = Kit(store=store)
        with pytest.raises(error) as caught:
            await kit.originals.put("x.png", pieces(data), **how)
        assert caught.value.code == code
        assert await kit.keys() == []
        assert store.begun == store.ended

    asyncio.run(run())


def test_a_refused_replacement_leaves_the_old_original() -> None:
    """A bad upload over a good original changes nothing, not even a kept variant."""

    async def run() -> None:
        kit = Kit()
        original = await kit.put("x.png", picture())
        await kit.keep(original)
        with pytest.raises(NotAnImage):
            await kit.put("x.png", b"hello")
        assert await kit.originals.locate("x.png") == original
        assert await kit.kept(original)

    asyncio.run(run())


def test_right_digests_are_accepted() -> None:
    """Both algorithms of RFC 9530 are checked and hold for the right bytes."""

    async def run() -> None:
        data = picture()
        digests = {"sha-256": hashlib.sha256(data).digest(), "sha-512": hashlib.sha512(data).digest()}
        await Kit().originals.put("x.png", pieces(data), digests=digests)

    asyncio.run(run())


def test_reading_stops_at_the_limit() -> None:
    """A body without end is read up to the first piece beyond the limit and no further."""

    async def run() -> None:
        kit = Kit()
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1000
                yield b"\0" * 1000

        with pytest.raises(TooLarge):
            await kit.originals.put("x.png", endless())
        assert read == 101_000

    asyncio.run(run())


def test_a_client_that_leaves_leaves_nothing() -> None:
    """Cancelling an upload in the middle of its body, or of the check, ends it without a trace."""

    async def run() -> None:
        store = CountingStore()
        kit = Kit(store=store)
        stalled = asyncio.Event()

        async def half() -> AsyncIterator[bytes]:
            yield picture()[:50]
            stalled.set()
            await asyncio.Event().wait()

        reading = asyncio.create_task(kit.originals.put("x.png", half()))
        await stalled.wait()
        kit.engine.gate.clear()
        checking = asyncio.create_task(kit.put("y.png", picture()))
        await until(lambda: kit.engine.verifications == 1)
        for task in (reading, checking):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await kit.keys() == []
        assert store.begun == store.ended == 2

    asyncio.run(run())


@pytest.mark.parametrize("key", ["", "a//b", "../x", "a/~/b", "e\u0301.jpg", "a\u202egpj.exe", "admin.key", "x" * 1025])
def test_a_key_that_cannot_be_is_refused_before_the_body(key: str) -> None:
    """The body of an upload under an impossible key is never asked for."""

    async def run() -> None:
        async def untouchable() -> AsyncIterator[bytes]:
            raise AssertionError("the body was read")
            yield b""

        with pytest.raises(InvalidRequest) as caught:
            await Kit().originals.put(key, untouchable())
        assert caught.value.code == "bad_key"

    asyncio.run(run())


def test_colliding_pictures_are_different_originals(corpus: Path) -> None:
    """Pairs with equal MD5 have different versions, and each comes back as it was (threat K3)."""

    async def run() -> None:
        kit = Kit(limits=Limits())
        for names in (("md5-1.jpg", "md5-2.jpg"), ("md5-1fc.jpg", "md5-2fc.jpg"), ("md5-1.gif", "md5-2.gif")):
            bodies = [(corpus / "collisions" / name).read_bytes() for name in names]
            assert len({hashlib.md5(body).digest() for body in bodies}) == 1  # noqa: S324 - the collision itself
            originals = [await kit.put(name, body) for name, body in zip(names, bodies, strict=True)]
            assert originals[0].version != originals[1].version
            assert originals[0].info.etag != originals[1].info.etag
            for original, body in zip(originals, bodies, strict=True):
                opened = await kit.originals.open(original)
                assert os.pread(opened.fileno(), len(body) + 1, 0) == body
                opened.close()

    asyncio.run(run())
