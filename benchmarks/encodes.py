"""Encode the same pictures with many settings and judge each result: bytes, CPU-seconds, SSIMULACRA2.

What `frontier`, `scale` and `avif` share. The encoding runs in a process of its own (`python -m benchmarks.encodes`)
with one thread, as in a worker: what a benchmark before it did to libvips must not matter. CPU is that of the save call
alone, on pixels that lie in memory, the smallest of a few tries, because a neighbour can only make it longer.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import install
from benchmarks.load import ROOT
from imagemill.engine.worker_process import worker_environment

SIDE = 720
"""The box, in pixels, that photographs are fitted into before anything is judged: a common size on the web."""

REPEATS = 3
_SECONDS = 900
_JUDGES = 2


ENGINE = "engine"
JXL = "jxl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to encode; `name` is ours, `quality` the encoder's own or None.

    `saver` is an operation of libvips with its `options`; or JXL, with libjxl's `distance` and `effort`; or ENGINE, the
    engine's own encode step for the `format` and `q` of a recipe.
    """

    name: str
    saver: str
    quality: int | None
    options: dict[str, object]


def engine(format: str, q: int) -> Setting:  # noqa: A002  # the field's word
    """What Imagemill writes for `fm=…,q=…`."""
    return Setting(name=f"{format} q={q}", saver=ENGINE, quality=None, options={"format": format, "q": q})


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one setting made of one photograph. `cpu` is in seconds; `megapixels` are those of the photograph."""

    setting: str
    quality: int | None
    photo: str
    bytes: int
    cpu: float
    score: float
    megapixels: float


def references(photos: Sequence[Path], folder: Path, side: int = SIDE) -> list[Path]:
    """Write each photograph as the picture to encode: decoded in full, upright, sRGB, opaque, lanczos3, as PNG."""
    import pyvips

    made = []
    for photo in photos:
        image = pyvips.Image.new_from_file(str(photo)).autorot()
        if image.get_typeof("icc-profile-data"):
            image = image.icc_transform("srgb", embedded=True)
        image = image.colourspace("srgb").cast("uchar")
        if image.hasalpha():
            image = image.flatten(background=255)
        scale = min(1.0, side / image.width, side / image.height)
        target = folder / f"{photo.stem}.png"
        image.resize(scale, kernel="lanczos3").pngsave(str(target), compression=1, keep="none")
        made.append(target)
    return made


def judged(settings: Sequence[Setting], pictures: Sequence[Path], folder: Path, repeats: int = REPEATS) -> list[Result]:
    """Encode every picture with every setting, decode it again and score it against the picture."""
    work = {
        "pictures": [str(path) for path in pictures],
        "settings": [asdict(setting) for setting in settings],
        "folder": str(folder),
        "repeats": repeats,
    }
    command = [sys.executable, "-m", "benchmarks.encodes"]
    done = subprocess.run(
        command,
        input=json.dumps(work),
        cwd=ROOT,
        env=worker_environment(os.environ),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the encoders failed: {done.stderr.strip()[-400:]}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    scores = _scores([(Path(row["photo"]), Path(row.pop("decoded"))) for row in rows])
    return [
        Result(**row | {"photo": Path(row["photo"]).stem}, score=score) for row, score in zip(rows, scores, strict=True)
    ]


def _scores(pairs: list[tuple[Path, Path]]) -> list[float]:
    """SSIMULACRA2 of all pairs, in two processes."""
    parts = [pairs[n::_JUDGES] for n in range(_JUDGES)]
    with ThreadPoolExecutor(_JUDGES) as pool:
        found = list(pool.map(install.scores, parts))
    scores = [0.0] * len(pairs)
    for n, part in enumerate(found):
        scores[n::_JUDGES] = part
    return scores


def main() -> None:
    """The process that encodes: one JSON object in, one JSON line for each picture and setting out.

    Rounds over all settings follow each other, so that a slow minute of the machine is a slow minute for all of them.
    """
    from imagemill.engine.libvips import pyvips

    pyvips.cache_set_max(0)
    work: dict[str, Any] = json.load(sys.stdin)
    for name in work["pictures"]:
        image = pyvips.Image.new_from_file(name).copy_memory()
        encoders = [_encoder(setting, image) for setting in work["settings"]]
        spent = [math.inf] * len(encoders)
        made = [b""] * len(encoders)
        for _ in range(work["repeats"]):
            for index, encode in enumerate(encoders):
                before = time.process_time()
                made[index] = encode()
                spent[index] = min(spent[index], time.process_time() - before)
        for index, setting in enumerate(work["settings"]):
            decoded = Path(work["folder"]) / f"{Path(name).stem}-{index}.png"
            _decoded(made[index], setting).pngsave(str(decoded), compression=1, keep="none")
            row = {
                "setting": setting["name"],
                "quality": setting["quality"],
                "photo": name,
                "bytes": len(made[index]),
                "cpu": spent[index],
                "megapixels": image.width * image.height / 1e6,
                "decoded": str(decoded),
            }
            print(json.dumps(row), flush=True)


def _encoder(setting: dict[str, Any], image: Any) -> Callable[[], bytes]:
    """A call that encodes the image with the setting."""
    from imagemill.engine.libvips import pyvips
    from imagemill.engine.rare.jxl import write_jxl

    options = setting["options"]
    if setting["saver"] == ENGINE:
        return partial(_engine_step, image, options["format"], options["q"])
    if setting["saver"] == JXL:
        return partial(write_jxl, image, **options)
    options |= {} if setting["quality"] is None else {"Q": setting["quality"]}
    return partial(pyvips.Operation.call, setting["saver"], image, keep="none", **options)


def _engine_step(image: Any, format: str, q: int) -> bytes:  # noqa: A002  # the field's word
    from imagemill.engine.geometry import lay_out
    from imagemill.engine.limits import Limits
    from imagemill.engine.port import Facts, Job
    from imagemill.engine.steps.encode import encode
    from imagemill.engine.work import Work
    from imagemill.recipe.model import Output, Recipe
    from imagemill.recipe.vocabulary import Format

    recipe = Recipe(output=Output(format=Format(format), quality=q))
    facts = Facts(format="png", width=image.width, height=image.height)
    job = Job(recipe=recipe, format=recipe.output.format, facts=facts)
    return encode(image, Work(job=job, layout=lay_out(facts, recipe), quality=q), Limits())


def _decoded(data: bytes, setting: dict[str, Any]) -> Any:
    """The pixels of a result, 8 bits of sRGB."""
    from imagemill.engine.libvips import pyvips
    from imagemill.engine.rare.decoder import decoder_of

    if setting["saver"] == JXL or setting["options"].get("format") == JXL:
        decoder = decoder_of("jxl")
        assert decoder is not None
        return decoder.open_page(memoryview(data), 0)
    return pyvips.Image.new_from_buffer(data, "").colourspace("srgb")


if __name__ == "__main__":
    main()
