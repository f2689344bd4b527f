"""Pictures and their variants in one bucket, through the real program: which tier answers, and when the store goes."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.object_store.s3_servers import S3Server
from tests.servers.fault_proxy import GONE_BEFORE, FaultProxy, fault_proxy
from tests.servers.moto import moto
from tests.serving import RunningServer, all_below, serving

SIZE = "/img/w=64,fm=webp/"
PATIENCE = 60.0


def picture(seed: int) -> bytes:
    """Return a PNG like no other."""
    pixels = np.random.default_rng(seed).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Place:
    """A bucket behind a proxy that can break every connection, and the programs that use it."""

    def __init__(self, server: S3Server, proxy: FaultProxy) -> None:
        self.server = server
        self.proxy = proxy
        self.bucket = server.bucket()
        self.env = {
            "IMAGEMILL_ORIGINALS__URL": f"s3://{self.bucket}/pictures?endpoint={proxy.url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": server.access,
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": server.secret,
            "IMAGEMILL_CACHE__MEMORY_BYTES": "0",
            "IMAGEMILL_LIMITS__CLIENT_BURST": "100000",
        }

    def variants(self, key: str) -> list[str]:
        """Return what the bucket has of the variants of `key`."""
        prefix = f"pictures/.imagemill/variants/default/{key}/~/"
        listed = self.server.boto().list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [one["Key"] for one in listed if not one["Key"].endswith("record.json")]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, FaultProxy]]:
    """A server, and a proxy in front of it."""
    with moto(tmp_path_factory.mktemp("moto")) as url, fault_proxy(url) as proxy:
        yield S3Server(url, "AKIDMOTO", "secret"), proxy


@pytest.fixture
def place(s3: tuple[S3Server, FaultProxy]) -> Iterator[Place]:
    """An empty bucket that can be reached."""
    server, proxy = s3
    yield Place(server, proxy)
    proxy.fail(None)


def detail(program: RunningServer, key: str, options: str = SIZE) -> tuple[int, str]:
    """Return status and tier of an answer."""
    with program.client(admin=False) as client:
        response = client.get(f"{options}{key}")
    status = response.headers.get("cache-status", "")
    return response.status_code, status.rpartition("detail=")[2]


def put(program: RunningServer, key: str, seed: int) -> None:
    """Upload a picture."""
    with program.client() as client:
        assert client.put(f"/v1/originals/{key}", content=picture(seed)).status_code in (200, 201)


def test_each_tier_answers_what_the_one_before_lacks(place: Place, tmp_path: Path) -> None:
    """Made, then from the disk, after a restart too; without the disk from the bucket; a damaged file is not served."""
    data = tmp_path / "data"
    with serving(data, env=place.env) as program:
        put(program, "cat.png", 1)
        assert detail(program, "cat.png") == (200, "made")
        until(lambda: len(place.variants("cat.png")) == 1, "the variant is not in the bucket")
        assert detail(program, "cat.png") == (200, "disk")
    with serving(data, env=place.env) as program:
        assert detail(program, "cat.png") == (200, "disk")
        found = all_below(data / ".imagemill" / "cache")
        (file,) = (one for one in found if one.name.startswith("w=64") and one.is_file())
        body = bytearray(file.read_bytes())
        body[-100] ^= 4
        file.write_bytes(bytes(body))
        assert detail(program, "cat.png") == (200, "store")
        until(lambda: file.is_file() and detail(program, "cat.png") == (200, "disk"), "it was not written again")
        assert bytes(body) != file.read_bytes()
    shutil.rmtree(data / ".imagemill" / "cache")
    with serving(data, env=place.env) as program:
        assert detail(program, "cat.png") == (200, "store")
        until(lambda: detail(program, "cat.png") == (200, "disk"), "it was not written to the disk")
        assert program.metric("imagemill_disk_cache_bytes") == 4096


def test_hits_outlive_the_store(place: Place, tmp_path: Path) -> None:
    """With the bucket away what is known goes on, what was deleted stays away, what is unknown is 503.

    A variant that could not be kept is answered all the same.
    """
    with serving(tmp_path / "data", env=place.env) as program:
        for number, key in enumerate(("cat.png", "dog.png")):
            put(program, key, number)
            assert detail(program, key) == (200, "made")
        until(lambda: all(place.variants(key) for key in ("cat.png", "dog.png")), "the variants are not in the bucket")
        with program.client() as client:
            assert client.delete("/v1/originals/dog.png").status_code == 204
        place.proxy.fail(lambda *_: GONE_BEFORE)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert detail(program, "cat.png") == (200, "disk")
            assert detail(program, "dog.png")[0] in (404, 503)
            time.sleep(0.1)
        assert detail(program, "bird.png")[0] == 503
        assert detail(program, "cat.png", "/img/w=65,fm=webp/")[0] == 503, "the original is in that bucket as well"
        variants = "/.imagemill/variants/"
        place.proxy.fail(lambda _, target: GONE_BEFORE if variants in target and "record.json" not in target else None)
        until(lambda: detail(program, "cat.png", "/img/w=65,fm=webp/")[0] == 200, "the originals are back")
        place.proxy.fail(None)
        until(lambda: detail(program, "dog.png")[0] == 404, "deleted, and nothing else")
        until(lambda: detail(program, "bird.png")[0] == 404, "never there")


def test_two_nodes_agree_within_two_seconds(place: Place, tmp_path: Path) -> None:
    """What one node replaced or deleted, the other does not answer two seconds later; purges reach its disk."""
    with serving(tmp_path / "one", env=place.env) as one, serving(tmp_path / "two", env=place.env) as two:
        put(one, "cat.png", 1)
        with two.client(admin=False) as client:
            old = client.get(SIZE + "cat.png").content
            until(lambda: detail(two, "cat.png") == (200, "disk"), "the other node has it on its disk")
            put(one, "cat.png", 2)
            time.sleep(2.0)
            new = client.get(SIZE + "cat.png")
            assert new.status_code == 200
            assert new.content != old
            until(lambda: detail(two, "cat.png") == (200, "disk"), "the new one is on its disk")
            with one.client() as admin:
                assert admin.post("/v1/purges", json={"key": "cat.png"}).status_code == 202
            until(lambda: detail(two, "cat.png") != (200, "disk"), "a purge by one node reaches the disk of the other")
            until(
                lambda: detail(two, "cat.png") == (200, "disk") and bool(place.variants("cat.png")),
                "it is in the bucket again",
            )
            with one.client() as admin:
                assert admin.delete("/v1/originals/cat.png").status_code == 204
            time.sleep(2.0)
            assert client.get(SIZE + "cat.png").status_code == 404
    assert place.variants("cat.png") == []
