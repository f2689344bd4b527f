"""Originals in a bucket of a server that checks signatures, through the real program."""

from __future__ import annotations

import base64
import io
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.fault_proxy import BUSY, FaultProxy, fault_proxy
from tests.servers.versity import versity
from tests.serving import RunningServer, serving


def picture(side: int = 300, *, big: bool = False) -> bytes:
    """Return a PNG; a `big` one has no compression and three bytes a pixel."""
    pixels = np.random.default_rng(side).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=0 if big else 6)
    return out.getvalue()


def settings(server: S3Server, bucket: str, **more: str) -> Mapping[str, str]:
    """Return the environment of a program whose originals are in `bucket`."""
    return {
        "IMAGEMILL_ORIGINALS__URL": f"s3://{bucket}/photos?endpoint={server.url}",
        "IMAGEMILL_VARIANTS__URL": "memory://",
        "IMAGEMILL_S3__ACCESS_KEY_ID": server.access,
        "IMAGEMILL_S3__SECRET_ACCESS_KEY": server.secret,
        "IMAGEMILL_LIMITS__CLIENT_BURST": "100000",
        **more,
    }


def keys_in(server: S3Server, bucket: str) -> list[str]:
    """Return what lies in the bucket, unfinished uploads included, but for our own documents."""
    boto = server.boto()
    listed = boto.list_objects_v2(Bucket=bucket).get("Contents", [])
    parts = boto.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [one["Key"] for one in [*listed, *parts] if "/.imagemill/" not in f"/{one['Key']}"]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server with a folder of buckets."""
    folder = tmp_path_factory.mktemp("s3") / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        yield S3Server(url, versity_server.ACCESS, versity_server.SECRET)


@pytest.fixture(scope="module")
def filled(s3: S3Server) -> str:
    """A bucket in which somebody has put pictures, some under odd keys."""
    bucket = s3.bucket()
    for key in ("photos/there.png", "photos/tab\there.png", "elsewhere.png"):
        s3.boto().put_object(Bucket=bucket, Key=key, Body=picture(), ContentType="image/png")
    return bucket


@pytest.fixture(scope="module")
def program(s3: S3Server, filled: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The program on that bucket."""
    with serving(tmp_path_factory.mktemp("program") / "data", env=settings(s3, filled)) as running:
        yield running


def test_what_lies_in_the_bucket_is_served_at_once(program: RunningServer) -> None:
    """Pictures that others put there are originals: in sizes, by odd keys, listed; what lies apart is not there."""
    odd = base64.urlsafe_b64encode(b"tab\there.png").rstrip(b"=").decode()
    with program.client() as client:
        for key in ("there.png", f"b64:{odd}"):
            answer = client.get(f"/img/w=50/{key}")
            assert answer.status_code == 200, answer.text
            assert Image.open(io.BytesIO(answer.content)).size == (50, 50)
        for key in ("../elsewhere.png", "elsewhere.png", ".imagemill/site/presets.json"):
            assert client.get(f"/img/w=50/{key}").status_code in (400, 404)
        listed = [one["key"] for one in client.get("/v1/originals").json()["items"]]
        assert listed == ["tab\there.png", "there.png"]
        record = client.get("/v1/originals/there.png").json()
        assert (record["width"], record["height"], record["sha256"]) == (300, 300, None)
        assert client.get("/healthz/ready").status_code == 200


def test_an_original_is_put_read_in_ranges_and_deleted(program: RunningServer, s3: S3Server, filled: str) -> None:
    """What we write is one object of the bucket with its type; conditions and ranges hold; a delete removes it."""
    data = picture(320)
    with program.client() as client:
        put = client.put("/v1/originals/new/one.png", content=data, headers={"If-None-Match": "*"})
        assert put.status_code == 201, put.text
        assert client.put("/v1/originals/new/one.png", content=data, headers={"If-None-Match": "*"}).status_code == 412
        theirs = s3.boto().get_object(Bucket=filled, Key="photos/new/one.png")
        assert (theirs["Body"].read(), theirs["ContentType"]) == (data, "image/png")
        part = client.get("/v1/content/new/one.png", headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, data[10:20])
        assert client.get("/img/w=40/new/one.png").status_code == 200
        replaced = client.put(
            "/v1/originals/new/one.png", content=picture(330), headers={"If-Match": put.headers["etag"]}
        )
        assert replaced.status_code == 200, replaced.text
        assert client.get("/v1/info/new/one.png").json()["width"] == 330
        assert client.delete("/v1/originals/new/one.png").status_code == 204
        assert client.get("/img/w=40/new/one.png").status_code == 404
    assert "photos/new/one.png" not in keys_in(s3, filled)


def test_a_change_behind_our_back_is_noticed(program: RunningServer, s3: S3Server, filled: str) -> None:
    """Another picture put into the bucket by its own client is seen within seconds: others may write there."""
    boto = s3.boto()
    boto.put_object(Bucket=filled, Key="photos/swap.png", Body=picture(100))
    with program.client(admin=False) as client:

        def width() -> int:
            return Image.open(io.BytesIO(client.get("/img/w=1000,fm=png/swap.png").content)).width

        assert width() == 100
        boto.put_object(Bucket=filled, Key="photos/swap.png", Body=picture(110))
        deadline = time.monotonic() + 60
        while width() != 110:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    boto.delete_object(Bucket=filled, Key="photos/swap.png")


def test_a_big_upload_arrives_as_it_is(program: RunningServer, s3: S3Server, filled: str) -> None:
    """Some sixty million bytes go through: checked, written as one object, read back in full."""
    data = picture(4472, big=True)
    assert len(data) > 60_000_000
    with program.client(timeout=120) as client:
        put = client.put("/v1/originals/big.png", content=data)
        assert put.status_code == 201, put.text
        assert s3.boto().head_object(Bucket=filled, Key="photos/big.png")["ContentLength"] == len(data)
        assert client.get("/v1/content/big.png").content == data
        assert client.delete("/v1/originals/big.png").status_code == 204


def test_a_killed_upload_leaves_nothing(s3: S3Server, tmp_path: Path) -> None:
    """Kill -9 while a body arrives: no object, no part of one, no file in the data folder."""
    bucket = s3.bucket()
    data = tmp_path / "data"
    with serving(data, env=settings(s3, bucket)) as running:
        body = picture(1000)
        with socket.create_connection(("127.0.0.1", running.port)) as line:
            head = (
                f"PUT /v1/originals/half.png HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {running.key}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            line.sendall(head.encode() + body[: len(body) // 2])
            _wait_for(lambda: _spooled(running.process.pid) > 0)
            running.stop(signal.SIGKILL)
    assert keys_in(s3, bucket) == []
    assert [path for path in (data / ".imagemill" / "spool").rglob("*") if path.is_file()] == []
    with serving(data, env=settings(s3, bucket)) as running, running.client() as client:
        assert client.get("/v1/originals/half.png").status_code == 404
        assert client.put("/v1/originals/half.png", content=body).status_code == 201


def test_a_bucket_that_can_only_be_read_is_served(s3: S3Server, tmp_path: Path) -> None:
    """A server that refuses writes: pictures are made from what is there, uploads and deletes are refused in words."""
    folder = tmp_path / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        bucket = S3Server(url, s3.access, s3.secret).bucket()
        S3Server(url, s3.access, s3.secret).boto().put_object(Bucket=bucket, Key="photos/there.png", Body=picture())
    with versity(folder, readonly=True) as url:
        server = S3Server(url, s3.access, s3.secret)
        with serving(tmp_path / "data", env=settings(server, bucket)) as running, running.client() as client:
            assert client.get("/img/w=50/there.png").status_code == 200
            for answer in (
                client.put("/v1/originals/a.png", content=picture()),
                client.delete("/v1/originals/there.png"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (403, "read_only")
            assert client.get("/img/w=51/there.png").status_code == 200
            assert client.get("/healthz/ready").status_code == 200


@pytest.fixture
def proxied(s3: S3Server, filled: str, tmp_path: Path) -> Iterator[tuple[FaultProxy, RunningServer]]:
    """The program behind a network that can fail."""
    with fault_proxy(s3.url) as proxy:
        through = S3Server(proxy.url, s3.access, s3.secret)
        with serving(tmp_path / "data", env=settings(through, filled)) as running:
            yield proxy, running


def test_while_the_store_is_away_what_is_known_goes_on(proxied: tuple[FaultProxy, RunningServer]) -> None:
    """Hits are served, what is new is refused with a time to come back, without a word of where the store is."""
    proxy, running = proxied
    with running.client() as client:
        first = client.get("/img/w=60/there.png")
        assert first.status_code == 200
        proxy.fail(lambda method, target: BUSY)
        new = client.get("/img/w=60/other.png")
        assert new.status_code == 503
        assert int(new.headers["retry-after"]) >= 1
        for secret in (proxy.url, "127.0.0.1", "pictures-", "SlowDown"):
            assert secret not in new.text
        _wait_for(lambda: client.get("/healthz/ready").json()["status"] == "degraded")  # it has what it can serve
        for _ in range(20):
            again = client.get("/img/w=60/there.png")
            assert (again.status_code, again.content) == (200, first.content)
            time.sleep(0.1)
        assert client.put("/v1/originals/new.png", content=picture()).status_code == 503
        proxy.fail(None)
        _wait_for(lambda: client.get("/healthz/ready").json()["status"] == "ready")
        assert client.get("/img/w=61/there.png").status_code == 200


def _wait_for(holds: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _spooled(pid: int) -> int:
    """Return how many bytes lie in files without a name that a process has open."""
    total = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)  # noqa: PTH115 - the text of the link, which is no path
            if "/spool/" in target and "(deleted)" in target:
                total += link.stat().st_size
        except OSError:
            continue
    return total
