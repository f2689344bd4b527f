"""No URL costs more than a job may: every option at its extremes, on a photo of 12 MP (threats A3).

Each job either stays within the limits of memory and time, measured in the real worker, or is refused with words. Time
is CPU time, counted in that of a plain job on the same machine, which may be slow and shared; for the same reason the
worker's own clocks are set wide here.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from PIL import Image

from imagemill import demo
from imagemill.engine.cost import check_affordable, estimate
from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts, Job, Rendered, Source
from imagemill.errors import ImagemillError
from imagemill.recipe.availability import LATER
from imagemill.recipe.model import ImageLayer
from imagemill.recipe.options import ALL
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Format
from imagemill.settings import Settings
from imagemill.workers import build_engine

SAMPLES = Path(demo.__file__).with_name("photos")
LOGO = SAMPLES / "windmill.png"

FOUR_LAYERS = ",".join(
    f"wm{number}=logo,wm{number}scale=100p,wm{number}tile=1,wm{number}blend=overlay" for number in ("", 2, 3, 4)
)

EXTREMES: dict[str, tuple[str, ...]] = {
    "w": ("w=1", "w=4000,fm=avif"),
    "h": ("h=1", "h=3000,fm=webp"),
    "ar": ("w=4000,ar=16:9", "w=3,ar=1:100"),
    "fit": ("w=4000,h=4000,fit=contain", "w=4000,h=4000,fit=cover,enlarge=1", "w=4000,h=4000,fit=fill,enlarge=1"),
    "g": ("w=3900,h=2900,g=attention", "w=3900,h=2900,g=entropy"),
    "enlarge": ("crop=0:0:1:1,w=4000,h=4000,enlarge=1", "w=4600,enlarge=1,fm=avif"),
    "dpr": ("w=1500,dpr=5,enlarge=1", "w=100,dpr=0.1"),
    "crop": ("crop=0:0:1:1", "crop=99p:99p:1p:1p"),
    "trim": ("trim=0", "trim=255"),
    "pad": ("w=3000,pad=800", "w=10,h=10,pad=1990"),
    "bg": ("w=4000,h=4000,fit=contain,bg=blur", "w=4000,h=4000,fit=contain,bg=auto", "pad=10,bg=00000001,fm=png"),
    "radius": ("radius=max", "radius=8192", "radius=1:2:3:4,fm=avif"),
    "mask": ("mask=circle,fm=webp", "mask=ellipse,fm=avif"),
    "rot": ("rot=45,fm=jpeg,w=3000", "rot=0.001", "rot=90", "rot=179.999,w=3500,fm=webp"),
    "flip": ("flip=hv", "flip=v,fm=webp"),
    "blur": ("blur=100", "blur=0.3", "blur=3"),
    "sharpen": ("sharpen=100", "sharpen=0.3"),
    "pixelate": ("pixelate=256", "pixelate=2"),
    "bri": ("bri=100", "bri=-100"),
    "con": ("con=100", "con=-100"),
    "sat": ("sat=100", "sat=-100"),
    "hue": ("hue=359.999", "bri=9,con=9,sat=9,hue=9,gam=2,normalize=1,sepia=1,invert=1"),
    "gam": ("gam=9", "gam=0.1"),
    "grayscale": ("grayscale=1",),
    "sepia": ("sepia=1",),
    "invert": ("invert=1",),
    "normalize": ("normalize=1",),
    "duotone": ("duotone=1b1464:fff200",),
    "redact": (
        "redact=blur:0:0:100p:100p",
        "redact=pixelate:0:0:100p:100p",
        "redact=blur:" + ":".join("0:0:100p:100p" for _ in range(32)),
        "redact=pixelate:" + ":".join("0:0:100p:100p" for _ in range(32)),
    ),
    "wm": ("wm=logo", "wm=logo,wm2=logo,wm3=logo,wm4=logo"),
    "wmpos": ("wm=logo,wmpos=nw",),
    "wmx": ("wm=logo,wmx=-8192", "wm=logo,wmx=8192"),
    "wmy": ("wm=logo,wmy=-8192", "wm=logo,wmy=8192"),
    "wmscale": ("wm=logo,wmscale=100p", "wm=logo,wmscale=0.1p"),
    "wmop": ("wm=logo,wmop=0", "wm=logo,wmop=0.001"),
    "wmtile": ("wm=logo,wmtile=1", "wm=logo,wmtile=1,wmscale=0.1p", "wm=logo,wmtile=1,wmscale=100p"),
    "wmblend": (
        *(f"wm=logo,wmscale=100p,wmblend={blend}" for blend in ("multiply", "screen", "overlay", "darken", "lighten")),
        FOUR_LAYERS,
    ),
    "text": ("text=" + "W" * 1024, "text=W,textsize=4000", "text=" + "W" * 1024 + ",textsize=4000"),
    "textpos": ("text=W,textpos=se",),
    "textsize": ("text=" + "W" * 1024 + ",textsize=1",),
    "textcolor": ("text=W,textsize=3000,textcolor=ff000001",),
    "textop": ("text=W,textsize=3000,textop=0.001",),
    "fm": tuple(f"fm={fm}" for fm in ("jpeg", "png", "webp", "avif", "gif", "tiff", "jxl", "source")),
    "q": ("q=1", "q=100", "q=100,fm=webp", "q=100,fm=avif", "q=1,fm=png", "q=99,fm=png"),
    "lossless": ("lossless=1,fm=webp", "lossless=1,fm=avif", "lossless=1,fm=png", "lossless=1,fm=jxl"),
    "meta": ("meta=copyright", "meta=all", "meta=all+gps"),
    "icc": ("icc=p3", "icc=keep", "icc=p3,fm=avif"),
    "hdr": ("hdr=keep", "hdr=keep,fm=png", "hdr=keep,fm=avif"),
}
"""For each option the values that cost most, and the smallest."""

PLAIN = ("fm=webp", 0.65)
"""A plain job, and the CPU-seconds it takes on the machine of docs/engine.md."""

WIDE = {
    "IMAGEMILL_ENGINE__WORKERS": "1",
    "IMAGEMILL_ENGINE__WALL_SECONDS": "120",
    "IMAGEMILL_ENGINE__CPU_SECONDS": "100",
}

ELSEWHERE = {
    "anim": "a photo has one frame; tests/engine/test_engine_animation.py",
    "page": "a photo has one page",
    "textfont": "a name; refused or like any other",
    "max_bytes": "a later version",
    "p": "stands for other options",
    "dl": "is about a header",
}

CASES = [(name, options) for name, tries in EXTREMES.items() for options in tries]


class Bench:
    """A started engine on a loop of its own, a photo of 12 MP and a logo."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.settings = Settings.load(environ={})
        self.engine = build_engine(Settings.load(environ=WIDE))
        self.loop.run_until_complete(self.engine.start())
        self.photo = folder / "photo.jpg"
        self.photo.write_bytes(photo())
        self.facts = self.look(self.photo)
        self.logo = self.look(LOGO)
        self.make(PLAIN[0])
        self.slowness = max(1.0, self.make(PLAIN[0]).cpu_seconds / PLAIN[1])

    def look(self, path: Path) -> Facts:
        """What a file is."""
        with path.open("rb") as file:
            return self.loop.run_until_complete(self.engine.probe(source(file.fileno())))

    def outcome(self, options: str) -> Rendered | str:
        """The variant, or the code of its refusal."""
        try:
            return self.make(options)
        except ImagemillError as error:
            return error.code

    def make(self, options: str) -> Rendered:
        """Plan as delivery does, then render."""
        recipe = parse_options(options).recipe
        asked = recipe.output.format
        output = asked if asked.concrete else Format.JPEG
        layers = [self.logo for layer in recipe.layers if isinstance(layer, ImageLayer)]
        layout = lay_out(self.facts, recipe, limits=self.settings.limits, focal=None)
        check_affordable(estimate(self.facts, recipe, output, layout, tuple(layers)), self.settings.engine)
        job = Job(recipe=recipe, format=output, facts=self.facts, layers=tuple(layers))
        with self.photo.open("rb") as file, LOGO.open("rb") as logo:
            marks = [source(logo.fileno()) for _ in layers]
            return self.loop.run_until_complete(self.engine.render(source(file.fileno()), job, marks))

    def close(self) -> None:
        """End the workers."""
        self.loop.run_until_complete(self.engine.close())
        self.loop.close()


def source(descriptor: int) -> Source:
    """An open file as the engine takes it."""
    data = os.pread(descriptor, 1 << 26, 0)
    return Source(descriptor=descriptor, size=len(data), digest=hashlib.sha256(data).hexdigest())


def photo() -> bytes:
    """A photo of 4000 × 3000 pixels, with the grain that a camera gives."""
    large = numpy.asarray(Image.open(SAMPLES / "rocket.jpg").resize((4000, 3000), Image.Resampling.BICUBIC))
    grain = numpy.random.default_rng(1).normal(0, 6, large.shape[:2])
    out = io.BytesIO()
    Image.fromarray((large + grain[..., None]).clip(0, 255).astype(numpy.uint8)).save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all cases."""
    made = Bench(tmp_path_factory.mktemp("extremes"))
    yield made
    made.close()


@pytest.mark.parametrize(("option", "options"), CASES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(CASES)])
def test_an_option_at_its_extreme_stays_within_a_job(option: str, options: str, bench: Bench) -> None:
    """Made within the limits, or refused with words: never killed for what could be known before."""
    engine = bench.settings.engine
    outcome = bench.outcome(options)
    if isinstance(outcome, Rendered):
        assert outcome.cpu_seconds <= engine.wall_seconds * bench.slowness, option
        assert outcome.peak_bytes <= engine.memory_bytes, option
    else:
        assert outcome in ("too_complex", "invalid_request", "not_built", "too_many_bytes"), option
    assert bench.engine.stats().kills == {}


def test_every_option_is_walked() -> None:
    """An option without its extremes here is a hole in the budget."""
    later = {entry.option for entry in LATER if entry.what == entry.option}
    walked = EXTREMES.keys() | ELSEWHERE.keys()
    missing = {option.key for option in ALL} - walked
    assert {name for name in missing if name not in later} == set()
