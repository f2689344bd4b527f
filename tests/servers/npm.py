"""Clients from npm, installed once from a lock file with checksums and kept between runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.serving import environment
from tests.tools import missing, need

FOLDER = Path(__file__).resolve().parent / "tus-js"


def tus_js() -> Path:
    """Return a folder whose `node_modules` hold tus-js-client; skips, or fails under CI, where it cannot be had."""
    need("node", "nodejs")
    npm = need("npm", "npm")
    lock = (FOLDER / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imagemill-tests"
    home = cache / f"tus-js-{hashlib.sha256(lock).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "tus-js.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not home.exists():
            _install(npm, home)
    return home


def _install(npm: str, home: Path) -> None:
    made = Path(tempfile.mkdtemp(dir=home.parent))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(FOLDER / name, made / name)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=made,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(made, ignore_errors=True)
        missing(f"tus-js-client cannot be installed: {done.stderr[-500:]}")
    made.rename(home)
