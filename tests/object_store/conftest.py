"""What the tests of stores share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# The shipped contracts explain a failed assertion as a test module would.
pytest.register_assert_rewrite("imagemill.testing.contracts.object_store")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: for tests that make many files and ask nothing of the disk."""
    place = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=place if os.access(place, os.W_OK) else None) as folder:
        Path(folder).chmod(0o755)  # one test looks at it as somebody else
        yield Path(folder)
