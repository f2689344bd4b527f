"""How big an original or a result may be; each number names the attack or cost it answers (threats 2.1).

One table: `[limits]` in the settings, `/v1/limits` for clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The `[limits]` section."""

    upload_bytes: Annotated[int, "Bytes of an uploaded original; more is 413."] = 64 * 1024 * 1024
    pixels_streaming: Annotated[int, "Pixels of an original that is decoded line by line (D1)."] = 100_000_000
    pixels_whole: Annotated[
        int,
        "Pixels where the decoder holds the whole picture: progressive JPEG, interlaced PNG, AVIF, GIF (D3).",
    ] = 50_000_000
    frames: Annotated[int, "Frames of an animation (D6)."] = 200
    pixels_frames: Annotated[int, "Pixels of all frames of an animation together (D6)."] = 200_000_000
    pixels_result: Annotated[int, "Pixels of a result, one frame (A2)."] = 16_000_000
    side_result: Annotated[int, "Pixels of the longer side of a result (A2)."] = 8192
    scans: Annotated[int, "Scans of a progressive JPEG; hundreds cost seconds of CPU each (D4)."] = 100
    result_bytes: Annotated[int, "Bytes of an encoded variant; more is 422."] = 20 * 1024 * 1024
    url_bytes: Annotated[int, "Bytes of a request's path and query; more is 414 (A6)."] = 8192
    queue: Annotated[int, "Transcodes that may wait; more are 503 (O4)."] = 1000
    queue_seconds: Annotated[float, "Seconds a transcode may have to wait; more is 503 at once (O4)."] = 8.0
    client_burst: Annotated[float, "CPU-seconds of making one client may spend at once, times cores (A4)."] = 30.0
    client_rate: Annotated[float, "CPU-seconds of making a client earns back per second, times cores (A4)."] = 0.25
