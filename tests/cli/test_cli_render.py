"""`imagemill render` as a person runs it."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cli.programs import Ended, imagemill
from tests.serving import environment

from imagemill import demo

SECONDS = 60.0


def picture(width: int = 400, height: int = 300, seed: int = 0) -> bytes:
    """A JPEG with something in it."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    out = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with `pics/` in it: two pictures, one of them deeper, a file that is none, a hidden one, a text."""
    pics = tmp_path / "pics"
    (pics / "trips").mkdir(parents=True)
    (pics / "a.jpg").write_bytes(picture(seed=1))
    (pics / "trips" / "b.jpg").write_bytes(picture(600, 400, seed=2))
    (pics / ".hidden.jpg").write_bytes(picture())
    (pics / "notes.txt").write_text("not a picture")
    return tmp_path


def files(folder: Path) -> set[str]:
    """Every file below a folder but our own record."""
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".imagemill" not in path.parts
    }


def check_whole(folder: Path) -> None:
    """Every file decodes to its last pixel."""
    for name in files(folder):
        with Image.open(folder / name) as image:
            image.load()


def size_of(file: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    with Image.open(file) as image:
        return image.size


def totals(ended: Ended) -> dict[str, Any]:
    """The last JSON line."""
    found: dict[str, Any] = ended.lines[-1]["totals"]
    return found


def test_one_file_lands_in_the_present_folder(home: Path) -> None:
    """A file becomes a file of its name here; the original is what it was."""
    before = (home / "pics/a.jpg").read_bytes()
    ended = imagemill("render", "pics/a.jpg", "--to", "w=100,fm=webp", cwd=home)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("pics/a.jpg  a.webp  ")
    assert "1 picture, 1 variant made; " in ended.err
    assert size_of(home / "a.webp") == (100, 75)
    assert (home / "pics/a.jpg").read_bytes() == before


def test_a_folder_keeps_its_structure_in_every_width_and_format(home: Path) -> None:
    """Widths × formats of each picture, below the output folder as below the source; JSON says what was made."""
    ended = imagemill(
        *("render", "pics", "--to", "q=60", "--widths", "50,100", "--formats", "avif,webp,jpeg", "-o", "out", "--json"),
        cwd=home,
    )
    assert ended.code == 0, ended.err
    names = {
        f"{stem}-{width}.{end}" for stem in ("a", "trips/b") for width in (50, 100) for end in ("avif", "webp", "jpg")
    }
    assert files(home / "out") == names
    *lines, last = ended.lines
    assert [line["file"] for line in lines] == ["pics/a.jpg", "pics/trips/b.jpg"]
    for line in lines:
        assert line["bytes"] == (home / line["file"]).stat().st_size
        for made in line["variants"]:
            path = home / made["path"]
            with Image.open(path) as image:
                assert (image.width, image.height) == (made["width"], made["height"])
                assert (image.format or "").lower() == made["format"]
            assert made["bytes"] == path.stat().st_size
            assert made["ms"] > 0
            assert (made["pages"], made["status"]) == (1, "made")
    sums = last["totals"]
    assert (sums["files"], sums["made"], sums["kept"], sums["failed"], sums["not_pictures"]) == (2, 12, 0, 0, 1)
    assert sums["bytes_out"] == sum((home / "out" / name).stat().st_size for name in names)
    assert sums["bytes_in"] == sum(line["bytes"] for line in lines)
    assert sums["bytes_saved"] == 6 * sums["bytes_in"] - sums["bytes_out"]
    assert sums["cpu_seconds"] > 0


def test_a_variant_is_what_the_url_gives(home: Path) -> None:
    """The same options make the same bytes as `get --variant` from a store."""
    photo = demo.PHOTOS / "rocket.jpg"
    assert imagemill("put", photo, cwd=home).code == 0
    assert imagemill("get", "rocket.jpg", "--variant", "200x100,fm=webp", "-o", "served.webp", cwd=home).code == 0
    ended = imagemill("render", photo, "imagemill:rocket.jpg", "--to", "200x100,fm=webp", "-o", "out", cwd=home)
    assert ended.code == 2
    assert "Both" in ended.err
    assert imagemill("render", photo, "--to", "200x100,fm=webp", "-o", "out", cwd=home).code == 0
    assert imagemill("render", "imagemill:", "--to", "200x100,fm=webp", "-o", "stored", cwd=home).code == 0
    served = (home / "served.webp").read_bytes()
    assert (home / "out/rocket.webp").read_bytes() == served
    assert (home / "stored/rocket.webp").read_bytes() == served


def test_presets_of_the_settings(home: Path) -> None:
    """`p=name` is a preset of the settings file; an unknown one is named before anything starts."""
    (home / "imagemill.toml").write_text('[presets]\ncard = "60x60,fm=png"\n')
    assert imagemill("render", "pics/a.jpg", "--to", "p=card", "-o", "out", cwd=home).code == 0
    assert size_of(home / "out/a.png") == (60, 60)
    ended = imagemill("render", "pics/a.jpg", "--to", "p=crad", "-o", "none", cwd=home)
    assert ended.code == 2
    assert "card" in ended.err
    assert not (home / "none").exists()


def test_what_is_there_is_left_alone(home: Path) -> None:
    """A second run makes only what is new: another width, a changed original, a file that somebody removed or cut."""
    command = ("render", "pics", "--to", "fm=webp", "-o", "out", "--json", "--widths")
    assert totals(imagemill(*command, "50,80", cwd=home))["made"] == 4
    before = {name: (home / "out" / name).stat().st_ino for name in files(home / "out")}
    again = imagemill(*command, "50,80", cwd=home)
    assert (totals(again)["made"], totals(again)["kept"]) == (0, 4)
    assert {made["status"] for line in again.lines[:-1] for made in line["variants"]} == {"kept"}
    assert before == {name: (home / "out" / name).stat().st_ino for name in files(home / "out")}
    wider = totals(imagemill(*command, "50,80,90", cwd=home))
    assert (wider["made"], wider["kept"]) == (2, 4)
    (home / "out/a-50.webp").unlink()
    (home / "out/a-80.webp").write_bytes((home / "out/a-80.webp").read_bytes()[:-5])
    (home / "pics/trips/b.jpg").write_bytes(picture(500, 400, seed=9))
    changed = totals(imagemill(*command, "50,80,90", cwd=home))
    assert (changed["made"], changed["kept"]) == (5, 1)
    check_whole(home / "out")
    assert totals(imagemill(*command, "50,80,90", "--force", cwd=home))["made"] == 6


def test_another_recipe_replaces_what_render_made(home: Path) -> None:
    """Our own file of the same name is made anew for another recipe, and for the first one again."""
    for quality in ("20", "90", "20"):
        ended = imagemill("render", "pics/a.jpg", "--to", f"fm=webp,q={quality}", "-o", "out", "--json", cwd=home)
        assert totals(ended)["made"] == 1


def test_files_of_others_are_not_overwritten(home: Path) -> None:
    """A file that render did not make stays unless --force says otherwise."""
    (home / "a.webp").write_text("mine")
    ended = imagemill("render", "pics/a.jpg", "--to", "fm=webp", cwd=home)
    assert ended.code == 1
    assert "a.webp is there already and was not made by render" in ended.err
    assert (home / "a.webp").read_text() == "mine"
    assert imagemill("render", "pics/a.jpg", "--to", "fm=webp", "--force", cwd=home).code == 0
    assert size_of(home / "a.webp") == (400, 300)


def test_bad_files_are_told_and_the_rest_goes_on(home: Path) -> None:
    """A cut picture, a text called .png, an unreadable name: exit 3, and everything else is there."""
    (home / "pics/cut.jpg").write_bytes(picture()[:2000])
    (home / "pics/text.png").write_text("<html>")
    (home / "pics/gone.jpg").symlink_to("nowhere")
    os.mkfifo(home / "pics/pipe.jpg")
    ended = imagemill("render", "pics", "--to", "w=50,fm=webp", "-o", "out", "--report", "report.json", cwd=home)
    assert ended.code == 3, ended.err
    assert files(home / "out") == {"a.webp", "trips/b.webp"}
    report = json.loads((home / "report.json").read_text())
    codes = {line["file"]: line["error"]["code"] for line in report["files"] if "error" in line}
    codes |= {line["file"]: line["errors"][0]["code"] for line in report["files"] if "errors" in line}
    assert codes == {
        "pics/cut.jpg": "damaged",
        "pics/text.png": "not_an_image",
        "pics/gone.jpg": "unreadable_file",
        "pics/pipe.jpg": "unreadable_file",
    }
    assert report["totals"]["failed"] == 4
    assert "4 pictures failed" in ended.err
    assert imagemill("render", "pics/text.png", "--to", "w=50", "-o", "out", cwd=home).code == 1


def test_one_variant_that_cannot_be_made_does_not_spoil_the_others(home: Path) -> None:
    """A crop beyond the smaller of two pictures fails there alone."""
    ended = imagemill("render", "pics", "--to", "crop=450:0:100:100,fm=webp", "-o", "out", "--json", cwd=home)
    assert ended.code == 3
    assert files(home / "out") == {"trips/b.webp"}
    errors = ended.lines[0]["errors"]
    assert errors[0]["code"] == "bad_option"
    assert "crop" in errors[0]["variant"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pics"], "Say what to make"),
        (["nowhere.jpg", "--to", "w=5"], "There is no file or folder nowhere.jpg."),
        (["https://example.com/a.jpg", "--to", "w=5"], "expected a file, a folder"),
        (["pics", "--to", "wdith=5"], "width"),
        (["pics", "--to", "w=5", "--widths", "5,6"], "w: expected in one place"),
        (["pics", "--widths", "5,x"], "whole numbers"),
        (["pics", "--widths", "0"], "1…8192"),
        (["pics", "--formats", "webp,jpg2000"], "jpg2000"),
        (["pics", "--to", "w=5", "--name", "{stem}-{size}.{ext}"], "{stem}"),
        (["pics", "--to", "w=5", "--name", "../{stem}.{ext}"], "inside of the output folder"),
        (["pics", "--widths", "5,6", "--name", "{stem}.{ext}"], "{width}"),
        (["pics", "--formats", "webp,avif", "--name", "{stem}-x"], "{ext}"),
        (["pics", "--to", "w=5", "--jobs", "0"], "--jobs"),
        (["pics", "pics/a.jpg", "--to", "fm=webp"], "would be written to a.webp"),
        (["pics/a.jpg", "--to", "w=5", "-o", "pics"], "over the original pics/a.jpg"),
        (["pics", "--to", "w=5,fm=jpeg", "-o", "pics", "--force"], "over the original"),
        (["pics", "--to", "wm=logo.png", "-o", "out"], "wm: logo.png: cannot be read"),
    ],
)
def test_mistakes_are_usage(arguments: list[str], said: str, home: Path) -> None:
    """What can be known before the first picture is opened ends with 2, and nothing is written."""
    before = files(home)
    ended = imagemill("render", *arguments, cwd=home)
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert files(home) == before
    assert not (home / ".imagemill").exists()


def test_an_original_that_no_variant_can_be_called_like_is_in_no_danger(home: Path) -> None:
    """Without a format a variant is JPEG, PNG or GIF, so a TIFF beside it stays; `fm=source` is another case."""
    with Image.open(home / "pics/a.jpg") as image:
        image.save(home / "scan.tiff")
    before = (home / "scan.tiff").read_bytes()
    assert imagemill("render", "scan.tiff", "--to", "w=50", cwd=home).code == 0
    assert {"scan.tiff", "scan.jpg"} <= files(home)
    assert (home / "scan.tiff").read_bytes() == before
    ended = imagemill("render", "scan.tiff", "--to", "w=50,fm=source", cwd=home)
    assert (ended.code, "over the original scan.tiff" in ended.err) == (2, True), ended.err


def test_a_watermark_is_a_file_of_a_folder(home: Path) -> None:
    """`wm` names a picture below --layers, and a changed one makes the variants anew."""
    (home / "logos").mkdir()
    logo = home / "logos/dot.png"
    Image.new("RGB", (40, 30), "red").save(logo)
    command = ("render", "pics/a.jpg", "--to", "wm=dot.png,wmpos=nw,fm=png", "-o", "out", "--layers", "logos", "--json")
    assert imagemill(*command, cwd=home).code == 0
    with Image.open(home / "out/a.png") as image:
        assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert totals(imagemill(*command, cwd=home))["kept"] == 1
    Image.new("RGB", (41, 30), "blue").save(logo)
    assert totals(imagemill(*command, cwd=home))["made"] == 1
    with Image.open(home / "out/a.png") as image:
        assert image.convert("RGB").getpixel((5, 5)) == (0, 0, 255)


def test_names_of_your_own(home: Path) -> None:
    """A template may say the width, the format and the original's ending, and make folders."""
    ended = imagemill(
        *("render", "pics", "file://" + str(home / "pics"), "--dry-run", "--to", "_", "--widths", "5,6"), cwd=home
    )
    assert ended.code == 2
    done = imagemill(
        "render", f"file://{home}/pics", "--widths", "5,6", "--formats", "webp", "-o", "out", "--name",
        "{width}/{stem}.{from}.{format}", cwd=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert files(home / "out") == {
        *("5/a.jpg.webp", "6/a.jpg.webp", "trips/5/b.jpg.webp", "trips/6/b.jpg.webp"),
    }


def test_a_dry_run_writes_nothing(home: Path) -> None:
    """It says the names, with `*` where only the picture can tell the format."""
    before = files(home)
    ended = imagemill("render", "pics", "--to", "w=50", "-o", "out", "--dry-run", cwd=home)
    assert ended.code == 0
    assert ended.out == "pics/a.jpg  out/a.*\npics/trips/b.jpg  out/trips/b.*\n"
    assert files(home) == before
    assert not (home / "out").exists()


def test_output_among_the_originals_is_not_rendered_again(home: Path) -> None:
    """A run over the folder that it writes into finds the same originals the second time."""
    command = ("render", ".", "--to", "w=50,fm=webp", "--json")
    first = totals(imagemill(*command, cwd=home / "pics"))
    assert first["made"] == 2
    second = imagemill(*command, cwd=home / "pics")
    assert second.code == 0, second.err
    assert (totals(second)["files"], totals(second)["kept"]) == (2, 2)
    nested = imagemill("render", ".", "--to", "w=40,fm=png", "-o", "thumbs", "--json", cwd=home / "pics")
    again = imagemill("render", ".", "--to", "w=40,fm=png", "-o", "thumbs", "--json", cwd=home / "pics")
    assert nested.code == again.code == 2  # a.jpg and a.webp meet in a.png: said, not guessed
    assert "Both" in nested.err


def test_two_runs_do_not_share_a_folder(home: Path) -> None:
    """The second one says so and goes."""
    import fcntl

    (home / "out/.imagemill").mkdir(parents=True)
    with (home / "out/.imagemill/render.jsonl").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = imagemill("render", "pics", "--to", "w=50", "-o", "out", cwd=home)
    assert ended.code == 1
    assert "Another run of render is writing into out" in ended.err


def test_an_output_that_cannot_be_written_is_said(home: Path) -> None:
    """A file where the output folder should be."""
    ended = imagemill("render", "pics", "--to", "w=50", "-o", "pics/a.jpg", cwd=home)
    assert ended.code == 1
    assert "cannot be written" in ended.err


def started(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run that takes a while; return it halted (SIGSTOP), some variants made and many more to make."""
    pics = home / "many"
    pics.mkdir()
    for number in range(24):
        (pics / f"{number:02}.jpg").write_bytes(picture(1600, 1200, seed=number))
    command = [sys.executable, "-m", "imagemill", "render", "many", "-o", "out", *arguments]
    for _ in range(10):  # where the machine did not let us look in time, once more
        process = subprocess.Popen(
            command, cwd=home, env=environment({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and len(files(home / "out") if (home / "out").exists() else ()) < 12:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        if process.poll() is None and len(files(home / "out")) < 100:
            return process
        process.kill()
        process.communicate()
        shutil.rmtree(home / "out")
    raise AssertionError("it ended each time before it could be stopped")


MANY = ("--widths", "400,800", "--formats", "avif,webp,jpeg", "--jobs", "2")


def test_a_killed_run_goes_on_where_it_was(home: Path) -> None:
    """A SIGKILL leaves whole files only; the next run makes what is missing and nothing twice."""
    process = started(home, *MANY)
    process.kill()
    process.communicate()
    out = home / "out"
    check_whole(out)
    left = {name: (out / name).stat().st_ino for name in files(out)}
    assert 12 <= len(left) < 144
    again = imagemill("render", "many", "-o", "out", *MANY, "--json", cwd=home)
    assert again.code == 0, again.err
    assert (totals(again)["kept"], totals(again)["made"]) == (len(left), 144 - len(left))
    assert left == {name: (out / name).stat().st_ino for name in left}
    assert len(files(out)) == 144
    check_whole(out)
    assert [path.name for path in (out / ".imagemill").iterdir()] == ["render.jsonl"]
    third = imagemill("render", "many", "-o", "out", *MANY, "--json", cwd=home)
    assert (totals(third)["kept"], totals(third)["made"]) == (144, 0)


def test_an_interrupted_run_says_so(home: Path) -> None:
    """Ctrl-C ends with 130 and whole files, and leaves no worker behind."""
    process = started(home, *MANY)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, err
    assert b"interrupted; the same command goes on from here" in err
    assert b"Traceback" not in err
    check_whole(home / "out")
    assert [path.name for path in (home / "out/.imagemill").iterdir()] == ["render.jsonl"]
