"""Clients that mean harm, against the real program: floods of sizes, slow connections, no Redis (A4, H2, F4)."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from tests.servers.redis import PASSWORD, running_redis
from tests.serving import RunningServer, all_below, serving
from tests.tools import need

SLOW = {
    "IMAGEMILL_SERVER__HEADER_SECONDS": "2",
    "IMAGEMILL_SERVER__BODY_SECONDS": "2",
    "IMAGEMILL_SERVER__WRITE_SECONDS": "2",
}
"""The time limits of the shipped settings, ten times shorter, so that a test can wait for them."""
PATIENCE = 90.0


def noise(width: int, height: int) -> bytes:
    """Return a JPEG of noise, whose lossless variants are as large as they can be."""
    out = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def folder(tmp_path: Path, **pictures: bytes) -> Path:
    """Return a data folder with some pictures, named after the arguments."""
    data = tmp_path / "data"
    data.mkdir()
    for name, body in pictures.items():
        (data / f"{name}.jpg").write_bytes(body)
    return data


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition, or fail saying which."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.05)


def connections(port: int) -> int:
    """Return how many established connections the server's side has, as the kernel lists them."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


async def ask_on_one(port: int, source: str, paths: list[str]) -> list[int]:
    """Ask for `paths` one after another on one connection; return the statuses."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    statuses = []
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        await reader.readexactly(length)
        statuses.append(int(head[9:12]))
    writer.close()
    return statuses


def test_a_flood_of_sizes_gets_its_share_and_no_more(tmp_path: Path) -> None:
    """Ten thousand sizes by one client: its bucket of makes, a bounded store, and others are served (A4)."""
    burst, rate, kept, room = 0.6, 0.05, 25, 150_000
    env = {
        "IMAGEMILL_ENGINE__WORKERS": "2",
        "IMAGEMILL_LIMITS__CLIENT_BURST": str(burst / 2),
        "IMAGEMILL_LIMITS__CLIENT_RATE": str(rate / 2),
        "IMAGEMILL_VARIANTS__MAX_PER_ORIGINAL": str(kept),
        "IMAGEMILL_VARIANTS__MAX_BYTES": str(room),
    }
    with serving(folder(tmp_path, a=noise(640, 480), b=noise(320, 240)), env=env) as server:
        sizes = [f"/img/{100 + n % 100}x{100 + n // 100},fm=jpeg/a.jpg" for n in range(10_000)]
        modest = ["/img/w=50,fm=jpeg/b.jpg"] * 200 + [f"/img/w={60 + n},fm=jpeg/b.jpg" for n in range(5)]

        async def scene() -> tuple[Counter[int], Counter[int]]:
            greedy = [ask_on_one(server.port, "127.0.0.1", sizes[start::16]) for start in range(16)]
            other = ask_on_one(server.port, "127.0.0.2", modest)
            *floods, served = await asyncio.gather(*greedy, other)
            return Counter(status for flood in floods for status in flood), Counter(served)

        began = time.monotonic()
        flood, served = asyncio.run(scene())
        seconds = time.monotonic() - began
        assert served == {200: len(modest)}
        assert flood.total() == 10_000
        assert flood.keys() <= {200, 429, 503}
        assert flood[429] > 9_000
        spent = server.metric("imagemill_transcode_cpu_seconds_total")
        # A make is paid by its estimate before, by its cost after: those that run at once may pass the burst together.
        assert spent <= 2 * burst + rate * seconds + 1.0, spent
        assert server.metric("imagemill_refusals_total", '{limit="make"}') == flood[429]
        assert server.metric("imagemill_variant_store_bytes") <= room
        files = [
            path for path in all_below(server.data / ".imagemill") if "/a.jpg/~/" in str(path) and path.suffix == ".jpg"
        ]
        assert len(files) <= kept


@contextmanager
def attacking(server: RunningServer, *arguments: str) -> Iterator[None]:
    """Run slowhttptest against the server until the block ends; by itself it would hold on for two minutes."""
    program = need("slowhttptest", "slowhttptest")
    command = [program, "-l", "120", "-p", "3", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attack:
        try:
            yield
        finally:
            assert attack.poll() is None or attack.returncode == 0
            attack.kill()


def test_slow_clients_are_cut_off_and_a_normal_one_is_served(tmp_path: Path) -> None:
    """Headers, bodies and readings a byte at a time on 360 connections: our limits end them all (H2)."""
    with serving(folder(tmp_path, a=noise(1800, 1200)), env=SLOW) as server, server.client() as normal:
        large = "/img/w=1700,fm=png/a.jpg"
        assert len(normal.get(large).content) > 4_000_000
        headers = ("-H", "-c", "120", "-r", "200", "-i", "1", "-u", f"{server.url}/img/w=50/a.jpg")
        bodies = ("-B", "-c", "120", "-r", "200", "-i", "1", "-s", "8192", "-u", f"{server.url}/v1/originals")
        reads = ("-X", "-c", "120", "-r", "200", "-w", "8", "-y", "16", "-n", "1", "-z", "8", "-u", server.url + large)
        with attacking(server, *headers), attacking(server, *bodies), attacking(server, *reads):
            wait_until(lambda: connections(server.port) > 100, "the attack")
            for width in range(200, 230):
                assert normal.get("/img/w=50,fm=jpeg/a.jpg").status_code == 200
                assert normal.get(f"/img/w={width},fm=jpeg/a.jpg").status_code == 200
            wait_until(lambda: connections(server.port) < 20, "the end of the slow connections")
            assert normal.get("/healthz/ready").status_code == 200


def test_an_upload_a_byte_at_a_time_is_given_up(tmp_path: Path) -> None:
    """Neither a pause nor a trickle holds a connection: it is answered and closed, and nothing is stored (H2)."""
    with serving(folder(tmp_path), env=SLOW) as server, server.client() as normal:
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            fields = f"Host: x\r\nX-Api-Key: {server.key}\r\nContent-Length: 9999\r\n\r\n"
            slow.sendall(f"PUT /v1/originals/slow.jpg HTTP/1.1\r\n{fields}".encode())
            slow.settimeout(0.5)
            answer, deadline = b"", time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                try:
                    slow.sendall(b"x")
                    answer += slow.recv(4096)
                    break
                except TimeoutError:
                    continue
            assert b" 400 " in answer
            assert b"imagemill-error: body_stalled" in answer
        assert normal.get("/img/w=9/slow.jpg").status_code == 404


def test_readers_that_stop_hold_little_memory_and_no_stop(tmp_path: Path) -> None:
    """Forty clients that read nothing of a large picture hold a piece each; SIGTERM ends the server all the same."""
    env = {"IMAGEMILL_SERVER__WRITE_SECONDS": "100", "IMAGEMILL_SERVER__DRAIN_SECONDS": "1"}
    with serving(folder(tmp_path, a=noise(1800, 1200)), env=env) as server, server.client() as normal:
        path = "/img/w=1700,fm=png/a.jpg"
        size = len(normal.get(path).content)
        normal.get(path)
        before = _resident(server)
        stopped = [_reading_nothing(server.port, path) for _ in range(40)]
        wait_until(lambda: connections(server.port) >= 40, "the readers")
        for _ in range(20):
            assert normal.get("/img/w=50,fm=jpeg/a.jpg").status_code == 200
        assert _resident(server) - before < 40 * size / 4
        normal.close()
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 30  # as docs/processes.md says; the writers' limit is a hundred
        for one in stopped:
            one.close()


def _reading_nothing(port: int, path: str) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", port))
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return one


def _resident(server: RunningServer) -> int:
    """Return the bytes of memory that the serving process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def test_hits_and_makes_go_on_without_redis(tmp_path: Path) -> None:
    """Stopped, killed and back again: pictures and the control API answer throughout, and rates are kept (F4)."""
    with running_redis() as redis:
        env = {
            "IMAGEMILL_LIMITS__URL": redis.url,
            "IMAGEMILL_THROTTLE__DELIVERY_CLIENT": "0.01/s burst 2000",
            "IMAGEMILL_THROTTLE__CONTROL_CLIENT": "0.01/s burst 30",
        }
        with serving(folder(tmp_path, a=noise(640, 480)), env=env) as server, server.client() as client:
            widths = iter(range(100, 600))

            def pictures() -> None:
                for _ in range(5):
                    assert client.get("/img/w=50,fm=jpeg/a.jpg").status_code == 200
                    assert client.get(f"/img/w={next(widths)},fm=jpeg/a.jpg").status_code == 200

            def works() -> None:
                pictures()
                assert client.get("/v1/originals").status_code == 200

            works()
            assert redis.process is not None
            redis.process.send_signal(signal.SIGSTOP)
            works()
            redis.process.send_signal(signal.SIGCONT)
            works()
            redis.stop()
            works()
            assert client.get("/healthz/ready").status_code == 200
            statuses = [client.get("/v1/originals").status_code for _ in range(40)]
            assert statuses[-1] == 429
            redis.start()
            # The shared buckets count again: those of the new Redis are full.
            wait_until(lambda: client.get("/v1/originals").status_code == 200, "Redis")
            pictures()
            assert PASSWORD not in server.logged()
