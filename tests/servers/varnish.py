"""The real Varnish on a free port, in a folder of its own, with the configuration that Imagemill wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.edges import Edge, Origin, running, written
from tests.tools import need


@contextmanager
def varnish(
    server: Origin,
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    rewrite: Callable[[str], str] = str,
) -> Iterator[Edge]:
    """Run Varnish before `server`; `env` are the settings it is configured from, `rewrite` may change its text."""
    binary = need("varnishd", "varnish")
    folder.mkdir(parents=True, exist_ok=True)
    text = written("varnish", server.data, "--origin", f"127.0.0.1:{server.port}", *arguments, env=env)
    (folder / "default.vcl").write_text(rewrite(text))

    def begin(port: int) -> Edge:
        command = [binary, "-F", "-j", "none", "-n", str(folder / "work"), "-a", f"127.0.0.1:{port}", "-T", "none"]
        command += ["-f", str(folder / "default.vcl"), "-s", "malloc,64m", "-p", "thread_pool_min=50"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return Edge("varnish", port, server, process)

    with running(begin, port) as edge:
        yield edge
