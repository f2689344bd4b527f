"""The Python interface, as a plain script uses it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

import imagemill
from imagemill import demo
from imagemill.errors import ImagemillError, InvalidRequest, NotAnImage, Unprocessable
from imagemill.renderer import Renderer

ROCKET = demo.PHOTOS / "rocket.jpg"


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    """Two workers for all tests."""
    with imagemill.Renderer(jobs=2) as running:
        yield running


def test_importing_costs_nothing() -> None:
    """`import imagemill` loads none of its parts; the names are there all the same."""
    code = "import sys, imagemill; print(*sys.modules); print(*dir(imagemill))"
    modules, names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert [name for name in modules.split() if name.startswith("imagemill.")] == []
    assert not {"asyncio", "msgspec", "typing"} & set(modules.split())
    assert set(imagemill.__all__) <= set(names.split())


def test_a_name_that_is_not_there() -> None:
    """A wrong name is an AttributeError as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'rendr'"):
        imagemill.rendr  # noqa: B018 - that is what is tested


@pytest.mark.parametrize("kind", [str, Path, Path.read_bytes, lambda p: bytearray(p.read_bytes())])
def test_a_picture_from_a_path_or_bytes(kind: type, renderer: Renderer) -> None:
    """Whatever form the original has, the variant is the same, and says what it is."""
    made = renderer.render(kind(ROCKET), "100x50,fm=webp")
    assert (made.width, made.height, made.format, made.pages) == (100, 50, "webp", 1)
    with Image.open(io.BytesIO(made.data)) as image:
        assert (image.format, image.size) == ("WEBP", (100, 50))
    assert made == renderer.render(memoryview(ROCKET.read_bytes()), "100x50,fm=webp")


def test_the_module_functions_share_a_worker() -> None:
    """The first call starts it, the next use it."""
    first = imagemill.render(ROCKET, "w=40")
    assert (first.width, first.format) == (40, "jpeg")
    assert imagemill.render(ROCKET, "w=40") == first
    assert [one.width for one in imagemill.render_set(ROCKET, widths=[20, 30])] == [20, 30]


def test_a_set_by_width_and_format(renderer: Renderer) -> None:
    """Each is what `render` makes alone."""
    made = renderer.render_set(ROCKET, "q=60", widths=[60, 30], formats=["avif", "webp"])
    assert [(one.width, one.format) for one in made] == [(60, "avif"), (60, "webp"), (30, "avif"), (30, "webp")]
    assert made[1] == renderer.render(ROCKET, "q=60,w=60,fm=webp")


def test_one_format_is_a_list_too(renderer: Renderer) -> None:
    """A text is a sequence of letters; it is not taken for one of formats."""
    with pytest.raises(TypeError, match="list of words"):
        renderer.render_set(ROCKET, formats="webp")


def test_a_printed_variant_is_short(renderer: Renderer) -> None:
    """Megabytes of a picture are not poured over whoever looks at one in a shell."""
    assert repr(renderer.render(ROCKET, "w=20,fm=webp")) == "Variant(width=20, height=13, format='webp', pages=1)"


def test_an_animation(renderer: Renderer) -> None:
    """Pages are counted."""
    made = renderer.render(demo.PHOTOS / "mill.gif", "w=40")
    assert (made.format, made.pages) == ("gif", 18)


def test_many_in_order_with_their_errors(renderer: Renderer, tmp_path: Path) -> None:
    """One bad original is told in its place; the rest is there."""
    cut = ROCKET.read_bytes()[:20_000]
    found = list(
        renderer.render_all([ROCKET, "nowhere.jpg", b"text", cut, str(tmp_path), ROCKET], "w=30", formats=["webp"])
    )
    assert [[one.width for one in each.variants] for each in found] == [[30], [], [], [], [], [30]]
    kinds = [type(each.error) for each in found]
    assert kinds == [type(None), FileNotFoundError, NotAnImage, Unprocessable, OSError, type(None)]
    assert found[1].source == "nowhere.jpg"


def test_many_are_read_as_they_are_needed(renderer: Renderer) -> None:
    """An endless source is fine; what is not taken is not made."""
    asked = 0

    def endless() -> Iterator[Path]:
        nonlocal asked
        while True:
            asked += 1
            yield ROCKET

    results = renderer.render_all(endless(), "w=20")
    assert [next(results).variants[0].width for _ in range(3)] == [20] * 3
    assert asked < 20
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert renderer.render(ROCKET, "w=20").width == 20


def test_from_many_threads(renderer: Renderer) -> None:
    """A renderer may be used by several threads at once."""
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda width: renderer.render(ROCKET, f"w={width}").width, range(20, 40)))
    assert made == list(range(20, 40))


@pytest.mark.parametrize(
    ("source", "to", "error", "said"),
    [
        (ROCKET, "wdith=3", InvalidRequest, "width"),
        (ROCKET, "crop=9999:0:1:1", InvalidRequest, "outside"),
        (b"", "w=3", NotAnImage, "empty"),
        (b"text", "w=3", NotAnImage, "reads"),
        ("nowhere.jpg", "w=3", FileNotFoundError, "nowhere"),
        (ROCKET, "wm=nowhere.png", InvalidRequest, "nowhere.png"),
    ],
)
def test_errors(source: bytes | str | Path, to: str, error: type[Exception], said: str, renderer: Renderer) -> None:
    """Each failure has its class and says what is wrong."""
    with pytest.raises(error, match=said):
        renderer.render(source, to)


def test_a_closed_renderer_says_so() -> None:
    """Closing twice is harmless, using it afterwards is an error; so is a wrong number of workers."""
    closed = imagemill.Renderer(jobs=1)
    closed.close()
    closed.close()
    with pytest.raises(ImagemillError, match="closed"):
        closed.render(ROCKET)
    with pytest.raises(InvalidRequest, match="jobs"):
        imagemill.Renderer(jobs=0)


def test_nothing_is_left_behind() -> None:
    """A closed renderer has no thread and no process any more."""
    before = threading.active_count()
    with imagemill.Renderer(jobs=1) as running:
        running.render(ROCKET, "w=20")
        assert running._engine is not None
        pids = running._engine.pids()
    assert threading.active_count() == before
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_script_ends_by_itself(tmp_path: Path) -> None:
    """The shared worker does not keep a program alive; presets and limits are those of the settings file beside it."""
    (tmp_path / "imagemill.toml").write_text('[presets]\ncard = "50x50"\n')
    code = f"import imagemill; print(imagemill.render({str(ROCKET)!r}, 'p=card').height)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "50\n", "")


def test_a_forked_child_has_workers_of_its_own(tmp_path: Path) -> None:
    """The plain functions work in a process that was forked after they were used."""
    code = f"""
import multiprocessing, imagemill
def child(): print(imagemill.render({str(ROCKET)!r}, "w=25").width, flush=True)
print(imagemill.render({str(ROCKET)!r}, "w=24").width, flush=True)
process = multiprocessing.get_context("fork").Process(target=child)
process.start(); process.join(60); print(process.exitcode)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "24\n25\n0\n", done.stderr
