"""Real programs that tests start: found on the machine, or a clear word; under CI a missing one is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, package: str) -> str:
    """Return the path of `program`; skip naming the Debian `package` to install, or fail where CI must not skip."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is not None:
        return found
    message = f"{program} is not installed (apt-get install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
