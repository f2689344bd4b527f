"""Settings of the engine: how many workers, and what one job may cost (threats 2.1, D1-D18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The `[engine]` section."""

    workers: Annotated[int, "Worker processes that transcode; 0 = one for each core this process may use."] = 0
    wall_seconds: Annotated[float, "A job that takes longer is killed (422 too_complex)."] = 10.0
    cpu_seconds: Annotated[float, "CPU-seconds a job may use before it is killed (422 too_complex)."] = 8.0
    memory_bytes: Annotated[int, "Memory a worker may grow to in a job before it is killed."] = 768 * 1024 * 1024
    rare_workers: Annotated[
        int,
        "Worker processes for SVG, HEIC, JPEG XL, BMP and ICO, started at the first of them; 0 = as many as `workers`, "
        "but at most two.",
    ] = 0
    drawing_cpu_seconds: Annotated[float, "CPU-seconds that drawing one SVG may use (422 too_complex)."] = 2.0
    drawing_memory_bytes: Annotated[int, "Memory that drawing one SVG may use."] = 256 * 1024 * 1024
    recycle_jobs: Annotated[int, "A worker is replaced by a fresh one after this many jobs."] = 2000
    recycle_bytes: Annotated[int, "A worker whose resting memory is above this is replaced."] = 200 * 1024 * 1024
    linear_light: Annotated[
        bool,
        "Scale as light adds up instead of encoded levels, as browsers do; 3 to 6 times the CPU of a small JPEG.",
    ] = False
    quality: Annotated[int, "Quality where the URL names none, 1…100 on JPEG's scale."] = 76
    fonts: Annotated[str, "A folder of up to six fonts (.ttf, .otf) for text, beside the two built-in ones."] = ""
