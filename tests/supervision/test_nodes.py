"""Two nodes that share a bucket and nothing else, or a Redis as well: each a server with a data folder of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.redis import running_redis
from tests.servers.versity import versity
from tests.serving import RunningServer, serving
from tests.supervision.nodes import PHOTOS, SECONDS, until

Nodes = tuple[RunningServer, RunningServer]


@pytest.fixture(scope="module", params=["bucket", "bucket and Redis"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two servers on one bucket of a server that checks signatures."""
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "buckets").mkdir()
    with ExitStack() as stack:
        server = S3Server(
            stack.enter_context(versity(folder / "buckets")), versity_server.ACCESS, versity_server.SECRET
        )
        env = {
            "IMAGEMILL_ORIGINALS__URL": f"s3://{server.bucket()}/pictures?endpoint={server.url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": server.access,
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": server.secret,
            "IMAGEMILL_ADMIN__KEY_FILE": str(folder / "key"),
        }
        (folder / "key").write_text("a-key-that-both-nodes-of-the-test-know\n")
        if "Redis" in request.param:
            env["IMAGEMILL_LIMITS__URL"] = stack.enter_context(running_redis()).url
        pair = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            (folder / name / "admin.key").write_text((folder / "key").read_text())
            pair.append(stack.enter_context(serving(folder / name, "--workers", "1", env=env)))
        yield pair[0], pair[1]


def put(server: RunningServer, key: str, photo: str) -> httpx.Response:
    """Upload a sample photo."""
    with server.client() as client:
        answer = client.put(f"/v1/originals/{key}", content=(PHOTOS / photo).read_bytes())
    assert answer.status_code in (200, 201), answer.text
    return answer


def made(server: RunningServer) -> float:
    """Return how many variants a node has made."""
    text = httpx.get(server.url + "/metrics", trust_env=False, timeout=SECONDS).text
    lines = [line for line in text.splitlines() if line.startswith("imagemill_variants_made_total")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_first_askers_of_two_nodes_cause_one_transcode(nodes: Nodes) -> None:
    """Who comes second on the other node waits for what the first one keeps in the bucket."""
    put(nodes[0], "stampede.jpg", "rocket.jpg")
    count = 40
    gate = threading.Barrier(count)

    def ask(number: int, width: int) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            gate.wait()
            return client.get(f"{nodes[number % 2].url}/img/w={width},fm=avif/stampede.jpg")

    for width in range(600, 605):  # on a busy machine a node may miss Redis for a moment: then once more
        before, missed = sum(map(made, nodes)), away(nodes)
        with ThreadPoolExecutor(count) as threads:
            answers = list(threads.map(ask, range(count), [width] * count))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        if away(nodes) == missed:
            break
    assert sum(map(made, nodes)) - before == 1


def away(nodes: Nodes) -> int:
    """Return how often the nodes have missed Redis."""
    return sum(server.log.read_text().count("is away") for server in nodes)


def test_nodes_agree_within_two_seconds(nodes: Nodes) -> None:
    """A replaced original is replaced on the other node, and a deleted one gone, at most two seconds later."""
    one, other = nodes
    urls = [f"{server.url}/img/w=80,fm=png/agreed.jpg" for server in nodes]

    def seen() -> list[httpx.Response]:
        return [httpx.get(url, trust_env=False, timeout=SECONDS) for url in urls]

    put(one, "agreed.jpg", "rocket.jpg")
    first = seen()
    assert [answer.status_code for answer in first] == [200, 200]
    assert first[0].content == first[1].content
    put(other, "agreed.jpg", "astronaut.jpg")
    changed = time.monotonic()
    while time.monotonic() < changed + 2.0:
        seen()
        time.sleep(0.1)
    second = seen()
    assert [answer.status_code for answer in second] == [200, 200]
    assert second[0].content == second[1].content != first[0].content
    with one.client() as client:
        assert client.delete("/v1/originals/agreed.jpg").status_code == 204
    time.sleep(2.0)
    assert [answer.status_code for answer in seen()] == [404, 404]


def test_a_lease_that_a_killed_node_left_is_taken_over(nodes: Nodes) -> None:
    """A node that dies in a make costs the other one the rest of its lease, not the answer."""
    one, other = nodes
    put(other, "orphan.jpg", "hubble.jpg")
    answers: list[httpx.Response] = []

    def ask(server: RunningServer, options: str) -> None:
        try:
            answers.append(httpx.get(f"{server.url}/img/{options}/orphan.jpg", trust_env=False, timeout=SECONDS))
        except httpx.TransportError:
            return

    for width in range(3600, 3620):  # where it was made before we could look, once more
        options = f"w={width},h=2900,enlarge=1,fm=avif,q=90"
        answers.clear()
        first = threading.Thread(target=ask, args=(one, options))
        first.start()
        until(lambda: one.metric("imagemill_makes_running") > 0 or bool(answers), "it is not made")
        if not answers:
            break
        first.join()
    second = threading.Thread(target=ask, args=(other, options))
    second.start()
    one.process.kill()
    first.join()
    second.join()
    assert [answer.status_code for answer in answers] == [200], "the killed node had answered"
    assert "detail=made" in answers[0].headers["cache-status"]
