"""The real command line, run as a person runs it: a process, arguments, two streams, an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.serving import environment

SECONDS = 60


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def imagemill(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ended:
    """Run `imagemill` with these arguments in `cwd`, without any setting of ours but `env`."""
    command = [sys.executable, "-m", "imagemill", *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment({"COLUMNS": "100", **(env or {})}),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
