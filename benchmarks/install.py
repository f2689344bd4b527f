"""Installs what is measured beside us, each in a folder of its own under `benchmarks/.peers`, from pinned hashes.

Nothing of it enters Imagemill's own environment. What is there already and matches its lock file is left alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETUP = HERE / "peer_setup"
PEERS = HERE / ".peers"
_SECONDS = 300


class NotInstalled(RuntimeError):
    """Something that a benchmark needs cannot be had on this machine; the sentence says what."""


def _fresh(folder: Path, lock: Path) -> bool:
    """Whether the folder was installed from exactly this lock file."""
    stamp = folder / ".lock-digest"
    return stamp.is_file() and stamp.read_text() == hashlib.sha256(lock.read_bytes()).hexdigest()


def _stamp(folder: Path, lock: Path) -> None:
    (folder / ".lock-digest").write_text(hashlib.sha256(lock.read_bytes()).hexdigest())


def run(
    command: list[str],
    what: str,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    seconds: float = _SECONDS,
) -> None:
    """Run a command that installs `what`; NotInstalled with the end of what it said where that fails."""
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode:
        raise NotInstalled(f"{what} could not be installed: {(done.stderr or done.stdout).strip()[-400:]}")


def python_environment(name: str, lock: Path) -> Path:
    """A virtual environment with what the lock file pins; returns its `bin` folder."""
    folder = PEERS / name
    if not _fresh(folder, lock):
        shutil.rmtree(folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(folder)], name)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--require-hashes", "--requirement", str(lock)], name)
        _stamp(folder, lock)
    return folder / "bin"


def quality() -> Path:
    """The Python that can compute SSIMULACRA2."""
    return python_environment("quality", HERE / "requirements-bench.txt") / "python"


def thumbor() -> Path:
    """The program `thumbor`."""
    return python_environment("thumbor", SETUP / "requirements-thumbor.txt") / "thumbor"


def npm_folder(name: str) -> Path:
    """The folder with the node_modules that the lock file in `peer_setup/<name>` pins."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise NotInstalled(f"{name} needs node and npm, which are not installed")
    folder, lock = PEERS / name, SETUP / name / "package-lock.json"
    if not _fresh(folder, lock):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SETUP / name, folder)
        run(["npm", "ci", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"], name, cwd=folder)
        _stamp(folder, lock)
    return folder


def ipx() -> Path:
    """The folder with IPX's server script and its node_modules."""
    folder = npm_folder("ipx")
    shutil.copyfile(SETUP / "ipx" / "server.mjs", folder / "server.mjs")
    return folder


def scores(pairs: list[tuple[Path, Path]]) -> list[float]:
    """SSIMULACRA2 of each pair (reference, picture); the two of a pair must have the same size."""
    lines = "".join(f"{reference}\t{picture}\n" for reference, picture in pairs)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(quality()), str(SETUP / "score.py")],
        input=lines,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60 + 20 * len(pairs),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"SSIMULACRA2 failed: {done.stderr.strip()[-400:]}")
    return [float(line) for line in done.stdout.split()]
