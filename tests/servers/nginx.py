"""The real nginx on a free port, in a folder of its own, with the configuration that Imagemill wrote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.edges import Edge, Origin, running, written
from tests.tools import need

FRAME = """
{user}
error_log {folder}/error.log warn; pid {folder}/nginx.pid; daemon off; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; include /etc/nginx/mime.types; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  include {folder}/imagemill.conf;
}}
"""
"""What Debian's nginx.conf has around a site; everything of ours in a folder of the test."""


def framed(text: str, folder: Path) -> Path:
    """Write a whole nginx.conf around `text` and return its path; what it caches lies in the folder too."""
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.getuid() == 0 else ""  # a test's folder is open to its owner only
    text = text.replace("/var/cache/imagemill", str(folder / "cache")).replace("listen ", "listen 127.0.0.1:")
    (folder / "imagemill.conf").write_text(text)
    path = folder / "nginx.conf"
    path.write_text(FRAME.format(user=user, folder=folder))
    return path


@contextmanager
def nginx(
    server: Origin,
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    rewrite: Callable[[str], str] = str,
) -> Iterator[Edge]:
    """Run nginx before `server`; `env` are the settings it is configured from, `rewrite` may change its text."""
    binary = need("nginx", "nginx-light")

    def begin(port: int) -> Edge:
        origin = f"127.0.0.1:{server.port}"
        text = written("nginx", server.data, "--listen", str(port), "--origin", origin, *arguments, env=env)
        path = framed(rewrite(text), folder)
        return Edge("nginx", port, server, subprocess.Popen([binary, "-c", str(path)], stderr=subprocess.PIPE))

    with running(begin) as edge:
        yield edge
