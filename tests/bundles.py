"""Bundles for tests: made as `make aws-bundle` makes them, for the Python and the machine that the tests run on."""

from __future__ import annotations

import os
import platform
import sys
import zipfile
from pathlib import Path

from deploy.aws.bundle import KINDS, Bundle, assemble, build
from deploy.aws.wheels import Target

HERE = Target(
    {"aarch64": "arm64"}.get(platform.machine(), platform.machine()),
    f"{sys.version_info.major}.{sys.version_info.minor}",
)
"""The running interpreter, in Lambda's words."""


def shelf() -> Path:
    """Return where wheels are kept between runs of the tests."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "imagemill-tests" / "wheels"


def made(kind: str, out: Path) -> Bundle:
    """Return the bundle `kind` for the running interpreter, made and compiled by it in `out`."""
    return build(KINDS[kind], HERE, out=out, shelf=shelf(), compiler=sys.executable)


def code_of(kind: str, folder: Path, target: Target = HERE) -> Path:
    """Fill the empty `folder` with what the zip would hold, and return it: quicker where no zip is asked for."""
    compiler = sys.executable if target.python == HERE.python else None
    assemble(KINDS[kind], target, folder, shelf=shelf(), compiler=compiler)
    return folder


def unpacked(bundle: Bundle, into: Path) -> Path:
    """Unpack it as Lambda does and return the folder."""
    with zipfile.ZipFile(bundle.path) as archive:
        archive.extractall(into)
    return into
