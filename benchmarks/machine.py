"""Where a run was made: processor, memory, kernel and the versions that decide the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from benchmarks.load import ROOT

PACKAGES = ("imagemill", "pyvips", "pyvips-binary", "granian", "msgspec")


def _line(path: str, start: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(start):
            return line.partition(":")[2].strip()
    return "unknown"


def revision() -> str:
    """The commit that was measured, with a plus sign when the source differs from it; "unknown" outside git."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["/usr/bin/env", "git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    return commit + "+" if git("status", "--porcelain", "--", "src") else commit


def describe() -> dict[str, object]:
    """Everything, for `latest.json`."""
    import pyvips

    return {
        "processor": _line("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        **{name: metadata.version(name) for name in PACKAGES},
    }
