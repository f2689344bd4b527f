"""What a client's headers settle, and what is said of it in Vary."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagemill.recipe.canonical import Bucket, parse_canonical, text_of
from imagemill.recipe.negotiation import (
    LADDER,
    Hints,
    bucket_of,
    format_for,
    read_hints,
    settle,
    snapped_width,
    webp_named,
)
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI_14 = "image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5"


@pytest.mark.parametrize(
    ("accept", "bucket"),
    [
        (None, "jpg"),
        ("", "jpg"),
        ("*/*", "jpg"),
        ("image/*", "jpg"),
        ("image/*,*/*;q=0.8", "jpg"),
        ("text/html", "jpg"),
        (CHROME, "avif"),
        (FIREFOX, "avif"),
        (SAFARI_14, "webp"),
        ("image/avif", "avif"),
        ("image/webp", "webp"),
        ("IMAGE/AVIF", "avif"),
        (" image/webp ; Q=0.5 ", "webp"),
        ("image/avif;q=0", "jpg"),
        ("image/avif;q=0.000,image/webp", "webp"),
        ("image/avif;q=0.5,image/webp;q=0.8", "webp"),
        ("image/avif;q=0.8,image/webp;q=0.5", "avif"),
        ("image/webp;q=0.8,image/avif;q=0.8", "avif"),
        ("image/webp;q=0.8,image/avif;q=0.801", "avif"),
        ("image/webp;q=0.5,image/jpeg", "jpg"),
        ("image/jpeg;q=0.5,image/webp", "webp"),
        ("image/jpeg,image/webp", "webp"),
        ("image/webp;q=0.9,*/*", "webp"),
        ("image/avif;q=1.", "avif"),
        ("image/avif;q=1.000", "avif"),
        ("image/avif;q=1.001", "jpg"),
        ("image/avif;q=2", "jpg"),
        ("image/avif;q=-1", "jpg"),
        ("image/avif;q=٣", "jpg"),
        ("image/avif;q=", "jpg"),
        ("image/avif;q=1e0", "jpg"),
        ("image/avif;profile=x;q=0.4,image/webp;q=0.3", "avif"),
        ("image/avif;q=0,image/avif", "avif"),
        ("image/avif-sequence", "jpg"),
        ("ximage/avif", "jpg"),
        ("image/webp2", "jpg"),
        ("text/image/webp", "jpg"),
        (",,,;;;,", "jpg"),
        ("image/jxl", "jxl"),
        ("image/jxl,image/webp", "jxl"),
        ("image/avif,image/jxl", "avif"),
        ("image/avif;q=0.5,image/jxl;q=0.6", "jxl"),
        ("image/jxl;q=0,image/webp", "webp"),
        ("image/jxls", "jpg"),
    ],
)
def test_accept_falls_into_few_buckets(accept: str | None, bucket: Bucket) -> None:
    """AVIF, JPEG XL and WebP count only where named with q > 0; the higher q wins, AVIF at equal ones."""
    assert bucket_of(accept) == bucket


@pytest.mark.parametrize(
    ("accept", "without", "bucket"),
    [
        ("image/jxl,image/webp", ["jxl"], "webp"),
        ("image/jxl", ["jxl"], "jpg"),
        ("image/avif,image/webp", ["avif"], "webp"),
        ("image/avif,image/jxl,image/webp", ["avif", "webp"], "jxl"),
        ("image/avif,image/webp", ["avif", "jxl", "webp"], "jpg"),
    ],
)
def test_what_is_not_written_is_passed_over(accept: str, without: list[Bucket], bucket: Bucket) -> None:
    """A format that this installation or site does not write is never chosen, the next best is."""
    assert bucket_of(accept, without) == bucket


@pytest.mark.parametrize(("accept", "named"), [(CHROME, True), ("image/avif", False), ("image/webp;q=0", False)])
def test_an_avif_client_may_not_read_webp(accept: str, named: bool) -> None:
    """Reading AVIF says nothing of WebP; only its own name does."""
    assert webp_named(accept) is named


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_accept_has_a_bucket(accept: str) -> None:
    """Nothing in the header makes negotiation fail."""
    assert bucket_of(accept) in ("avif", "jxl", "webp", "jpg")


def _cpu_seconds(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "accept",
    [
        ",".join(f"image/x{index}" for index in range(6000)) + ",image/avif",
        "image/avif," * 9000,
        "image/avif" + ";" * 100_000,
        "image/avif;q=" + "0" * 100_000,
        "," * 100_000,
        "image/avif;a=" * 8000,
    ],
    ids=["types", "repeated", "semicolons", "digits", "commas", "parameters"],
)
def test_a_long_accept_is_read_quickly(accept: str) -> None:
    """100 KB of Accept cost at most 10 ms and end in a bucket (threats C2)."""
    assert bucket_of(accept) in ("avif", "jpg")
    assert _cpu_seconds(lambda: bucket_of(accept)) <= 0.010


def test_the_accept_of_the_corpus_is_no_trouble(corpus: Path) -> None:
    """The 100 KB header of the attack files falls into a bucket."""
    raw = (corpus / "hostile" / "raw_http" / "accept_100k.bin").read_bytes().decode("latin-1")
    accept = raw.partition("Accept:")[2].partition("\r\n")[0]
    assert len(accept) > 50_000
    assert bucket_of(accept) in ("avif", "webp", "jpg")


# --- hints ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "hints"),
    [
        ({}, Hints()),
        ({"accept": CHROME}, Hints(accept=CHROME)),
        ({"sec-ch-width": "640"}, Hints(width=640)),
        ({"width": " 640 "}, Hints(width=640)),
        ({"sec-ch-width": "640", "width": "320"}, Hints(width=640)),
        ({"sec-ch-width": "x", "width": "320"}, Hints(width=320)),
        ({"sec-ch-dpr": "2"}, Hints(dpr=2.0)),
        ({"dpr": "2.625"}, Hints(dpr=2.625)),
        ({"dpr": "1.0999999046325684"}, Hints(dpr=1.099)),
        ({"save-data": "on"}, Hints(save_data=True)),
        ({"save-data": "?1"}, Hints(save_data=True)),
        ({"save-data": "off"}, Hints()),
        *(
            ({"sec-ch-width": bad, "sec-ch-dpr": bad}, Hints())
            for bad in ("", "0", "-1", "٣", "1e3", "NaN", "1,5", "9" * 100, "1.", ".5", "0x10")
        ),
    ],
)
def test_hints_are_read_strictly(headers: dict[str, str], hints: Hints) -> None:
    """A hint that is no plain positive number was not given."""
    assert read_hints(headers.get) == hints


@pytest.mark.parametrize(
    ("width", "snapped"), [(1, 16), (16, 16), (17, 32), (300, 320), (641, 750), (3840, 3840), (9999, 3840)]
)
def test_widths_are_snapped_up(width: int, snapped: int) -> None:
    """A hint is raised to the ladder, so that strangers cannot multiply variants."""
    assert snapped_width(width) == snapped


def test_the_ladder_is_sorted_and_short() -> None:
    """From 16 to 3840, each once."""
    assert list(LADDER) == sorted(set(LADDER))
    assert (LADDER[0], LADDER[-1]) == (16, 3840)
    assert {640, 750, 828, 1080, 1200, 1920, 2048, 3840, 16, 32, 48, 64, 96, 128, 256, 384} <= set(LADDER)  # Next
    assert {320, 640, 768, 1024, 1280, 1536, 2048, 2560, 3072} <= set(LADDER)  # Nuxt


NO_HINTS = Hints()
ALL_HINTS = Hints(accept=CHROME, width=700, dpr=2.2, save_data=True)


@pytest.mark.parametrize(
    ("options", "hints", "text", "vary"),
    [
        ("_", ALL_HINTS, "_", "Accept"),
        ("w=300", ALL_HINTS, "w=300", "Accept"),
        ("w=300,fm=webp", ALL_HINTS, "w=300,fm=webp", ""),
        ("fm=source", ALL_HINTS, "fm=source", ""),
        ("fm=best", ALL_HINTS, "fm=best", "Accept"),
        ("w=auto", ALL_HINTS, "w=750", "Accept, Sec-CH-Width, Width"),
        ("w=auto", NO_HINTS, "_", "Accept, Sec-CH-Width, Width"),
        ("w=auto,fm=png", ALL_HINTS, "w=750,fm=png", "Sec-CH-Width, Width"),
        ("w=auto,h=200", ALL_HINTS, "w=750,h=200", "Accept, Sec-CH-Width, Width"),
        ("w=auto,h=200", NO_HINTS, "h=200", "Accept, Sec-CH-Width, Width"),
        ("w=auto,ar=16:9", ALL_HINTS, "w=750,h=422", "Accept, Sec-CH-Width, Width"),
        ("w=auto,ar=16:9", NO_HINTS, "w=100p,ar=16:9", "Accept, Sec-CH-Width, Width"),
        ("w=300,dpr=auto", ALL_HINTS, "w=900", "Accept, Sec-CH-DPR, DPR"),
        ("w=300,dpr=auto", NO_HINTS, "w=300", "Accept, Sec-CH-DPR, DPR"),
        ("w=300,dpr=auto", Hints(dpr=0.5), "w=300", "Accept, Sec-CH-DPR, DPR"),
        ("w=300,dpr=auto", Hints(dpr=1.25), "w=450", "Accept, Sec-CH-DPR, DPR"),
        ("w=300,dpr=auto", Hints(dpr=2), "w=600", "Accept, Sec-CH-DPR, DPR"),
        ("w=300,dpr=auto", Hints(dpr=99), "w=900", "Accept, Sec-CH-DPR, DPR"),
        ("w=100,ar=3:2,dpr=auto", Hints(dpr=1.5), "w=150,h=100", "Accept, Sec-CH-DPR, DPR"),
        (
            "w=auto,h=100,pad=10,dpr=auto",
            ALL_HINTS,
            "w=750,h=300,pad=30",
            "Accept, Sec-CH-DPR, DPR, Sec-CH-Width, Width",
        ),
        ("w=auto,h=8192", Hints(width=3840), "w=1920,h=8192", None),
        ("dpr=auto", Hints(dpr=2), "_", None),
        ("dpr=auto,enlarge=1", Hints(dpr=2), "w=200p,enlarge=1", None),
        ("w=3000,dpr=auto", Hints(dpr=3), "w=6000", None),
        ("3000x2000,dpr=auto", Hints(dpr=3), "w=4500,h=3000", None),
        ("4000x4000,dpr=auto", Hints(dpr=3), "w=4000,h=4000", None),
        ("blur=60,dpr=auto", Hints(dpr=3), "blur=90", None),
        ("q=auto", ALL_HINTS, "q=auto:50", "Accept, Save-Data"),
        ("q=auto", NO_HINTS, "q=auto", "Accept, Save-Data"),
        ("q=auto:85", ALL_HINTS, "q=auto:85", "Accept"),
        ("q=80,fm=jpeg", ALL_HINTS, "q=80,fm=jpeg", ""),
    ],
)
def test_hints_settle_what_the_url_left_open(options: str, hints: Hints, text: str, vary: str | None) -> None:
    """Only what the URL calls auto is read from the client, and Vary names exactly that."""
    settled = settle(parse_options(options).recipe, hints)
    assert settled.recipe == parse_options(text).recipe
    assert parse_canonical(text_of(settled.recipe)) == settled.recipe
    if vary is not None:
        assert ", ".join(settled.vary) == vary


def test_settling_is_stable() -> None:
    """What is settled has nothing left to read."""
    once = settle(parse_options("w=auto,dpr=auto,q=auto,pad=3,fm=webp").recipe, ALL_HINTS).recipe
    again = settle(once, NO_HINTS)
    assert again.recipe == once
    assert again.vary == ()


# --- the format ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "changes", "expected"),
    [
        ("jpg", {}, Format.JPEG),
        ("jpg", {"alpha": True}, Format.PNG),
        ("jpg", {"animated": True}, Format.GIF),
        ("jpg", {"animated": True, "alpha": True}, Format.GIF),
        ("jpg", {"lossless": True}, Format.PNG),
        ("webp", {}, Format.WEBP),
        ("webp", {"alpha": True, "animated": True}, Format.WEBP),
        ("webp", {"pixels": 16_000_001}, Format.WEBP),
        ("avif", {}, Format.AVIF),
        ("avif", {"alpha": True}, Format.AVIF),
        ("avif", {"pixels": 16_000_000}, Format.AVIF),
        ("avif", {"pixels": 16_000_001}, Format.JPEG),
        ("avif", {"pixels": 16_000_001, "alpha": True}, Format.PNG),
        ("avif", {"pixels": 16_000_001, "webp_named": True}, Format.WEBP),
        ("avif", {"animated": True}, Format.GIF),
        ("avif", {"animated": True, "webp_named": True}, Format.WEBP),
        ("avif", {"asked": Format.PNG}, Format.PNG),
        ("avif", {"asked": Format.AVIF, "animated": True}, Format.AVIF),
        ("avif", {"asked": Format.SOURCE}, Format.JPEG),
        ("avif", {"asked": Format.SOURCE, "source_format": "gif", "animated": True}, Format.GIF),
        ("avif", {"asked": Format.SOURCE, "source_format": "webp"}, Format.WEBP),
        ("avif", {"asked": Format.SOURCE, "source_format": "svg", "alpha": True}, Format.PNG),
        ("avif", {"asked": Format.SOURCE, "source_format": "tiff"}, Format.JPEG),
        ("avif", {"asked": Format.SOURCE, "lossless": True}, Format.PNG),
        ("avif", {"asked": Format.SOURCE, "source_format": "gif", "lossless": True}, Format.GIF),
        ("avif", {"asked": Format.SOURCE, "source_format": "auto"}, Format.JPEG),
    ],
)
def test_the_format_of_a_result(bucket: Bucket, changes: dict[str, object], expected: Format) -> None:
    """Each bucket gives what its clients read: with alpha, with movement, and within AVIF's bounds."""
    plain: dict[str, object] = {
        "alpha": False,
        "animated": False,
        "pixels": 480_000,
        "source_format": "jpeg",
        "webp_named": False,
    }
    assert format_for(bucket, **(plain | changes)) is expected  # type: ignore[arg-type]  # a table of keyword arguments
