"""One real server for the journeys that do not need their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving import RunningServer, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an empty folder and a client budget that tests do not meet by accident."""
    data: Path = tmp_path_factory.mktemp("journeys") / "data"
    with serving(data, env={"IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}) as running:
        yield running
