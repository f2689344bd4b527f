"""Jobs are divided by format over two classes of workers, the second started when it is needed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest
from tests.engine.engine_pictures import encoded, quarters
from tests.engine.worker_pools import FACTS, HOSTILE, job, order, running_both

from imagemill.engine.divided import DividedEngine
from imagemill.engine.limits import Limits
from imagemill.engine.pool import WorkerPool
from imagemill.engine.port import Facts, Job
from imagemill.engine.settings import EngineSettings
from imagemill.engine.strikes import Strikes
from imagemill.errors import ImagemillError, NotAnImage, Unprocessable
from imagemill.recipe.model import Pixels, Recipe, Resize
from imagemill.recipe.vocabulary import Format

SVG_FACTS = Facts(format="svg", width=10, height=10, alpha=True, whole_frame=True)
BOMB = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="2000">'
    '<filter id="f" x="0" y="0" width="1" height="1">'
    + "".join('<feTurbulence baseFrequency="0.03" numOctaves="9"/>' for _ in range(200))
    + '</filter><rect width="2000" height="2000" filter="url(#f)"/></svg>'
)


class Both:
    """An engine of obedient workers, and the pools it is made of."""

    def __init__(self, rare_command: tuple[str, ...] = HOSTILE) -> None:
        strikes = Strikes()
        settings = EngineSettings(workers=1)
        self.started = 0
        self.usual = WorkerPool(settings, Limits(), command=HOSTILE, strikes=strikes)
        self.rare = WorkerPool(settings, Limits(), command=rare_command, strikes=strikes, rare=True)
        self.engine = DividedEngine(self.usual, self._make)

    def _make(self) -> WorkerPool:
        self.started += 1
        return self.rare


def with_both(work: Callable[[Both], Awaitable[None]], **options: tuple[str, ...]) -> None:
    """Run `work` with started pools, which are closed at the end."""

    async def run() -> None:
        both = Both(**options)
        await both.engine.start()
        try:
            await work(both)
        finally:
            await both.engine.close()

    asyncio.run(run())


def test_everyday_jobs_leave_the_second_pool_asleep() -> None:
    """A site without rare originals pays nothing for them."""

    async def work(both: Both) -> None:
        with order("hello") as source:
            await both.engine.probe(source)
            await both.engine.render(source, job())
            await both.engine.render_set(source, [job(), job(100)])
        assert both.started == 0
        assert both.engine.pids() == both.usual.pids()
        assert both.rare.pids() == []

    with_both(work)


@pytest.mark.parametrize(
    "rare",
    [
        Job(recipe=Recipe(), format=Format.PNG, facts=SVG_FACTS),
        Job(recipe=Recipe(), format=Format.JXL, facts=FACTS),
        Job(recipe=Recipe(), format=Format.PNG, facts=FACTS, layers=(SVG_FACTS,)),
    ],
    ids=["original", "written", "layer"],
)
def test_a_rare_job_goes_to_the_second_pool(rare: Job) -> None:
    """Whether the original is rare, one of its layers, or what is written."""

    async def work(both: Both) -> None:
        with order("hello") as source, order("layer") as layer:
            await both.engine.render(source, rare, [layer] if rare.layers else [])
        assert both.usual.stats().jobs == {}
        assert both.rare.stats().jobs == {"done": 1}
        assert both.engine.stats().jobs == {"done": 1}
        assert both.engine.stats().starts == both.usual.stats().starts + both.rare.stats().starts
        assert set(both.engine.pids()) > set(both.usual.pids())

    with_both(work)


def test_many_first_jobs_start_it_once() -> None:
    """Ten that come together wait for one start."""

    async def work(both: Both) -> None:
        with order("hello") as source:
            jobs = [both.engine.render(source, Job(recipe=Recipe(), format=Format.JXL, facts=FACTS)) for _ in range(10)]
            await asyncio.gather(*jobs)
        assert both.started == 1

    with_both(work)


def test_who_leaves_does_not_take_the_start_away() -> None:
    """The first asker is gone before the pool is ready; the second gets its picture."""

    async def work(both: Both) -> None:
        rare = Job(recipe=Recipe(), format=Format.JXL, facts=FACTS)
        with order("hello") as source:
            first = asyncio.create_task(both.engine.render(source, rare))
            await asyncio.sleep(0)
            first.cancel()
            await both.engine.render(source, rare)
        assert both.started == 1

    with_both(work)


def test_a_second_pool_that_cannot_start_is_tried_again() -> None:
    """The job fails in words, everyday jobs go on, and the next rare one tries anew."""

    async def work(both: Both) -> None:
        rare = Job(recipe=Recipe(), format=Format.JXL, facts=FACTS)
        with order("hello") as source:
            with pytest.raises(ImagemillError) as caught:
                await both.engine.render(source, rare)
            assert caught.value.code == "no_worker"
            await both.engine.render(source, job())
            both.rare = WorkerPool(EngineSettings(workers=1), Limits(), command=HOSTILE, rare=True)
            await both.engine.render(source, rare)
        assert both.started == 2

    with_both(work, rare_command=(sys.executable, "-c", "raise SystemExit(1)"))


def test_bytes_nobody_has_looked_at_are_told_by_their_beginning() -> None:
    """Only a format that is read here wakes the second pool; the words for any other come from the first."""

    async def work() -> None:
        engine = DividedEngine(
            WorkerPool(EngineSettings(workers=1), Limits()),
            lambda: WorkerPool(EngineSettings(workers=1), Limits(), rare=True),
        )
        await engine.start()
        try:
            assert {"jpeg", "svg", "bmp"} <= set(engine.reads)
            with order(encoded(quarters(), "PNG")) as source:
                assert (await engine.verify(source)).format == "png"
            with order(b"8BPS" + bytes(100)) as source, pytest.raises(NotAnImage, match="SVG"):
                await engine.verify(source)
            alone = len(engine.pids())
            with order(encoded(quarters(), "BMP")) as source:
                facts = await engine.verify(source)
                assert (facts.format, facts.width, facts.height) == ("bmp", 240, 160)
                assert (await engine.inspect(source, facts)).format == "bmp"
            assert len(engine.pids()) > alone
        finally:
            await engine.close()
        assert engine.pids() == []

    asyncio.run(work())


def test_a_drawing_without_end_costs_one_worker_and_two_seconds() -> None:
    """The kernel ends it at the budget of a drawing, long before the job's; the next picture is served (D9)."""

    async def work() -> None:
        engine = DividedEngine(
            WorkerPool(EngineSettings(workers=1), Limits()),
            lambda: WorkerPool(EngineSettings(workers=1, wall_seconds=60), Limits(), rare=True),
        )
        await engine.start()
        recipe = Recipe(resize=Resize(width=Pixels(2000)))
        try:
            with order(BOMB) as source:
                facts = await engine.probe(source)
                with pytest.raises(Unprocessable, match="2 to draw an SVG") as caught:
                    await engine.render(source, Job(recipe=recipe, format=Format.PNG, facts=facts))
            assert caught.value.code == "too_complex"
            assert engine.stats().kills == {"cpu": 1}
            assert engine.stats().cpu_seconds < 6
            with order(
                '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'
            ) as source:
                facts = await engine.verify(source)
                made = await engine.render(source, Job(recipe=recipe, format=Format.PNG, facts=facts))
            assert (made.width, made.height) == (2000, 2000)
        finally:
            await engine.close()

    asyncio.run(work())


def test_words_have_the_same_pixels_from_every_worker_every_time() -> None:
    """A font's file is opened once, before confinement, and whichever thread draws finds it open."""
    words = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="99" height="60"><text y="20">Plain</text>'
        '<text y="40" font-family="Nowhere" font-weight="bold">Bold</text></svg>'
    )

    async def work() -> None:
        async with running_both() as engine:
            with order(words) as source:
                facts = await engine.probe(source)
                drawing = Job(recipe=Recipe(), format=Format.PNG, facts=facts)
                made = [
                    part.data
                    for _ in range(8)
                    for part in await asyncio.gather(*(engine.render(source, drawing) for _ in range(3)))
                ]
        assert len(set(made)) == 1

    asyncio.run(work())
