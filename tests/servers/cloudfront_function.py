"""CloudFront's function, run in node as it is deployed; one process answers any number of requests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from tests.serving import environment
from tests.tools import need

RUNNER = Path(__file__).with_name("cloudfront_function.mjs")


@dataclass(frozen=True, slots=True)
class Asked:
    """A viewer's request; `query` is without `?`, None where there is none."""

    uri: str
    query: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"

    def line(self) -> str:
        """Return it as the runner reads it."""
        return json.dumps({"method": self.method, "uri": self.uri, "query": self.query, "headers": self.headers})


@dataclass(frozen=True, slots=True)
class Judged:
    """What the function made of it; `origin` is the id that it selected, None where the behaviour's own stays.

    `refused` is the status that it answered by itself, None where the request goes on.
    """

    uri: str
    headers: dict[str, str]
    querystring: dict[str, Any]
    origin: str | None
    refused: int | None = None


@dataclass
class EdgeFunction:
    """A running function."""

    process: subprocess.Popen[str]
    lock: Lock = field(default_factory=Lock)

    def __call__(self, asked: Asked) -> Judged:
        """Return the answer to one request; AssertionError where the function threw."""
        return next(iter(self.all([asked])))

    def answered(self, status: int, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an answer after a function of the viewer's response; AssertionError where it threw."""
        answer = self._told(json.dumps({"status": status, "answered": list(headers.items())}))
        found: dict[str, str] = answer["headers"]
        return found

    def all(self, many: Iterable[Asked]) -> list[Judged]:
        """Return the answers in order."""
        return [Judged(**self._told(asked.line())) for asked in many]

    def _told(self, line: str) -> dict[str, Any]:
        """Return what the runner answers to one line; one after the other, so that neither pipe can fill up."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "error" not in answer, (line, answer)
        return answer


@contextmanager
def edge_function(text: str, folder: Path, name: str = "function") -> Iterator[EdgeFunction]:
    """Run the function `text` until the block ends; the file lies in `folder`."""
    path = folder / f"{name}.mjs"
    path.write_text(text)
    process = subprocess.Popen(
        [need("node", "nodejs"), str(RUNNER), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    try:
        yield EdgeFunction(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
