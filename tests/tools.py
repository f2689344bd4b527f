"""What a test needs of the machine: there, or a clear word; under CI what is missing is a failure, never a skip."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

SYSTEM = "/usr/sbin:/sbin"
"""Where Debian keeps servers; not on every user's PATH."""


def missing(message: str) -> NoReturn:
    """Skip with `message`, or fail with it where CI must not skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def need(program: str, package: str) -> str:
    """Return the path of `program`; without it name the Debian `package` to install."""
    found = shutil.which(program) or shutil.which(program, path=SYSTEM)
    if found is None:
        missing(f"{program} is not installed (apt-get install {package})")
    return found
