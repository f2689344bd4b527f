"""How long originals are believed: fresh, stale while a look runs, stale while the store is away, and no longer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.originals.library_kit import Clock, Kit, picture, pieces

from imagemill.errors import NotFound, Overloaded
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ALWAYS, Condition
from imagemill.originals.description import DescriptionChanges
from imagemill.originals.entries import Entries
from imagemill.originals.freshness import LONGEST_RETRY, Freshness
from imagemill.originals.library import Originals
from imagemill.originals.settings import OriginalsSettings
from imagemill.originals.values import Original
from imagemill.recipe.model import FocalPoint
from imagemill.variants.memory import MemoryVariants

IF_ERROR = 3600.0
SHARED = Freshness.shared(1.0, IF_ERROR)
KEY = "x.png"


class Weather:
    """Whether a store answers, and how often it was asked."""

    def __init__(self) -> None:
        self.away = False
        self.looks = 0

    def look(self) -> None:
        """Count a look; raise while away."""
        self.looks += 1
        if self.away:
            raise Overloaded("The store is away.")


class WeatherStore(MemoryStore):
    """A store that can be away."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self.weather = weather

    async def stamp(self, key: str) -> str | None:
        """Answer if not away."""
        self.weather.look()
        return await super().stamp(key)

    async def delete(self, key: str, *, condition: Condition = ALWAYS) -> bool:
        """Delete, and be away before that can be said."""
        gone = await super().delete(key, condition=condition)
        if self.weather.away:
            raise Overloaded("The store is away.")
        return gone


@dataclass
class Nodes(Kit):
    """A node among several on one store; `other()` is another one."""

    weather: Weather = field(default_factory=Weather)
    freshness: Freshness | None = SHARED

    def __post_init__(self) -> None:
        self.store = WeatherStore(self.weather)
        super().__post_init__()

    def other(self) -> Originals:
        """Return another node's library."""
        return self.library()


async def settle() -> None:
    """Let a look behind an answer come to its end: memory adapters never really wait."""
    for _ in range(50):
        await asyncio.sleep(0)


def run(scenario: Callable[[Nodes], Awaitable[None]]) -> None:
    """Run `scenario` on a node that is closed at the end."""

    async def whole() -> None:
        kit = Nodes()
        try:
            await scenario(kit)
        finally:
            await kit.originals.close()

    asyncio.run(whole())


@given(st.floats(0, 100), st.floats(0, 1))
def test_times_of_freshness_are_drawn_around_what_is_set(check: float, draw: float) -> None:
    """A good look counts for `check` ± 10 %, and never for longer than the bound."""
    for freshness in (Freshness.shared(check, IF_ERROR), Freshness.alone(check, IF_ERROR)):
        seconds = freshness.fresh_for(draw)
        assert freshness.check * 0.9 - 1e-9 <= seconds <= min(freshness.limit, freshness.check * 1.1 + 1e-9)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_between_failing_looks_grow_to_a_bound(failures: int, draw: float) -> None:
    """Each pause is drawn from the upper half of one that doubles, up to a few seconds."""
    pause = SHARED.pause(failures, draw)
    assert 0.25 <= pause <= LONGEST_RETRY
    assert SHARED.pause(failures + 1, draw) >= pause
    assert SHARED.pause(20, 0.0) == LONGEST_RETRY / 2


def test_what_was_met_together_is_not_due_together() -> None:
    """The times of a thousand originals that were met in one moment spread over a fifth of the time they are fresh."""

    async def scenario() -> None:
        kit = Kit()
        original = await kit.put(KEY, picture())
        clock = Clock()
        entries = Entries(Freshness.shared(10, IF_ERROR), clock=clock, draw=random.Random(1).random)
        due = [entries.remember(original).fresh_until - clock.now for _ in range(1000)]
        assert 9.0 <= min(due) < 9.1
        assert 10.9 < max(due) <= 11.0

    asyncio.run(scenario())


def test_one_look_behind_the_answers_renews_what_has_not_changed() -> None:
    """In its second second an original is answered at once to fifty askers, and one look at the store serves them."""

    async def scenario(kit: Nodes) -> None:
        original = await kit.put(KEY, picture())
        kit.clock.now += 1.5
        kit.weather.looks = 0
        assert all(kit.originals.peek(KEY) is original for _ in range(25))
        assert [await kit.originals.locate(KEY) for _ in range(25)] == [original] * 25
        await settle()
        assert kit.weather.looks == 1
        kit.clock.now += 0.8
        assert kit.originals.peek(KEY) is original
        await settle()
        assert kit.weather.looks == 1, "a look counts from when it began"

    run(scenario)


def test_nothing_is_answered_for_longer_than_two_seconds_without_a_look() -> None:
    """After the bound there is nothing to peek at, and who locates waits for the store; after a long pause as well."""

    async def scenario(kit: Nodes) -> None:
        original = await kit.put(KEY, picture())
        for pause in (2.0, 3600.0):
            kit.clock.now += pause
            assert kit.originals.peek(KEY) is None
            looks = kit.weather.looks
            assert await kit.originals.locate(KEY) is original
            assert kit.weather.looks == looks + 1

    run(scenario)


async def replace_it(other: Originals) -> None:
    """Put another picture."""
    await other.put(KEY, pieces(picture("blue")))


async def delete_it(other: Originals) -> None:
    """Delete it."""
    await other.delete(KEY)


async def move_the_focal_point(other: Originals) -> None:
    """Give it a focal point."""
    await other.describe(KEY, DescriptionChanges(focal=FocalPoint(0.1, 0.2)))


async def say_something(other: Originals) -> None:
    """Tag it, which changes no pixel, as making it private would not."""
    await other.describe(KEY, DescriptionChanges(tags=("new",)))


CHANGES = (replace_it, delete_it, move_the_focal_point, say_something)


async def present(originals: Originals) -> Original | None:
    """Return what a request would find."""
    try:
        return await originals.locate(KEY)
    except NotFound:
        return None


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("wait", [1.5, 2.0])
def test_a_change_by_another_node_is_known_within_two_seconds(
    change: Callable[[Originals], Awaitable[None]], wait: float
) -> None:
    """Whatever another node did: before two seconds are over a look behind the answers finds it, after that one before
    them; caches are told.
    """

    async def scenario(kit: Nodes) -> None:
        old = await kit.put(KEY, picture())
        other = kit.other()
        heard: list[str] = []
        kit.originals.on_change(heard.append)
        await change(other)
        now = await present(other)
        assert now != old
        kit.clock.now += wait
        if wait < 2:
            assert await kit.originals.locate(KEY) is old
            await settle()
        assert await present(kit.originals) == now
        assert kit.originals.peek(KEY) == now
        assert heard == [KEY]
        await other.close()

    run(scenario)


def test_what_two_nodes_say_of_one_original_is_all_kept() -> None:
    """A description builds on the present record, not on what a node remembers of it."""

    async def scenario(kit: Nodes) -> None:
        await kit.put(KEY, picture())
        other = kit.other()
        await other.describe(KEY, DescriptionChanges(alt="from the other"))
        described = await kit.originals.describe(KEY, DescriptionChanges(tags=("from", "this")))
        assert described.description.alt == "from the other"
        assert (await other.describe(KEY, DescriptionChanges(alt=None))).description.tags == ("from", "this")
        await other.close()

    run(scenario)


def test_findings_of_another_node_do_not_make_another_original() -> None:
    """A record that says nothing new of the picture keeps the very object, on which shortcuts depend."""

    async def scenario(kit: Nodes) -> None:
        original = await kit.put(KEY, picture())
        other = kit.other()
        assert await other.preview(await other.locate(KEY)) is not None
        kit.clock.now += 5
        assert await kit.originals.locate(KEY) is original
        await other.close()

    run(scenario)


def test_known_originals_outlive_the_store_for_a_while() -> None:
    """Asked twice a second while the store is away, an original is answered up to the limit, with few looks."""

    async def scenario(kit: Nodes) -> None:
        original = await kit.put(KEY, picture())
        good = kit.clock.now
        kit.weather.away = True
        kit.weather.looks = 0
        kit.clock.now += 1.2
        while kit.clock.now < good + IF_ERROR:
            assert await kit.originals.locate(KEY) is original, kit.clock.now - good
            await settle_once()
            kit.clock.now += 0.5
        assert kit.weather.looks < IF_ERROR / (LONGEST_RETRY / 2) + 20
        kit.clock.now = good + IF_ERROR + 0.1
        assert kit.originals.peek(KEY) is None
        with pytest.raises(Overloaded):
            await kit.originals.locate(KEY)

    run(scenario)


async def settle_once() -> None:
    """Let a look behind an answer fail: it does so in its first steps."""
    for _ in range(12):
        await asyncio.sleep(0)


def test_nobody_waits_while_looks_fail() -> None:
    """After the first failed look every asker is answered from what is known, without one of his own."""

    async def scenario(kit: Nodes) -> None:
        original = await kit.put(KEY, picture())
        kit.weather.away = True
        kit.clock.now += 10
        assert kit.originals.peek(KEY) is None
        assert await kit.originals.locate(KEY) is original
        for _ in range(100):
            assert kit.originals.peek(KEY) is original
            await settle_once()
            kit.clock.now += 0.2

    run(scenario)


def test_a_rarely_asked_original_is_not_answered_from_an_outage_long_past() -> None:
    """The excuse of a failed look lasts seconds: who asks an hour later waits for a look of his own."""

    async def scenario(kit: Nodes) -> None:
        await kit.put(KEY, picture())
        kit.weather.away = True
        kit.clock.now += 5
        await kit.originals.locate(KEY)
        await replace_it(other := kit.other())
        kit.weather.away = False
        kit.clock.now += 2 * LONGEST_RETRY
        assert await present(kit.originals) == await present(other)
        await other.close()

    run(scenario)


def test_after_an_outage_changes_are_known_soon() -> None:
    """With askers all the time, what was replaced during an outage is gone seconds after the store is back."""

    async def scenario(kit: Nodes) -> None:
        await kit.put(KEY, picture())
        kit.weather.away = True
        for _ in range(200):
            kit.clock.now += 0.5
            await kit.originals.locate(KEY)
            await settle_once()
        await replace_it(other := kit.other())
        kit.weather.away = False
        for _ in range(int(2 * LONGEST_RETRY / 0.5)):
            kit.clock.now += 0.5
            await kit.originals.locate(KEY)
            await settle()
        assert await present(kit.originals) == await present(other)
        await other.close()

    run(scenario)


def test_a_deleted_original_stays_deleted_while_the_store_is_away() -> None:
    """What this node deleted is not answered again, whatever fails meanwhile."""

    async def scenario(kit: Nodes) -> None:
        await kit.put(KEY, picture())
        await kit.originals.delete(KEY)
        kit.weather.away = True
        assert kit.originals.peek(KEY) is None
        with pytest.raises(NotFound):  # this store still tells what it has; others would be Overloaded
            await kit.originals.locate(KEY)

    run(scenario)


def test_a_delete_without_an_answer_is_taken_for_one() -> None:
    """The store went away in the middle of a delete: the picture is not answered until a look tells what became of it.

    (In this store it was deleted.)
    """

    async def scenario(kit: Nodes) -> None:
        await kit.put(KEY, picture())
        kit.weather.away = True
        with pytest.raises(Overloaded):
            await kit.originals.delete(KEY)
        assert kit.originals.peek(KEY) is None
        with pytest.raises(Overloaded):
            await kit.originals.locate(KEY)
        kit.weather.away = False
        with pytest.raises(NotFound):
            await kit.originals.locate(KEY)

    run(scenario)


def test_a_delete_whose_variants_cannot_be_removed_counts_all_the_same() -> None:
    """The original is gone; that the place of variants is away does not bring it back."""

    class Stuck(MemoryVariants):
        async def withdraw(self, site: str, key: str) -> None:
            raise Overloaded("The variants are away.")

    async def scenario() -> None:
        kit = Kit(variants=Stuck(max_bytes=10**9, max_per_original=10), freshness=SHARED)
        heard: list[str] = []
        await kit.put(KEY, picture())
        kit.originals.on_change(heard.append)
        with pytest.raises(Overloaded):
            await kit.originals.delete(KEY)
        assert kit.originals.peek(KEY) is None
        assert heard == [KEY]
        await kit.originals.close()

    asyncio.run(scenario())


def test_records_that_are_away_keep_originals_up_as_the_store_does() -> None:
    """The place of records is away: its looks fail, and known originals are answered up to the same limit."""

    class Away(MemoryVariants):
        away = False

        async def record_stamp(self, site: str, key: str) -> str | None:
            if self.away:
                raise Overloaded("The records are away.")
            return await super().record_stamp(site, key)

    async def scenario() -> None:
        variants = Away(max_bytes=10**9, max_per_original=10)
        kit = Kit(variants=variants, freshness=SHARED)
        original = await kit.put(KEY, picture())
        variants.away = True
        kit.clock.now += 10
        assert await kit.originals.locate(KEY) is original
        kit.clock.now += IF_ERROR
        with pytest.raises(Overloaded):
            await kit.originals.locate(KEY)
        await kit.originals.close()

    asyncio.run(scenario())


def test_while_changes_are_told_an_original_is_believed_for_longer() -> None:
    """What is looked at from then on; when nobody tells any more, what was believed for longer is looked at at once."""

    async def run() -> None:
        kit = Kit()
        clock = kit.clock
        originals = Originals(
            kit.store,
            kit.variants,
            kit.engine,
            OriginalsSettings(),
            kit.limits,
            clock=clock,
            freshness=Freshness.shared(1.0, 100.0),
        )
        await originals.put("a.png", pieces(picture()))
        originals.follow(Freshness.told(10.0, 100.0))
        clock.now += 3  # it was looked at before, so it is believed as without
        assert originals.peek("a.png") is None
        await originals.locate("a.png")
        clock.now += 7
        assert originals.peek("a.png") is not None
        originals.follow(None)
        assert originals.peek("a.png") is None
        await originals.close()

    asyncio.run(run())


def test_what_is_believed_for_no_time_is_confirmed_by_its_look_all_the_same() -> None:
    """With a check of 0 nothing may be answered without a look; that a look found the same is still worth a word."""

    async def run() -> None:
        kit = Kit(freshness=Freshness.shared(0.0, IF_ERROR))
        original = await kit.put(KEY, picture())
        assert kit.originals.peek(KEY) is None
        assert kit.originals.last_seen(KEY) == original
        assert await kit.originals.confirm(original)
        await kit.lay(KEY, picture("blue"))
        assert not await kit.originals.confirm(original)
        assert kit.originals.last_seen(KEY) == await kit.originals.locate(KEY)
        await kit.originals.delete(KEY)
        assert kit.originals.last_seen(KEY) is None
        assert not await kit.originals.confirm(original)
        await kit.originals.close()

    asyncio.run(run())
