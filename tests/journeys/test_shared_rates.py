"""One burst for all: the processes of a node, and nodes that share a Redis, with the real program (G5, O1)."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
from tests.servers.redis import running_redis
from tests.serving import RunningServer, serving
from tests.supervision.nodes import until

BURST = 20
RATE = {"IMAGEMILL_THROTTLE__CONTROL_CLIENT": f"0.001/s burst {BURST}"}


def statuses(servers: list[RunningServer], times: int) -> Counter[int]:
    """Return what some calls of the control API get, each on a connection of its own, the servers in turn."""
    found: Counter[int] = Counter()
    for number in range(times):
        server = servers[number % len(servers)]
        headers = {"x-api-key": server.key}
        found[httpx.get(f"{server.url}/v1/presets", headers=headers, trust_env=False).status_code] += 1
    return found


def test_two_processes_of_a_node_admit_one_burst(tmp_path: Path) -> None:
    """Connections go to either, and both count in one table."""
    with serving(tmp_path / "data", "--http", "2", env=RATE) as server:
        assert statuses([server], 60) == {200: BURST, 429: 60 - BURST}
        # A process may say a second late what it has counted.
        until(
            lambda: server.metric("imagemill_refusals_total", '{limit="control_client"}') == 60 - BURST,
            "refusals are counted twice, or not at all",
        )


def test_two_nodes_that_share_redis_admit_one_burst(tmp_path: Path) -> None:
    """Each with a data folder of its own; the bucket is in Redis."""
    for turn in range(5):  # on a busy machine a node may miss Redis for a moment, and judge by itself: then once more
        with running_redis() as redis, ExitStack() as nodes:
            env = {**RATE, "IMAGEMILL_LIMITS__URL": redis.url, "IMAGEMILL_THROTTLE__NODES": "2"}
            servers = [nodes.enter_context(serving(tmp_path / f"{name}{turn}", env=env)) for name in ("one", "two")]
            found = statuses(servers, 60)
            missed = any("is away" in server.log.read_text() for server in servers)
        if not missed:
            break
    assert found == {200: BURST, 429: 60 - BURST}
