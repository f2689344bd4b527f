"""What tests of several processes do: start them, ask many at once, look at who lives."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.serving import RunningServer, serving

from imagemill import demo

SECONDS = 90.0
PATIENCE = 120.0
"""A rolling restart is several starts, one after the other, while clients use all there is of the machine."""
PHOTOS = Path(demo.__file__).parent / "photos"


@contextmanager
def node(
    folder: Path, processes: int, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Run `imagemill serve --http N` on a folder with the sample photos."""
    data = folder / "data"
    data.mkdir(parents=True)
    for photo in PHOTOS.iterdir():
        if photo.suffix in (".jpg", ".png"):
            shutil.copy(photo, data)
    with serving(data, "--http", str(processes), *arguments, env=env) as server:
        yield server


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail with `what` when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(one) for one in (task / "children").read_text().split()]
    return found


def serving_pids(server: RunningServer) -> list[int]:
    """Return the processes that serve, without their workers."""
    return children(server.process.pid)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def said(server: RunningServer, event: str) -> list[dict[str, object]]:
    """Return the log's lines about an event."""
    found = []
    for line in server.log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict) and told.get("event") == event:
                found.append(told)
    return found


def ask_at_once(url: str, count: int) -> list[httpx.Response]:
    """Ask the same `count` times in the same moment, each on a connection of its own."""
    gate = threading.Barrier(count)

    def ask(_: int) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            gate.wait()
            return client.get(url)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(ask, range(count)))


def process_of(answer: httpx.Response) -> str:
    """Return what tells the process that answered from others: the random beginning of its request ids."""
    return answer.headers["x-request-id"][:10]


@dataclass
class Load:
    """Clients that ask without pause, some on one connection for as long as it lasts, some on a new one each time."""

    urls: list[str]
    failures: list[str] = field(default_factory=list)
    answered: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Load:
        """Start asking."""
        self._threads = [threading.Thread(target=self._ask, args=(n % 2 == 0,)) for n in range(6)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keep: bool) -> None:
        client = httpx.Client(trust_env=False, timeout=SECONDS)
        turn = 0
        while not self._over.is_set():
            try:
                answer = client.get(self.urls[turn % len(self.urls)])
                if answer.status_code != 200:
                    self.failures.append(f"{answer.status_code} {answer.text[:200]}")
                self.answered += 1
            except httpx.TransportError as error:
                self.failures.append(repr(error))
            turn += 1
            if not keep:
                client.close()
                client = httpx.Client(trust_env=False, timeout=SECONDS)
        client.close()


def holder_of(lease: Path) -> int | None:
    """Return the process that holds a lock on a file, as the kernel tells."""
    with contextlib.suppress(OSError):
        inode = lease.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "FLOCK" in words and words[5].rpartition(":")[2] == str(inode):
                return int(words[4])
    return None
