from __future__ import annotations

import asyncio

import pytest
from tests.originals.library_kit import Kit, picture, pieces

from imagemill.errors import (
    Conflict,
    InvalidRequest,
    NotAnImage,
    NotFound,
    Overloaded,
    PreconditionFailed,
    Refused,
)
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import Condition
from imagemill.originals.description import DescriptionChanges, entity_tag
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.model import FocalPoint
from imagemill.variants.memory import MemoryVariants


def tag(original: Original) -> str:
    """Return the entity tag of an original."""
    return entity_tag(original.info.etag, original.description)


def test_replacing_is_a_new_version_and_forgets_what_was_said() -> None:
    """Other bytes get another version, the old variants go, and the description starts anew."""

    async def run() -> None:
        kit = Kit()
        old = await kit.put("x.png", picture("red"))
        await kit.originals.describe("x.png", DescriptionChanges(alt="a red thing"))
        await kit.keep(old)
        new, created = await kit.originals.put("x.png", pieces(picture("blue")))
        assert not created
        assert new.version != old.version
        assert new.description.alt is None
        assert not await kit.kept(old)
        assert not await kit.keep(old)
        assert await kit.keep(new)

    asyncio.run(run())


def test_the_same_bytes_again_change_nothing() -> None:
    """Putting equal bytes keeps version, description and variants, and is no creation."""

    async def run() -> None:
        kit = Kit()
        await kit.put("x.png", picture())
        old = await kit.originals.describe("x.png", DescriptionChanges(alt="red", focal=FocalPoint(0.2, 0.8)))
        await kit.keep(old)
        new, created = await kit.originals.put("x.png", pieces(picture()))
        assert not created
        assert (new.version, new.description) == (old.version, old.description)
        assert await kit.kept(old)

    asyncio.run(run())


def test_deleting_removes_original_variants_and_record() -> None:
    """After a delete there is nothing of the key anywhere; a second delete says that there was none."""

    async def run() -> None:
        kit = Kit()
        original = await kit.put("x.png", picture())
        await kit.keep(original)
        assert await kit.originals.delete("x.png")
        assert kit.originals.peek("x.png") is None
        assert not await kit.kept(original)
        assert not await kit.keep(original)
        assert await kit.variants.read_record("default", "x.png") is None
        assert not await kit.originals.delete("x.png")
        with pytest.raises(NotFound) as caught:
            await kit.originals.locate("x.png")
        assert caught.value.code == "no_such_original"

    asyncio.run(run())


def test_conditions_speak_of_bytes_and_description() -> None:
    """If-Match holds for the present entity tag only, which a description changes too; `*` means any."""

    async def run() -> None:
        kit = Kit()
        some = Condition(if_match=("*",))
        with pytest.raises(PreconditionFailed):
            await kit.originals.put("x.png", pieces(picture()), condition=some)
        original = await kit.put("x.png", picture())
        with pytest.raises(PreconditionFailed):
            await kit.originals.put("x.png", pieces(picture()), condition=Condition(if_none_match=True))
        described = await kit.originals.describe(
            "x.png", DescriptionChanges(alt="a"), Condition(if_match=("other", tag(original)))
        )
        assert described.version == original.version
        assert tag(described) != tag(original)
        stale = Condition(if_match=(tag(original),))
        for change in (
            kit.originals.put("x.png", pieces(picture("blue")), condition=stale),
            kit.originals.describe("x.png", DescriptionChanges(alt="b"), stale),
            kit.originals.delete("x.png", stale),
        ):
            with pytest.raises(PreconditionFailed):
                await change
        assert await kit.originals.locate("x.png") == described
        assert await kit.originals.delete("x.png", Condition(if_match=(tag(described),)))

    asyncio.run(run())


def test_a_failed_condition_is_said_before_the_body_is_read() -> None:
    """Nobody uploads 64 MiB to be told 412."""

    async def run() -> None:
        kit = Kit()
        await kit.put("x.png", picture())
        with pytest.raises(PreconditionFailed):
            await kit.originals.put("x.png", pieces(b"never read"), condition=Condition(if_none_match=True))
        assert kit.engine.verifications == 1

    asyncio.run(run())


def test_describing_merges_and_a_focal_point_is_a_new_version() -> None:
    """What is not mentioned stays, None removes, and only the focal point changes the version."""

    async def run() -> None:
        kit = Kit()
        bare = await kit.put("x.png", picture())
        one = await kit.originals.describe(
            "x.png", DescriptionChanges(tags=("a", "b", "a"), alt="text", custom={"c": "1", "d": "2"})
        )
        assert one.version == bare.version
        two = await kit.originals.describe(
            "x.png", DescriptionChanges(focal=FocalPoint(0.12345, 1), custom={"c": None, "e": "3"})
        )
        assert two.version != bare.version
        assert two.description.tags == ("a", "b")
        assert two.description.alt == "text"
        assert dict(two.description.custom) == {"d": "2", "e": "3"}
        assert two.description.focal == FocalPoint(0.123, 1)
        three = await kit.originals.describe("x.png", DescriptionChanges(focal=None, tags=None, alt=None, custom=None))
        assert three == bare
        assert await kit.library().locate("x.png") == bare

    asyncio.run(run())


def test_every_wrong_part_of_a_description_is_named() -> None:
    """A description with several faults lists them all and changes nothing."""

    async def run() -> None:
        kit = Kit()
        bare = await kit.put("x.png", picture())
        changes = DescriptionChanges(
            focal=FocalPoint(float("nan"), 0),
            tags=("", "x" * 129, "\0"),
            alt="x" * 2001,
            custom={"": "v", "n": "\ud800"},
        )
        with pytest.raises(InvalidRequest) as caught:
            await kit.originals.describe("x.png", changes)
        assert [fault.option for fault in caught.value.faults] == [
            "focal",
            "tags",
            "tags",
            "tags",
            "alt",
            "custom (a name)",
            "custom.n",
        ]
        assert await kit.originals.locate("x.png") == bare

    asyncio.run(run())


def test_a_folder_of_ones_own_pictures_is_met_once() -> None:
    """What lies in the store is served: one look at its header for any number of askers, none after a restart."""

    async def run() -> None:
        kit = Kit()
        await kit.lay("mine.png", picture())
        found = await asyncio.gather(*(kit.originals.locate("mine.png") for _ in range(50)))
        assert kit.engine.probes == 1
        assert len(set(map(id, found))) == 1
        assert await kit.keep(found[0])
        assert await kit.library().locate("mine.png") == found[0]
        assert kit.engine.probes == 1
        assert await kit.kept(found[0])

    asyncio.run(run())


def test_a_change_behind_our_back_is_noticed() -> None:
    """Within `recheck` seconds an original is believed; then a changed one is another version."""

    async def run() -> None:
        kit = Kit()
        heard: list[str] = []
        old = await kit.put("x.png", picture("red"))
        await kit.keep(old)
        kit.originals.on_change(heard.append)
        await kit.lay("x.png", picture("blue"))
        assert await kit.originals.locate("x.png") == old
        with pytest.raises(Conflict) as caught:
            await kit.originals.open(old)
        assert caught.value.code == "original_changed"
        new = await kit.originals.locate("x.png")  # what was read gave it away
        assert new.version != old.version
        assert not await kit.kept(old)
        assert heard == ["x.png"]
        await kit.lay("x.png", picture("green"))
        kit.clock.now += 61
        assert kit.originals.peek("x.png") is None
        assert (await kit.originals.locate("x.png")).version not in (old.version, new.version)

    asyncio.run(run())


def test_an_unchanged_original_is_not_read_again() -> None:
    """After `recheck` seconds only the stamp is compared."""

    async def run() -> None:
        kit = Kit()
        await kit.lay("x.png", picture())
        original = await kit.originals.locate("x.png")
        kit.clock.now += 61
        assert await kit.originals.locate("x.png") is original
        assert kit.originals.peek("x.png") is original
        assert kit.engine.probes == 1

    asyncio.run(run())


def test_what_vanished_behind_our_back_is_hidden_but_not_forgotten() -> None:
    """A removed file is 404 and its variants go; when the file comes back (a volume mounted again), so do its tags."""

    async def run() -> None:
        kit = Kit()
        await kit.put("x.png", picture())
        described = await kit.originals.describe("x.png", DescriptionChanges(tags=("t",)))
        await kit.keep(described)
        await kit.store.delete("x.png")
        kit.clock.now += 61
        with pytest.raises(NotFound):
            await kit.originals.locate("x.png")
        assert not await kit.kept(described)
        assert not await kit.keep(described)
        await kit.lay("x.png", picture())
        back = await kit.originals.locate("x.png")
        assert back.description.tags == ("t",)
        assert await kit.keep(back)

    asyncio.run(run())


def test_what_is_no_picture_is_looked_at_once_in_a_while() -> None:
    """The same refusal comes again without a worker, until some seconds have passed or the bytes are others."""

    async def run() -> None:
        kit = Kit()
        await kit.lay("notes.txt", b"hello")
        for _ in range(5):
            with pytest.raises(NotAnImage):
                await kit.originals.locate("notes.txt")
        assert kit.engine.probes == 1
        kit.clock.now += 11
        with pytest.raises(NotAnImage):
            await kit.originals.locate("notes.txt")
        assert kit.engine.probes == 2
        await kit.lay("notes.txt", picture())
        assert (await kit.originals.locate("notes.txt")).facts.width == 40

    asyncio.run(run())


class ReadOnlyVariants(MemoryVariants):
    """A place for variants that can only be read."""

    async def publish(self, site: str, key: str, version: str, *, followed: bool = True) -> None:
        """Refuse."""
        raise Refused("read-only", code="read_only")

    async def write_record(self, site: str, key: str, record: bytes) -> str:
        """Refuse, as a careless adapter would."""
        raise OSError(30, "Read-only file system")


def test_serving_needs_no_place_to_write() -> None:
    """Originals are found even where neither records nor versions can be written."""

    async def run() -> None:
        kit = Kit(variants=ReadOnlyVariants(max_bytes=10**9, max_per_original=1000))
        await kit.lay("x.png", picture())
        original = await kit.originals.locate("x.png")
        assert kit.originals.peek("x.png") == original

    asyncio.run(run())


class AwayStore(MemoryStore):
    """A store that can be away."""

    away = False

    async def stamp(self, key: str) -> str | None:
        """Answer if not away."""
        if self.away:
            raise Overloaded("The store is away.")
        return await super().stamp(key)


def test_known_originals_are_served_while_the_store_is_away() -> None:
    """A store that does not answer does not take hits down: what was seen is believed for a little longer."""

    async def run() -> None:
        store = AwayStore()
        kit = Kit(store=store)
        original = await kit.put("x.png", picture())
        store.away = True
        kit.clock.now += 61
        assert await kit.originals.locate("x.png") == original

    asyncio.run(run())


def test_memory_of_originals_is_bounded() -> None:
    """The least recently used originals are forgotten first, and found again when asked for."""

    async def run() -> None:
        kit = Kit(most_entries=2)
        for key in ("a", "b", "c"):
            await kit.put(key, picture())
        assert kit.originals.peek("a") is None
        assert kit.originals.peek("b") is not None
        await kit.put("d", picture())
        assert kit.originals.peek("c") is None
        assert (await kit.originals.locate("a")).key == "a"

    asyncio.run(run())


def test_a_listing_tells_what_is_known() -> None:
    """Uploaded originals are listed with their facts, foreign ones with what the store says; nothing is opened."""

    async def run() -> None:
        kit = Kit()
        await kit.put("a/one.png", picture())
        await kit.lay("a/two.png", picture("blue"))
        await kit.put("b.png", picture())
        page = await kit.library().list("a/")
        assert [(listed.info.key, listed.original is not None) for listed in page.originals] == [
            ("a/one.png", True),
            ("a/two.png", False),
        ]
        folders = await kit.originals.list(delimiter="/", limit=1)
        assert folders.prefixes == ("a/",)
        assert folders.next_after is not None
        rest = await kit.originals.list(delimiter="/", after=folders.next_after)
        assert [listed.info.key for listed in rest.originals] == ["b.png"]
        assert kit.engine.probes == 0

    asyncio.run(run())


def test_a_preview_is_made_once_and_kept() -> None:
    """The tiny preview is a data URI, made at the first wish and recorded with the original."""

    async def run() -> None:
        kit = Kit()
        original = await kit.put("x.png", picture())
        preview = await kit.originals.preview(original)
        assert preview is not None
        assert preview.startswith("data:image/webp;base64,")
        assert len(preview) < 1000
        again: Originals = kit.library()
        assert await again.preview(await again.locate("x.png")) == preview
        assert kit.engine.renders == 1

    asyncio.run(run())


def test_leftovers_are_swept_at_start_and_on_a_timer() -> None:
    """`run` sweeps at once, and goes on until cancelled."""

    async def run() -> None:
        swept = asyncio.Event()

        class Sweeping(MemoryStore):
            async def sweep(self, older_than: float) -> int:
                assert older_than == 3600
                swept.set()
                return 1

        kit = Kit(store=Sweeping())
        task = asyncio.create_task(kit.originals.run())
        await asyncio.wait_for(swept.wait(), 60)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
