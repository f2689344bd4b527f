"""Fills race with purges, in one process and between two: whatever the order of steps, a purge stays a purge (C8).

The model is one sentence: what was made before a purge began is nowhere once everything has come to rest, and, where
one process is alone, is no answer to who asked after the purge was done. Every verb of the variant store and every
render waits for its turn, once before it acts and once after, and hypothesis chooses whose turn it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.originals.library_kit import Kit, picture, pieces

from imagemill.cache.memory import MemoryCache
from imagemill.delivery.access import Access
from imagemill.delivery.fills import Fills
from imagemill.delivery.make import Maker
from imagemill.delivery.plan import plan as plan_for
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Purging
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending
from imagemill.delivery.values import Plan, Variant, VerifiedRequest
from imagemill.dialects.native.parse import parse_url
from imagemill.engine.limits import Limits
from imagemill.engine.port import Job, Rendered, Source
from imagemill.engine.settings import EngineSettings
from imagemill.object_store.memory import MemoryStore
from imagemill.observability.metrics import Metrics
from imagemill.recipe.negotiation import Hints
from imagemill.testing.engine import PillowEngine
from imagemill.throttling.memory import MemoryLimiter
from imagemill.variants.memory import MemoryVariants
from imagemill.variants.port import NO_HEADERS, FileHeaders, Kept, VariantName

TARGETS: tuple[dict[str, str], ...] = ({"key": "a/x.png"}, {"prefix": "a/"})


class Turns:
    """Whoever waits for a turn, in order of arrival."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.free = False

    async def wait(self) -> None:
        """Wait until chosen; at the end nobody waits any more."""
        if not self.free:
            turn = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            await turn

    def give(self, number: int) -> None:
        """Choose one of those who wait."""
        self.waiting.pop(number % len(self.waiting)).set_result(None)

    def end(self) -> None:
        """Let everyone go on, now and from now on."""
        self.free = True
        while self.waiting:
            self.give(0)


class SteppedVariants(MemoryVariants):
    """A variant store in memory of which every verb of a fill or purge takes its time before and after it acts."""

    turns: Turns

    async def fetch(self, name: VariantName) -> Kept | None:
        """Fetch in two steps."""
        await self.turns.wait()
        kept = await super().fetch(name)
        await self.turns.wait()
        return kept

    async def keep(
        self, name: VariantName, data: bytes, *, modified: float | None = None, headers: FileHeaders = NO_HEADERS
    ) -> bool:
        """Keep in two steps."""
        await self.turns.wait()
        stored = await super().keep(name, data, modified=modified, headers=headers)
        await self.turns.wait()
        return stored

    async def purge(
        self, site: str, *, key: str | None = None, prefix: str | None = None, leaf: str | None = None
    ) -> int:
        """Purge in two steps."""
        await self.turns.wait()
        removed = await super().purge(site, key=key, prefix=prefix, leaf=leaf)
        await self.turns.wait()
        return removed


class NumberedEngine(PillowEngine):
    """Makes pictures whose bytes are a number: how many renders began before, anywhere."""

    turns: Turns

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Render in two steps."""
        self.renders += 1
        data = b"%d" % self.renders
        await self.turns.wait()
        return Rendered(data=data, width=1, height=1, pages=1, cpu_seconds=0.0, peak_bytes=0)


@dataclass
class Asked:
    """A request under way: what may not be its answer any more when it began."""

    oldest: int
    task: asyncio.Task[Variant]


@dataclass
class Process:
    """What one process has of its own."""

    maker: Maker
    cache: MemoryCache
    purging: Purging
    asked: list[Asked] = field(default_factory=list)
    done: int = 0
    """How many renders had begun when the newest purge of the variant that is done here began."""


@dataclass(frozen=True)
class Ground:
    """What is the same in every race: the originals as two processes know them, and the plan of one variant."""

    loop: asyncio.AbstractEventLoop
    kits: tuple[Kit, Kit]
    plan: Plan


@cache
def ground() -> Ground:
    """Return it, made once: an upload costs more than a race."""
    loop = asyncio.new_event_loop()
    first = Kit()
    second = Kit(store=first.store)

    async def begin() -> Plan:
        await first.originals.put("a/x.png", pieces(picture()))
        image = parse_url(b"/img/w=10,fm=png/a/x.png", b"")
        await second.originals.locate(image.key)
        original = await first.originals.locate(image.key)
        access = Access.of(DeliverySettings(), SizesSettings())
        arguments = (Hints(), DeliverySettings(), access, EngineSettings(), Limits())
        return plan_for(VerifiedRequest(image), original, *arguments)

    return Ground(loop, (first, second), loop.run_until_complete(begin()))


class PurgeRaces(RuleBasedStateMachine):
    """Some processes on one variant store."""

    together = 2

    def __init__(self) -> None:
        super().__init__()
        self.loop, self.plan = ground().loop, ground().plan
        self.turns = Turns()
        self.engine = NumberedEngine()
        self.engine.turns = self.turns
        self.variants = SteppedVariants(max_bytes=10**6, max_per_original=1000)
        self.variants.turns = self.turns
        self.documents = MemoryStore()
        self.all_have_heard = asyncio.Event()
        self.purges: list[tuple[int, PurgeTarget, asyncio.Task[object], int]] = []
        self.processes: list[Process] = []
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        name = self.plan.name
        await self.variants.publish(name.site, name.key, name.version)
        for kit in ground().kits[: self.together]:
            fills, memory = Fills(), MemoryCache(10**6)

            async def forget(target: PurgeTarget, memory: MemoryCache = memory) -> None:
                if target.key is not None:
                    memory.forget(target.site, target.key, target.leaf)
                else:
                    memory.forget_prefix(target.site, target.prefix or "")

            maker = Maker(
                originals=kit.originals,
                variants=self.variants,
                engine=self.engine,
                cache=memory,
                slots=Slots(workers=4, queue=100, queue_seconds=1e9),
                spending=Spending(MemoryLimiter(), burst=1e9, rate=1e9),
                metrics=Metrics(),
                fills=fills,
            )
            purging = Purging(
                site=name.site,
                variants=self.variants,
                fills=fills,
                caches={"memory": forget},
                shared=self.documents if self.together > 1 else None,
                pause=self._until_all_have_heard,
            )
            await purging.load()
            self.processes.append(Process(maker, memory, purging))

    def mill(self, process: int) -> Process:
        """Return a process by its number, which may be too high where there are fewer."""
        return self.processes[process % self.together]

    async def _until_all_have_heard(self, _: float) -> None:
        await self.all_have_heard.wait()

    def _spin(self) -> None:
        """Let everyone run who needs no turn."""

        async def some() -> None:
            for _ in range(25):
                await asyncio.sleep(0)

        self.loop.run_until_complete(some())

    @rule(process=st.integers(0, 1))
    def ask(self, process: int) -> None:
        """Somebody asks for the variant where memory does not have it."""
        mill = self.mill(process)
        if mill.cache.get(self.plan.name) is None:
            task = self.loop.create_task(mill.maker.make(self.plan, "client"))
            mill.asked.append(Asked(mill.done, task))
            self._spin()

    @rule(process=st.integers(0, 1), what=st.sampled_from(TARGETS))
    def purge(self, process: int, what: dict[str, str]) -> None:
        """Somebody purges."""
        asked = PurgeTarget(site="default", **what)
        task: asyncio.Task[object] = self.loop.create_task(self.mill(process).purging.purge(asked))
        self.purges.append((process, asked, task, self.engine.renders))
        self._spin()

    @precondition(lambda self: self.turns.waiting)
    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=6))
    def steps(self, numbers: list[int]) -> None:
        """Some of those who wait go on, one by one."""
        for number in numbers:
            if self.turns.waiting:
                self.turns.give(number)
                self._spin()

    @rule()
    def seconds_pass(self) -> None:
        """Every process hears of the purges so far, and those are carried out once more."""
        self._hear()
        self._spin()

    def _hear(self) -> None:
        for mill in self.processes:
            self.loop.run_until_complete(mill.purging.refresh())
        self._spin()
        heard, self.all_have_heard = self.all_have_heard, asyncio.Event()
        heard.set()

    @invariant()
    def answers_are_younger_than_purges_done_before_they_were_asked(self) -> None:
        """Who asks where a purge was carried out gets nothing from before it."""
        if self.together > 1:
            return  # the promise is two seconds then, and time stands still here
        for process, target, task, renders in self.purges:
            if task.done() and target.covers(self.plan.name):
                self.mill(process).done = max(self.mill(process).done, renders)
        for mill in self.processes:
            for asked in mill.asked:
                if asked.task.done():
                    assert int(asked.task.result().kept.data) > asked.oldest

    def teardown(self) -> None:
        """Everything comes to rest; then nothing from before a purge is anywhere."""
        self.turns.end()
        self._spin()
        self._hear()
        self.loop.run_until_complete(self._rest())

    async def _rest(self) -> None:
        for _, _, task, _ in self.purges:
            await task
        for mill in self.processes:
            await asyncio.gather(*(asked.task for asked in mill.asked))
            await mill.maker.drain()
        for mill in self.processes:
            await mill.purging.settled()
        for mill in self.processes:
            await mill.purging.refresh()
            await mill.purging.settled()
        name = self.plan.name
        held = [await self.variants.fetch(name), *(mill.cache.get(name) for mill in self.processes)]
        for _, target, _, renders in self.purges:
            if target.covers(name):
                assert all(int(kept.data) > renders for kept in held if kept is not None)


class PurgeRacesOfOne(PurgeRaces):
    """One process by itself."""

    together = 1


TestPurgeRaces = PurgeRaces.TestCase
TestPurgeRaces.settings = settings(max_examples=300, stateful_step_count=14, deadline=None)
TestPurgeRacesOfOne = PurgeRacesOfOne.TestCase
TestPurgeRacesOfOne.settings = settings(max_examples=300, stateful_step_count=14, deadline=None)


def test_what_another_process_kept_before_it_heard_of_the_purge_goes_too() -> None:
    """One keeps what it made before the purge, the purger reads that: both copies go when all have heard."""
    race = PurgeRaces()
    race.ask(0)
    race.steps([0, 0])
    race.purge(1, {"key": "a/x.png"})
    race.steps([0, 0, 0, 0, 0])
    race.ask(1)
    race.steps([0, 0])
    assert race.mill(1).cache.get(race.plan.name) is not None
    race.teardown()


def test_a_purge_waits_for_what_is_just_being_kept() -> None:
    """A late file may lie in the store for a moment, but not when the purge is answered."""
    race = PurgeRacesOfOne()
    race.ask(0)
    race.steps([0, 0, 0])
    race.purge(0, {"key": "a/x.png"})
    race.steps([1, 0, 0])
    assert not race.purges[0][2].done()
    race.ask(0)
    race.steps([0])
    race.teardown()
