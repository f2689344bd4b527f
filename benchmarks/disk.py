"""Hits from the disk cache in front of a bucket, against a bare ASGI application on the same Granian.

The store of variants is a moto server, which the hits never ask: it is there because only a remote store has a disk
cache in front. There is no memory cache here, so that every hit reads its file; the kernel keeps the files in memory,
as it does for those that are asked often.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import bursts, load, pictures, processes
from benchmarks.hot import options_for
from benchmarks.measure import Outcome, at_least
from benchmarks.server import UNLIMITED, Imagemill, fetch, free_port, status_of

ORIGINALS = 20
WIDTHS = 50
"""Variants of each original: hits of one original share its one look per second at the stores."""
GATE = 0.35


def measure() -> Outcome:
    """Make a thousand variants, then run the interleaved pairs."""
    with _bucket() as environment, Imagemill(UNLIMITED | environment) as server:
        names = pictures.copies(pictures.small(server.scratch), server.data, ORIGINALS, "disk")
        server.start()
        options, size = options_for(server, names[0])
        paths = [f"/img/{options},bri={number}/{name}" for name in names for number in range(1, WIDTHS + 1)]
        load.run(load.Load(port=server.port, paths=paths)).require_good("disk, filling the cache")
        processes.wait_until(lambda: _on_disk(server, paths), 30, "variants on the disk")
        load.run(load.Load(port=server.port, paths=paths)).require_good("disk, warm-up")
        ours, bare = bursts.against_bare_asgi(server, bursts.listed(paths, server.scratch / "paths.txt"), size)
        _require_disk(server, paths[0])
    return Outcome(
        method=(
            f"{ORIGINALS * WIDTHS} variants of {ORIGINALS} originals at random, about {size} bytes each, no cache in "
            "memory, variants.url in a bucket, all contract headers and the JSON access log on; "
            f"{bursts.method()}"
        ),
        figures=(*bursts.compared(ours, bare, other="bare ASGI", gate=at_least(GATE)), *bursts.latencies(ours)),
    )


@contextmanager
def _bucket() -> Iterator[dict[str, str]]:
    """Run a moto server with one bucket and give the settings that keep variants in it."""
    import boto3

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path.cwd(), start_new_session=True
    )
    try:
        processes.wait_until(lambda: status_of(port, "/moto-api/") == 200, 30, "moto", server)
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106 - moto takes any
        )
        client.create_bucket(Bucket="variants")
        yield {
            "IMAGEMILL_VARIANTS__URL": f"s3://variants?endpoint={url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": "bench",
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": "bench",
            "IMAGEMILL_CACHE__MEMORY_BYTES": "0",
        }
    finally:
        processes.stop(server)


def _on_disk(server: Imagemill, paths: list[str]) -> bool:
    """Whether the files of all variants are there: they are written behind the answers."""
    folder = server.data / ".imagemill" / "cache" / "default"
    return sum(one.is_file() for one in folder.rglob("~/*/*")) >= len(paths)


def _require_disk(server: Imagemill, path: str) -> None:
    _, headers, _ = fetch(server.port, path)
    if not headers["cache-status"].endswith("detail=disk"):
        raise RuntimeError(f"disk: a hit on the disk expected, got {headers['cache-status']}")
