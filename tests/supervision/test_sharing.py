"""What each of a node's processes gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagemill.assembly.nodes import cores_of
from imagemill.settings import Settings
from imagemill.supervision.sharing import share_of


def settings(processes: int, workers: int = 0, rare: int = 0, queue: int = 1000) -> Settings:
    """Return settings of a node."""
    plain = Settings()
    return replace(
        plain,
        server=replace(plain.server, processes=processes),
        engine=replace(plain.engine, workers=workers, rare_workers=rare),
        limits=replace(plain.limits, queue=queue),
    )


@pytest.mark.parametrize(
    ("processes", "workers", "shares"), [(1, 8, [8]), (2, 8, [4, 4]), (3, 8, [3, 3, 2]), (4, 2, [1, 1, 1, 1])]
)
def test_workers_are_divided_and_nobody_has_none(processes: int, workers: int, shares: list[int]) -> None:
    """The parts are the whole, or one each where there are fewer workers than processes."""
    node = settings(processes, workers)
    assert [share_of(node, index).engine.workers for index in range(processes)] == shares
    assert cores_of(node) == sum(shares)


def test_room_is_divided_and_switched_off_stays_off() -> None:
    """Memory and the queue have parts; 0 means what it meant; what is counted in common is not divided."""
    node = settings(4, 4)
    share = share_of(node, 1)
    assert share.cache.memory_bytes == node.cache.memory_bytes // 4
    assert share.limits.queue == 250
    assert share.engine.rare_workers == 0
    assert share_of(settings(4, 4, queue=0), 0).limits.queue == 0
    assert share_of(settings(4, 4, rare=2), 3).engine.rare_workers == 1
    assert (share.limits.client_burst, share.server.processes) == (node.limits.client_burst, 4)
