"""The engine in this very process: a worker's results, and an end for each job that breaks a limit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engine.engine_pictures import encoded, quarters
from tests.engine.goldens import SAMPLES
from tests.engine.hostile_worker import tasks as obedient
from tests.engine.in_process_engines import SVG, endless, working
from tests.engine.worker_pools import FACTS, job, order, until

from imagemill.engine.limits import Limits
from imagemill.engine.meter import Meter
from imagemill.engine.port import Engine, Job
from imagemill.engine.settings import EngineSettings
from imagemill.errors import NotAnImage, Overloaded, Unprocessable
from imagemill.recipe.model import ImageLayer
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

RECIPES = (
    *(f"w=320,fm={word}" for word in ("jpeg", "webp", "avif", "png", "gif", "tiff")),
    "w=300,h=200,fit=cover,g=auto,blur=3,sat=40,fm=webp",
    "w=200,rotate=17,bg=f80,text=Ahoy,fm=png",
)


async def everything(engine: Engine) -> dict[str, object]:
    """What an engine makes of samples: every sort of job, by name."""
    found: dict[str, object] = {}
    pictures = {path.name: path.read_bytes() for path in sorted(SAMPLES.glob("*.jpg"))[:2]}
    first, second = pictures
    pictures |= {
        "drawn": SVG,
        "film": encoded(quarters(40, 30), "GIF", save_all=True, append_images=[quarters(40, 30)]),
    }
    for name, data in pictures.items():
        with order(data) as source:
            facts = await engine.probe(source)
            found[f"{name} facts"] = facts
            found[f"{name} whole"] = await engine.verify(source)
            found[f"{name} findings"] = await engine.inspect(source, facts)
            jobs = []
            for options in RECIPES if name == first else RECIPES[:3]:
                recipe = parse_options(options).recipe
                jobs.append(Job(recipe=recipe, format=recipe.output.format, facts=facts))
                found[f"{name} {options}"] = (await engine.render(source, jobs[-1])).data
            made = await engine.render_set(source, [one for one in jobs if one.format is not Format.TIFF])
            found[f"{name} set"] = [one.data for one in made]
    recipe = parse_options(f"w=300,fm=webp,wm={second},wmscale=30p").recipe
    assert any(isinstance(layer, ImageLayer) for layer in recipe.layers)
    with order(pictures[first]) as below, order(pictures[second]) as above:
        of_both = await engine.probe(below), await engine.probe(above)
        laid = Job(recipe=recipe, format=Format.WEBP, facts=of_both[0], layers=of_both[1:])
        found["layer"] = (await engine.render(below, laid, [above])).data
    return found


def test_every_result_is_that_of_a_worker() -> None:
    """Facts, findings and the bytes of variants are equal, whichever home made them."""

    async def scene() -> None:
        workers = build_engine(Settings(engine=EngineSettings(workers=1)), spare=0)
        await workers.start()
        try:
            async with working() as engine:
                assert engine.revision == workers.revision
                assert engine.reads == workers.reads
                theirs, ours = await everything(workers), await everything(engine)
        finally:
            await workers.close()
        assert [name for name in theirs if theirs[name] != ours[name]] == []

    asyncio.run(scene())


def test_refusals_are_those_of_a_worker() -> None:
    """No image, too many pixels, and a damaged one are told apart."""
    whole = encoded(quarters(600, 400), "JPEG")

    async def scene() -> None:
        async with working(limits=Limits(pixels_streaming=100_000)) as engine:
            with order(b"hello, I am a text" * 10) as source, pytest.raises(NotAnImage):
                await engine.probe(source)
            with order(whole) as source, pytest.raises(Unprocessable) as caught:
                await engine.probe(source)
            assert caught.value.code == "too_many_pixels"
        async with working() as engine:
            with order(whole[: len(whole) // 2]) as source, pytest.raises(Unprocessable) as caught:
                await engine.verify(source)
            assert caught.value.code == "damaged"
            assert not engine.poisoned

    asyncio.run(scene())


def test_foreign_loaders_stay_shut_and_rare_ones_open_when_asked() -> None:
    """Before the first drawing libvips opens no SVG, by any name; afterwards it draws ours, and still nothing else."""
    script = """
import asyncio, sys
from tests.engine.in_process_engines import SVG, working
from tests.engine.worker_pools import order
from imagemill.engine.libvips import FOREIGN_SAMPLES, pyvips

def opens(loader, sample):
    try:
        pyvips.Operation.call(loader, pyvips.Source.new_from_memory(sample))
    except pyvips.Error:
        return False
    return True

async def scene():
    async with working() as engine:
        assert [one for one in FOREIGN_SAMPLES if opens(*one)] == []
        with order(SVG) as source:
            await engine.verify(source)
        assert [name for name, sample in FOREIGN_SAMPLES if opens(name, sample)] == ["svgload_source"]

asyncio.run(scene())
"""
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)
    assert found.returncode == 0, found.stderr


def test_the_loop_lives_while_a_job_runs() -> None:
    """What the loop does meanwhile ends the job: it would never end if the job held the loop."""

    async def scene() -> None:
        with endless() as tasks:
            async with working(tasks.tasks) as engine:
                with order("x") as source:
                    looking = asyncio.ensure_future(engine.verify(source))
                    while not tasks.began.is_set():
                        await asyncio.sleep(0.001)
                    tasks.end.set()
                    assert await looking == FACTS

    asyncio.run(scene())


def test_a_job_that_cannot_be_stopped_is_refused_and_poisons_the_engine() -> None:
    """It is 422 too_complex within its time; no other job is taken, because that one still runs."""

    async def scene() -> None:
        with endless() as tasks:
            async with working(tasks.tasks, wall_seconds=0.1, stop_seconds=0.05) as engine:
                with order("x") as source:
                    with pytest.raises(Unprocessable) as caught:
                        await engine.verify(source)
                    assert caught.value.code == "too_complex"
                    assert "0.1 seconds" in caught.value.sentence
                    assert engine.poisoned
                    assert engine.ready_workers == 0
                    with pytest.raises(Overloaded):
                        await engine.probe(source)

    asyncio.run(scene())


def files_of(meter: Meter) -> list[str]:
    """The files of /proc that a meter holds open now."""
    found = []
    for descriptor in (meter._status, meter._statm, meter._reset):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
    return [name for name in found if name in ("status", "statm", "clear_refs")]


def test_a_closed_engine_measures_no_more() -> None:
    """What its meter held open is closed; under a job that could not be stopped only when that has ended."""

    async def scene() -> None:
        with endless() as tasks:
            async with working(tasks.tasks) as engine:
                held = engine._meter
                assert held is not None
                assert "statm" in files_of(held)
            assert files_of(held) == []
            async with working(tasks.tasks, wall_seconds=0.1, stop_seconds=0.05) as engine:
                held = engine._meter
                assert held is not None
                with order("x") as source, pytest.raises(Unprocessable):
                    await engine.verify(source)
            assert "statm" in files_of(held)
            tasks.end.set()
            await until(lambda: not files_of(held))

    asyncio.run(scene())


def test_a_job_that_listens_is_stopped_and_the_engine_lives_on() -> None:
    """The library gives up in the middle of an enormous filter; the next job is done by the same engine."""
    recipe = parse_options("w=2700,h=2700,fit=fill,enlarge=1,rotate=33,blur=100,fm=webp,lossless=1").recipe

    async def scene() -> None:
        async with working(wall_seconds=0.05, stop_seconds=60) as engine:
            with order(encoded(quarters(600, 400), "PNG")) as source:
                facts = replace(FACTS, format="png", width=600, height=400)
                with pytest.raises(Unprocessable) as caught:
                    await engine.render(source, Job(recipe=recipe, format=Format.WEBP, facts=facts))
                assert caught.value.code == "too_complex"
                assert not engine.poisoned
        async with working() as engine:
            with order(SVG) as source:
                assert (await engine.probe(source)).format == "svg"

    asyncio.run(scene())


def test_the_end_of_an_invocation_is_no_fault_of_the_picture() -> None:
    """A job that the invocation has no time for is 503: asked again it may be made."""

    async def scene() -> None:
        with endless() as tasks:
            async with working(tasks.tasks, stop_seconds=0.05) as engine:
                with order("x") as source:
                    engine.deadline = time.monotonic() - 1
                    with pytest.raises(Overloaded):
                        await engine.verify(source)
                    assert not tasks.began.is_set()
                    engine.deadline = time.monotonic() + 3
                    with pytest.raises(Overloaded):
                        await engine.verify(source)
                    assert engine.poisoned

    asyncio.run(scene())


def test_a_refused_allocation_is_a_refused_picture() -> None:
    """What the machine does not have is not given; the picture is 422 and the process is to end."""

    async def scene() -> None:
        async with working(obedient, machine_bytes=2 << 30) as engine:
            with order("leap") as source, pytest.raises(Unprocessable) as caught:
                await engine.probe(source)
            assert caught.value.code == "too_complex"
            assert engine.poisoned

    before = resource.getrlimit(resource.RLIMIT_DATA)
    asyncio.run(scene())
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_memory_is_watched() -> None:
    """A job that swells past its share is stopped before anything fails."""
    script = """
import asyncio, os
from tests.engine.hostile_worker import tasks
import pytest
from tests.engine.in_process_engines import working
from tests.engine.worker_pools import order
from imagemill.errors import Unprocessable

async def scene():
    async with working(tasks, machine_bytes=2**30, stop_seconds=0.05) as engine:
        with order("balloon") as source, pytest.raises(Unprocessable) as caught:
            await engine.probe(source)
        assert "memory" in caught.value.sentence
        assert engine.poisoned
        os._exit(0)

asyncio.run(scene())
"""
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)
    assert found.returncode == 0, found.stderr


def test_content_that_breaks_limits_is_not_tried_a_third_time() -> None:
    """Two strikes are remembered as for workers."""

    async def scene() -> None:
        async with working(obedient) as engine:
            for _ in range(2):
                with order("leap") as source, pytest.raises(Unprocessable):
                    await engine.probe(source)
                engine.poisoned = False
            with order("leap") as source, pytest.raises(Unprocessable, match="refused for a while"):
                await engine.probe(source)

    asyncio.run(scene())


def test_who_leaves_takes_no_job_with_him() -> None:
    """A cancelled asker's job runs to its end, and the next asker is served after it."""

    async def scene() -> None:
        with endless() as tasks:
            async with working(tasks.tasks) as engine:
                with order("x") as source:
                    first = asyncio.ensure_future(engine.verify(source))
                    while not tasks.began.is_set():
                        await asyncio.sleep(0.001)
                    first.cancel()
                    second = asyncio.ensure_future(engine.render(source, job()))
                    await asyncio.sleep(0)
                    assert not second.done()
                    tasks.end.set()
                    assert (await second).data
                    assert first.cancelled()

    asyncio.run(scene())


def test_a_surprise_is_ours_and_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in the engine is an internal error without its words, which are in the log."""

    async def scene() -> None:
        async with working(obedient) as engine:
            with order("bug") as source, pytest.raises(Exception, match="could not be processed") as caught:
                await engine.probe(source)
            assert "secret" not in str(caught.value)
            assert not engine.poisoned

    asyncio.run(scene())
    assert "/secret/path" in caplog.text


def outcomes(files: list[Path]) -> dict[str, str]:
    """Run every file in processes of their own, as many as it takes; fail where one of them dies."""
    found: dict[str, str] = {}
    left = [str(path) for path in files]
    script = Path(__file__).with_name("in_process_run.py")
    while left:
        run = subprocess.run(
            [sys.executable, str(script), "60"], input="\n".join(left), capture_output=True, text=True, check=False
        )
        told = [json.loads(line) for line in run.stdout.splitlines()]
        assert run.returncode == 0, (left[len(told)], run.returncode, run.stderr[-2000:])
        assert told
        found |= {one["path"]: one["outcome"] for one in told}
        left = left[len(told) :]
    return found


def test_no_attack_file_kills_the_process(corpus: Path) -> None:
    """Every file of the hostile corpus ends in a picture or a refusal of ours, without a crash and without poison."""
    folder = corpus / "hostile"
    files = sorted(path for kind in folder.iterdir() if kind.is_dir() for path in kind.iterdir() if path.is_file())
    found = outcomes(files)
    words = set(found.values())
    assert len(found) == len(files) > 250
    assert words <= {"made", "not_an_image", "damaged", "too_many_pixels", "too_complex", "too_many_frames"}, words
    assert list(found.values()).count("made") > 50
