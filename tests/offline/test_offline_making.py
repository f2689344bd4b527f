"""Planning, cutting into jobs, and going on where one variant fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from imagemill.engine.limits import Limits
from imagemill.engine.port import SET_JOBS, Facts, Job, Rendered, Source
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError, InvalidRequest, Unprocessable
from imagemill.offline.bulk import Bulk, Outcome, Task
from imagemill.offline.making import SET_PIXELS, SET_SHARE, Bounds, make, plan, sets
from imagemill.offline.naming import naming
from imagemill.offline.originals import BadFile, FileOriginal, Walk
from imagemill.offline.output import OutputFolder
from imagemill.offline.wanted import wanted
from imagemill.recipe.vocabulary import Format
from imagemill.testing.engine import PillowEngine

BOUNDS = Bounds(limits=Limits(), engine=EngineSettings())
PHOTO = Facts(format="jpeg", width=3000, height=2000)


class Picky(PillowEngine):
    """An engine that cannot make pictures of one width, alone or in a set; `sets` counts the jobs of each set."""

    def __init__(self, bad: int, code: str = "too_many_bytes") -> None:
        super().__init__()
        self.bad = bad
        self.code = code
        self.sets: list[int] = []

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Fail for the bad width."""
        if getattr(job.recipe.resize.width, "count", None) == self.bad:
            raise Unprocessable("It is too large.", code=self.code)
        return await super().render(source, job, layers)

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Fail as a whole."""
        self.sets.append(len(jobs))
        return tuple([await self.render(source, job) for job in jobs])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG."""
    file = tmp_path / "photo.jpg"
    Image.new("RGB", (300, 200), "teal").save(file)
    return file


def made_of(engine: PillowEngine, file: Path, to: str, widths: Sequence[int]) -> list[Rendered | ImagemillError]:
    """Make variants of a file."""

    async def run() -> list[Rendered | ImagemillError]:
        async with FileOriginal(str(file), file.name).opened() as source:
            return [result for _, _, result in await make(engine, source, wanted(to, widths=widths), BOUNDS)]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("facts", "to", "output"),
    [
        (PHOTO, "w=10", Format.JPEG),
        (Facts(format="png", width=9, height=9, alpha=True), "w=5", Format.PNG),
        (Facts(format="png", width=9, height=9, alpha=True), "w=5,bg=red", Format.JPEG),
        (Facts(format="gif", width=9, height=9, pages=3, animated=True), "w=5", Format.GIF),
        (Facts(format="webp", width=9, height=9), "fm=source", Format.WEBP),
        (PHOTO, "fm=avif", Format.AVIF),
    ],
)
def test_formats_are_settled_without_negotiation(facts: Facts, to: str, output: Format) -> None:
    """`auto` is what every program reads."""
    job = plan(facts, wanted(to)[0], BOUNDS).job
    assert isinstance(job, Job)
    assert (job.format, job.recipe.output.format) == (output, output)
    assert job.estimate > 0


def test_a_plan_that_cannot_be_met_holds_the_error() -> None:
    """One crop beyond the picture is one variant less."""
    assert isinstance(plan(PHOTO, wanted("crop=3000:0:1:1")[0], BOUNDS).job, InvalidRequest)


def test_sets_stay_within_a_share_of_a_job() -> None:
    """Time, pixels and number bound a set; together the sets are everything, in order."""
    every = wanted("_", widths=range(100, 3000, 100), formats=["avif", "webp"])
    planned = [plan(PHOTO, one, BOUNDS) for one in every]
    reading = min(one.job.estimate for one in planned if isinstance(one.job, Job))
    chunks = list(sets(planned, 8.0))
    assert [one for chunk in chunks for one in chunk] == planned
    assert len(chunks) > 1
    for chunk in chunks:
        seconds = sum(one.job.estimate - reading for one in chunk if isinstance(one.job, Job)) + reading
        assert len(chunk) == 1 or seconds <= SET_SHARE * 8.0
        assert len(chunk) == 1 or sum(one.pixels for one in chunk) <= SET_PIXELS
        assert len(chunk) <= SET_JOBS
    assert [len(chunk) for chunk in sets(planned[:3], 0.0)] == [1, 1, 1]
    assert list(sets([], 8.0)) == []


def test_all_variants_go_in_one_job(photo: Path) -> None:
    """A set is asked once for an original."""
    engine = Picky(bad=0)
    assert all(isinstance(one, Rendered) for one in made_of(engine, photo, "_", [10, 20, 30]))
    assert engine.sets == [3]


def test_one_bad_variant_leaves_the_others(photo: Path) -> None:
    """Where the set fails, each is tried alone, and the order is kept."""
    found = made_of(Picky(bad=20), photo, "_", [10, 20, 30])
    assert [one.width if isinstance(one, Rendered) else one.code for one in found] == [10, "too_many_bytes", 30]


def test_a_damaged_original_is_tried_once(photo: Path) -> None:
    """What would fail for every variant is not tried again for each."""
    engine = Picky(bad=20, code="damaged")
    found = made_of(engine, photo, "_", [10, 20, 30])
    assert [isinstance(one, Unprocessable) for one in found] == [True, True, True]
    assert engine.renders == 1


def test_outcomes_come_in_order_whatever_takes_longer(tmp_path: Path) -> None:
    """Several originals are under way at once; they are told as they were named."""
    for number in range(9):
        Image.new("RGB", (20 + number, 10), "teal").save(tmp_path / f"{number}.png")

    class Uneven(PillowEngine):
        async def probe(self, source: Source) -> Facts:
            facts = await super().probe(source)
            for _ in range((29 - facts.width) * 3):
                await asyncio.sleep(0)
            return facts

    every = wanted("fm=webp")
    folder = OutputFolder(tmp_path / "out")
    folder.open()
    told: list[Outcome] = []
    bulk = Bulk(Uneven(), Task(every=every, naming=naming(None, every), bounds=BOUNDS), folder)
    asyncio.run(bulk.run(Walk((str(tmp_path),), without=str(tmp_path / "out")), told.append, workers=2))
    folder.close()
    assert [outcome.original.name for outcome in told] == [f"{number}.png" for number in range(9)]
    assert all(len(outcome.made) == 1 for outcome in told)


def test_a_walk_is_in_order_and_leaves_out_what_is_no_picture(tmp_path: Path) -> None:
    """By name; hidden files, other endings and the output are passed over; links count where they lead to files."""
    for name in ("b.jpg", "a/z.PNG", "a/y.txt", ".x/c.jpg", "out/o.jpg", "plain", "c.webp"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to("b.jpg")
    (tmp_path / "loop").symlink_to(".")
    walk = Walk((str(tmp_path), str(tmp_path / "a" / "y.txt")), without=str(tmp_path / "out"))
    expected = ["a/z.PNG", "b.jpg", "c.webp", "link.jpg", "plain", "y.txt"]
    assert [original.name for original in walk] == expected
    assert [original.name for original in walk] == expected
    assert walk.passed == 1


def test_a_folder_that_cannot_be_listed_is_an_original_that_cannot_be_opened(tmp_path: Path) -> None:
    """The walk goes on, and the report names the folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "0.jpg").write_bytes(b"x")
    walk = iter(Walk((str(tmp_path),)))
    assert next(walk).name == "0.jpg"  # its folder is listed by now
    (tmp_path / "a").rmdir()
    gone = next(walk)
    assert gone.name == "a"
    with pytest.raises(BadFile, match="cannot be read"):
        gone.stamp()
    assert [original.name for original in walk] == ["a.jpg", "b.jpg"]
