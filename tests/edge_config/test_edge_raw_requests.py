"""The 47 raw requests of the corpus through nginx and Varnish: nobody disagrees where one ends (threat H1)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.edge_config.conftest import EDGES
from tests.journeys.test_raw_requests import CASES, allowed, send
from tests.servers.counting import CountingOrigin, counting_origin
from tests.servers.edges import Edge
from tests.servers.nginx import nginx
from tests.servers.varnish import varnish

MENDED = {("varnish", "fold.bin"): "200"}
"""What a server in front may put right itself: RFC 9112 section 5.2 lets it replace a folded line by a plain one."""
IDLE = 15.0
"""Seconds; longer than any of the servers waits for a request to go on."""


def file_of(corpus: Path, case: dict[str, Any]) -> bytes:
    """Return the bytes of a case, about a picture that is there."""
    data = (corpus / "hostile" / "raw_http" / str(case["file"])).read_bytes()
    data = data.replace(b"/RANGE_TARGET", b"/img/w=64,fm=png/astronaut.jpg")
    return data.replace(b"GET /health ", b"GET /robots.txt ").replace(b"GET / ", b"GET /robots.txt ")


def closes(edge: Edge, data: bytes) -> bool:
    """Whether a connection is closed without an answer."""
    with socket.create_connection(("127.0.0.1", edge.port)) as connection:
        connection.settimeout(IDLE)
        connection.sendall(data)
        return connection.recv(1) == b""


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_raw_request_through_a_server_in_front(case: dict[str, Any], edge: Edge, corpus: Path) -> None:
    """An allowed status or a closed connection, and the next client is answered."""
    many = 1000 if case["file"] == "pipeline_1000.bin" else 1
    statuses, closed, received = send(edge, file_of(corpus, case), many, wait=IDLE)
    final = [status for status in statuses if status >= 200]
    if case["file"] == "h09.bin" and not final and not closed:
        closed = closes(edge, file_of(corpus, case))  # Varnish waits for the rest of the headers, some seconds
    assert final or closed, "neither an answer nor a close"
    if final and MENDED.get((edge.word, case["file"])) != str(final[0]):
        assert allowed(case, final[0]) or (closed and "close" in case["allow"]), (final[:3], closed, received[:300])
    assert b"secret" not in received
    assert edge.get("/robots.txt").status_code == 200


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Edge, CountingOrigin]]]:
    """Each server in front of an origin that only reads requests, strictly, and counts them."""
    folder = tmp_path_factory.mktemp("counted")
    (folder / "data").mkdir()
    elsewhere = {"IMAGEMILL_VARIANTS__URL": "memory://"}
    with (
        counting_origin(folder / "data") as first,
        counting_origin(folder / "data") as second,
        counting_origin(folder / "data") as third,
        nginx(first, folder / "files", "--control") as files,
        nginx(second, folder / "cache", "--control", env=elsewhere) as cache,
        varnish(third, folder / "varnish", "--control") as front,
    ):
        yield {"files": (files, first), "cache": (cache, second), "varnish": (front, third)}


@pytest.mark.parametrize("name", EDGES)
def test_the_origin_sees_no_more_requests_than_are_answered(
    name: str, counted: dict[str, tuple[Edge, CountingOrigin]], corpus: Path
) -> None:
    """For each file: as many requests at the origin as answers of it at the client, each whole and unambiguous."""
    edge, origin = counted[name]
    for case in CASES:
        if case["file"] == "pipeline_1000.bin":
            continue
        data = file_of(corpus, case).replace(b"GET /robots.txt ", b"GET /info/a ")
        data = data.replace(b"POST / HTTP", b"POST /v1/a HTTP")
        before = origin.count()
        _, closed, received = send(edge, data, wait=6.0)
        answered = received.count(b"x-counted: 1")
        deadline = time.monotonic() + 60
        while origin.count() - before < answered and time.monotonic() < deadline:
            time.sleep(0.01)
        seen = origin.count() - before
        assert seen <= max(answered, 1), (case["file"], seen, answered)
        assert seen == answered or closed or not received, (case["file"], seen, answered)
    assert origin.faults() == []
