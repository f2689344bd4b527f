"""Encode the same pictures with many settings and judge each result: bytes, CPU-seconds, SSIMULACRA2.

What `frontier`, `scale` and `avif` share. The encoding runs in a process of its own (`python -m benchmarks.encodes`)
with one thread, as in a worker: what a benchmark before it did to libvips must not matter. CPU is that of the save call
alone, on pixels that lie in memory, the smallest of a few tries, because a neighbour can only make it longer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import install
from benchmarks.load import ROOT

SIDE = 720
"""The box, in pixels, that photographs are fitted into before anything is judged: a common size on the web."""

REPEATS = 3
_SECONDS = 900
_JUDGES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to encode: a saver of libvips and its options; `name` is ours, `quality` the encoder's own or None."""

    name: str
    saver: str
    quality: int | None
    options: dict[str, object]


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
    environment = os.environ | {"VIPS_CONCURRENCY": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.encodes"]
    done = subprocess.run(
        command,
        input=json.dumps(work),
        cwd=ROOT,
        env=environment,
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
    """The process that encodes: one JSON object in, one JSON line for each picture and setting out."""
    import pyvips

    pyvips.cache_set_max(0)
    work: dict[str, Any] = json.load(sys.stdin)
    for name in work["pictures"]:
        image = pyvips.Image.new_from_file(name).copy_memory()
        for index, setting in enumerate(work["settings"]):
            options = setting["options"] | ({} if setting["quality"] is None else {"Q": setting["quality"]})
            spent, data = [], b""
            for _ in range(work["repeats"]):
                before = time.process_time()
                data = pyvips.Operation.call(setting["saver"], image, keep="none", **options)
                spent.append(time.process_time() - before)
            decoded = Path(work["folder"]) / f"{Path(name).stem}-{index}.png"
            pyvips.Image.new_from_buffer(data, "").pngsave(str(decoded), compression=1, keep="none")
            row = {
                "setting": setting["name"],
                "quality": setting["quality"],
                "photo": name,
                "bytes": len(data),
                "cpu": min(spent),
                "megapixels": image.width * image.height / 1e6,
                "decoded": str(decoded),
            }
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
