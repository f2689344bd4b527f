"""What an inspection told is kept beside the original, for its very bytes."""

from __future__ import annotations

import asyncio

from tests.originals.library_kit import Kit, picture

from imagemill.engine.findings import Findings
from imagemill.engine.port import Source
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.model import FocalPoint


async def looked_at(kit: Kit, original: Original) -> Findings:
    """Inspect and keep, as delivery does."""
    opened = await kit.originals.open(original)
    try:
        source = Source(descriptor=opened.fileno(), size=opened.info.size, digest=opened.info.etag)
        findings = await kit.engine.inspect(source, original.facts)
    finally:
        opened.close()
    await kit.originals.findings.keep(original, findings)
    return findings


async def read(library: Originals, key: str) -> Findings | None:
    """What the library knows without looking."""
    return await library.findings.read(await library.locate(key))


def test_findings_outlive_the_server() -> None:
    """A library that starts anew over the same stores knows them, with nothing decoded."""

    async def run() -> None:
        kit = Kit()
        findings = await looked_at(kit, await kit.put("a.png", picture()))
        assert await read(kit.originals, "a.png") == findings
        assert await read(kit.library(), "a.png") == findings
        assert kit.engine.inspections == 1

    asyncio.run(run())


def test_a_new_description_leaves_them() -> None:
    """A focal point is another version of the same bytes: what was found out of these stays, in the record too."""

    async def run() -> None:
        kit = Kit()
        findings = await looked_at(kit, await kit.put("a.png", picture()))
        await kit.originals.describe("a.png", DescriptionChanges(focal=FocalPoint(0.1, 0.2), alt="A cat"))
        assert await read(kit.library(), "a.png") == findings
        assert (await kit.library().locate("a.png")).description.alt == "A cat"

    asyncio.run(run())


def test_other_bytes_have_none() -> None:
    """Replaced by us or behind our back: nothing is known of the new picture."""

    async def run() -> None:
        kit = Kit()
        await looked_at(kit, await kit.put("a.png", picture("red")))
        await looked_at(kit, await kit.put("b.png", picture("red")))
        await kit.put("a.png", picture("blue"))
        await kit.lay("b.png", picture("green"))
        kit.clock.now += 3600
        assert await read(kit.originals, "a.png") is None
        assert await read(kit.originals, "b.png") is None
        assert await read(kit.library(), "b.png") is None

    asyncio.run(run())


def test_a_late_inspection_of_the_old_bytes_is_not_kept_for_the_new() -> None:
    """An original replaced while it was being looked at: its findings are nobody's."""

    async def run() -> None:
        kit = Kit()
        old = await kit.put("a.png", picture("red"))
        opened = await kit.originals.open(old)
        source = Source(descriptor=opened.fileno(), size=opened.info.size, digest=opened.info.etag)
        findings = await kit.engine.inspect(source, old.facts)
        opened.close()
        await kit.put("a.png", picture("blue"))
        await kit.originals.findings.keep(old, findings)
        assert await read(kit.library(), "a.png") is None

    asyncio.run(run())


def test_the_preview_comes_with_them() -> None:
    """An original that was inspected has its placeholder without another make."""

    async def run() -> None:
        kit = Kit()
        original = await kit.put("a.png", picture())
        findings = await looked_at(kit, original)
        assert await kit.originals.preview(original) == findings.preview
        assert kit.engine.renders == 0

    asyncio.run(run())
