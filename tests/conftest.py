"""What every test may ask for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from deploy.aws.bundle import Bundle
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings
from tests.bundles import code_of, made, unpacked
from tests.serving import SECONDS
from tests.tools import missing

import imagemill.engine.libvips  # noqa: F401 - before a benchmark's bare pyvips: its threads are set as it is loaded

ROOT = Path(__file__).resolve().parent.parent

# A shell's job in the background ignores Ctrl-C, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# httpx gives an answer five seconds, which a busy machine may take; its only default is this object.
for _limit in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _limit, SECONDS)

# An example may take as long as the machine lets it, at home as under CI, where Hypothesis knows that by itself.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


_TOGETHER = {
    "templates": {"plain", "full"},
    "bundles": {"delivery_zip", "delivery_code", "control_code", "arm64_code"},
}
"""Fixtures that take seconds to make, by the name of the group of tests that use them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together where several processes run them: users of a dear fixture, else those of a file."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        group = next((name for name, fixtures in _TOGETHER.items() if used & fixtures), str(item.path))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of pictures and attack files; tests over it skip where it is absent, but never under CI."""
    folder = Path(os.environ.get("IMAGEMILL_CORPUS", ROOT.parent / "shared" / "images"))
    if not folder.is_dir():
        missing(f"no corpus of images at {folder} (set IMAGEMILL_CORPUS)")
    return folder


@pytest.fixture(scope="session")
def delivery_zip(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle of the delivery function, for the running Python."""
    return made("delivery", tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def delivery_code(delivery_zip: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That bundle unpacked: the delivery function's code, and nothing else."""
    return unpacked(delivery_zip, tmp_path_factory.mktemp("delivery-code"))


@pytest.fixture(scope="session")
def control_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the control, events and authorizer functions, as their bundle holds it."""
    return code_of("control", tmp_path_factory.mktemp("control-code"))
