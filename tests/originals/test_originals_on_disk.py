"""The same library over the local adapters, with a reader that follows `~/current` as a web server does."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from tests.originals.library_kit import Kit, picture

from imagemill.errors import NotFound
from imagemill.object_store.local import LocalStore
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.values import Original
from imagemill.recipe.model import FocalPoint
from imagemill.variants.local import LocalVariants

LEAF = "w=10.webp"


def on_disk(folder: Path) -> Kit:
    """Return a library over a folder."""
    apart = folder / ".imagemill"
    store = LocalStore(folder, apart)
    return Kit(store=store, variants=LocalVariants(apart / "variants", max_bytes=10**9, max_per_original=1000))


async def close(kit: Kit) -> None:
    """Let go of the folder."""
    await kit.originals.close()
    await kit.variants.close()
    await kit.store.close()


def followed(folder: Path, key: str) -> bytes | None:
    """Return what a web server finds that follows the link to the current version; None for a miss."""
    try:
        return (folder / ".imagemill" / "variants" / "default" / key / "~" / "current" / LEAF).read_bytes()
    except OSError:
        return None


def test_a_web_server_never_sees_what_was_replaced(tmp_path: Path) -> None:
    """Against makers that finish late, the link leads to the present version or nowhere after each of 200 changes."""

    async def run() -> None:
        kit = on_disk(tmp_path)
        dice = random.Random(7)
        late: list[asyncio.Task[bool]] = []
        hits = 0

        async def make(original: Original) -> bool:
            await asyncio.sleep(dice.random() * 0.01)
            return await kit.keep(original, LEAF)

        for number in range(200):
            if number % 3 == 2:
                focal = FocalPoint(dice.random(), dice.random())
                original = await kit.originals.describe("a/x.png", DescriptionChanges(focal=focal))
            else:
                original = await kit.put("a/x.png", picture(dice.choice(["red", "blue", "green"])))
            seen = followed(tmp_path, "a/x.png")
            assert seen in (None, original.version.encode())
            late.append(asyncio.create_task(make(original)))
            if number % 5 == 0:
                await late[-1]
                seen = followed(tmp_path, "a/x.png")
                assert seen == original.version.encode()
                hits += 1
        await asyncio.gather(*late)
        assert followed(tmp_path, "a/x.png") in (None, original.version.encode())
        assert hits == 40
        assert await kit.originals.delete("a/x.png")
        assert followed(tmp_path, "a/x.png") is None
        assert not (tmp_path / "a" / "x.png").exists()
        await close(kit)

    asyncio.run(run())


def test_a_folder_of_ones_own_is_served_and_watched(tmp_path: Path) -> None:
    """A file that people put, change and remove themselves is found, found anew, and gone, each after `recheck`."""

    async def run() -> None:
        mine = tmp_path / "holiday" / "me.png"
        mine.parent.mkdir()
        mine.write_bytes(picture("red"))
        kit = on_disk(tmp_path)
        first = await kit.originals.locate("holiday/me.png")
        await kit.keep(first, LEAF)
        mine.write_bytes(picture("blue", (50, 50)))
        kit.clock.now += 61
        second = await kit.originals.locate("holiday/me.png")
        assert second.version != first.version
        assert second.facts.width == 50
        assert followed(tmp_path, "holiday/me.png") is None
        await kit.keep(second, LEAF)
        mine.unlink()
        kit.clock.now += 61
        with pytest.raises(NotFound):
            await kit.originals.locate("holiday/me.png")
        assert followed(tmp_path, "holiday/me.png") is None
        await close(kit)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(5))
def test_any_mixture_of_changes_ends_in_one_truth_on_disk(tmp_path: Path, seed: int) -> None:
    """Many changes of one key at once leave file, record, link and memory agreeing, also for the next process."""

    async def run() -> None:
        dice = random.Random(seed)
        kit = on_disk(tmp_path)

        async def one() -> None:
            kind = dice.choice(["put", "put", "delete", "locate", "describe"])
            await asyncio.sleep(dice.random() * 0.02)
            try:
                if kind == "put":
                    await kit.put("x.png", picture(dice.choice(["red", "blue"])))
                elif kind == "delete":
                    await kit.originals.delete("x.png")
                elif kind == "describe":
                    await kit.originals.describe("x.png", DescriptionChanges(focal=FocalPoint(dice.random(), 0)))
                else:
                    await kit.keep(await kit.originals.locate("x.png"), LEAF)
            except NotFound:
                pass

        await asyncio.gather(*(one() for _ in range(40)))
        last = await kit.put("x.png", picture("green"))
        assert await kit.originals.locate("x.png") == last
        assert (tmp_path / "x.png").read_bytes() == picture("green")
        assert followed(tmp_path, "x.png") is None
        assert await kit.keep(last, LEAF)
        assert followed(tmp_path, "x.png") == last.version.encode()
        await close(kit)
        again = on_disk(tmp_path)
        assert await again.originals.locate("x.png") == last
        assert followed(tmp_path, "x.png") == last.version.encode()
        await close(again)

    asyncio.run(run())
