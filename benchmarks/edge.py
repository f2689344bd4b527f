"""Hits through the nginx configuration that Imagemill writes, against the same nginx with the same files, plain.

All are one nginx with one worker: our configuration on one port, a flat folder of the same bodies on another. So what
is compared is what the configuration costs: choosing the file by options, version and Accept, and our headers. A third
port serves the kept files from where they lie, by their own paths and without any configuration: what is lost there is
lost to the longer path and its link, and no configuration can win it back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bursts, load, pictures, processes
from benchmarks.bursts import Burst
from benchmarks.hot import URLS, options_for
from benchmarks.measure import PAIRS, Figure, Outcome, at_least, median_ratio
from benchmarks.server import UNLIMITED, Imagemill, fetch, free_port, status_of

GATE = 0.9
SETTINGS = {"IMAGEMILL_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
FRAME = """
{user} error_log {folder}/error.log warn; pid {folder}/nginx.pid; daemon off; worker_processes 1; pcre_jit on;
events {{ worker_connections 4096; }}
http {{
  access_log off; include /etc/nginx/mime.types; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  include {folder}/imagemill.conf;
  server {{ listen 127.0.0.1:{plain}; root {folder}/plain; }}
  server {{ listen 127.0.0.1:{bare}; root "{kept}"; }}
}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """A running nginx and its three ports."""

    pid: int
    port: int
    plain: int
    bare: int


def measure() -> Outcome:
    """Make 1 000 variants, copy them to a plain folder under the same paths, then run the interleaved pairs."""
    if not bursts.has_wrk():
        raise RuntimeError("edge: wrk is needed, for our own generator is slower than nginx (apt-get install wrk)")
    with Imagemill(UNLIMITED | SETTINGS) as server:
        names = pictures.copies(pictures.small(server.scratch), server.data, URLS, "edge")
        server.start()
        options, size = options_for(server, names[0])
        paths = [f"/img/{options}/{name}" for name in names]
        load.run(load.Load(port=server.port, paths=paths)).require_good("edge, making the variants")
        folder = server.scratch / "nginx"
        _copy_answers(server, paths, folder / "plain")
        with _nginx(server, folder) as front:
            processes.wait_until(lambda: all(_hits(front.port, path) for path in paths[::50]), 30, "hits of nginx")
            kept = [f"/{name}/~/current/{_leaf(server, name)}" for name in names]
            ours, plain, bare = _rounds(
                front,
                bursts.listed(paths, server.scratch / "paths.txt"),
                bursts.listed(kept, server.scratch / "kept.txt"),
            )
            _require_same(front, paths[0])
    limit = median_ratio([b.rate for b in bare], [b.rate for b in plain])
    return Outcome(
        method=(
            f"{URLS} kept variants at random, about {size} bytes each, through one nginx with one worker: the "
            "configuration of `imagemill edge-config nginx` against a folder of the same files; no access log; "
            f"{bursts.method()}"
        ),
        figures=(
            *bursts.compared(ours, plain, other="plain file", gate=at_least(GATE)),
            Figure(name="kept files, no configuration / plain file", value=limit, unit="×"),
        ),
    )


def _copy_answers(server: Imagemill, paths: list[str], folder: Path) -> None:
    """Put what our server answers at `paths` into `folder` under the same paths."""
    for path in paths:
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(fetch(server.port, path)[2])


@contextmanager
def _nginx(server: Imagemill, folder: Path) -> Iterator[Front]:
    port, plain, bare = free_port(), free_port(), free_port()
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if binary is None:
        raise RuntimeError("edge: nginx is needed (apt-get install nginx-light)")
    program = str(Path(sys.executable).parent / "imagemill")
    command = [program, "edge-config", "nginx", "--data", str(server.data), "--listen", str(port)]
    command += ["--origin", f"127.0.0.1:{server.port}"]
    text = subprocess.run(command, env=os.environ | SETTINGS, capture_output=True, text=True, check=True).stdout
    folder.mkdir(exist_ok=True)
    text = text.replace("/var/cache/imagemill", str(folder / "cache")).replace("listen ", "listen 127.0.0.1:")
    (folder / "imagemill.conf").write_text(text)
    frame = FRAME.format(folder=folder, plain=plain, bare=bare, kept=_kept(server), user="user root;")
    (folder / "nginx.conf").write_text(frame)
    running = subprocess.Popen([binary, "-c", str(folder / "nginx.conf")], start_new_session=True)
    try:
        processes.wait_until(lambda: status_of(plain, "/") != 0, 10, "nginx", running)
        yield Front(running.pid, port, plain, bare)
    finally:
        processes.stop(running)


def _kept(server: Imagemill) -> Path:
    return server.data / ".imagemill" / "variants" / "default"


def _leaf(server: Imagemill, name: str) -> str:
    return next((_kept(server) / name / "~" / "current").iterdir()).name


def _rounds(front: Front, listing: Path, kept: Path) -> tuple[list[Burst], list[Burst], list[Burst]]:
    """Interleaved bursts: our configuration, the plain folder, the kept files where they lie."""
    sides = ((front.port, listing), (front.plain, listing), (front.bare, kept))
    for port, paths in sides:
        bursts.burst(port, front.pid, paths)
    rounds = [[bursts.burst(port, front.pid, paths) for port, paths in sides] for _ in range(PAIRS)]
    ours, plain, bare = ([one[side] for one in rounds] for side in range(3))
    return ours, plain, bare


def _hits(port: int, path: str) -> bool:
    return "nginx; hit" in fetch(port, path)[1].get("cache-status", "")


def _require_same(front: Front, path: str) -> None:
    """Both must have answered the same bytes, ours from its file and with the contract's headers."""
    status, headers, body = fetch(front.port, path)
    plain, _, same = fetch(front.plain, path)
    if (status, plain) != (200, 200) or body != same or "nginx; hit" not in headers.get("cache-status", ""):
        raise RuntimeError(f"edge: the same picture expected from both, got {status} and {plain}")
