"""Lambda on this machine: its Runtime API, and a process with AWS's own runtime client that asks it for work.

What it keeps to (AWS Lambda Developer Guide, "Using the Lambda runtime API" and "Execution environment lifecycle"): one
event at a time; a process that stays warm; a process that is ended when its time is over or it fails, and a new one at
the next event; answers of at most 6 MB. The process sees the unpacked bundle and Python's own library, nothing of the
environment of the tests. AWS's Runtime Interface Emulator would be a second opinion, but the Go module proxy does not
offer its module (`go install` answers "This module version is not available"), so it cannot be had in the way CI gets
its tools.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

VERSION = "/2018-06-01/runtime"
MOST_ANSWER = 6_291_556
"""Bytes of an answer: 6 MB, and the hundred that Lambda adds in its own message about it."""

REGION, ACCOUNT = "eu-west-1", "123456789012"
INIT_SECONDS = 60.0
"""How long a process may take until it asks for its first event (Lambda: 10 s; these machines are slower)."""


@dataclass
class Invocation:
    """What became of one event: `payload` is what the handler returned; else `error` is Lambda's error document."""

    payload: Any = None
    error: dict[str, Any] | None = None
    done: threading.Event = field(default_factory=threading.Event)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    event: bytes = b""
    deadline_ms: int = 0

    def answer(self) -> Any:
        """Return what the handler returned; fails with the error document where it raised."""
        assert self.error is None, self.error
        return self.payload


class LambdaRuntime:
    """One function: `invoke` sends an event; its process is started by the first one, or by `start`."""

    def __init__(
        self,
        root: Path,
        handler: str,
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        memory: int = 1769,
        runtime: Path | None = None,
        python: str = sys.executable,
    ) -> None:
        """Prepare a function whose code is the folder `root`.

        `runtime` is a folder with `awslambdaric` where `root` has none; `log` takes what the process writes; `timeout`
        is the function's, in seconds, and `memory` its memory in MB.
        """
        self.log = log
        self.timeout = timeout
        self._root, self._handler, self._python = root, handler, python
        self._env = _environment(handler, root, runtime, memory) | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: queue.Queue[Invocation] = queue.Queue()
        self._running: Invocation | None = None
        self._asked = threading.Event()
        self._init_error: dict[str, Any] | None = None
        self._server = _server_for(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The process that lives now, if any."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> dict[str, Any] | None:
        """Start a process and wait until it asks for work; return its error document where it fails instead."""
        self._asked.clear()
        self._init_error = None
        self._waiting = queue.Queue()
        host, port = self._server.server_address[:2]
        env = self._env | {"AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}"}
        # -S and -P: neither site-packages nor the folder it is started in; only what PYTHONPATH names.
        command = [self._python, "-S", "-s", "-P", "-m", "awslambdaric", self._handler]
        with self.log.open("ab") as sink:
            self._process = subprocess.Popen(command, stdout=sink, stderr=sink, env=env, cwd=self._root)
        deadline = time.monotonic() + INIT_SECONDS
        while not self._asked.wait(0.005) and self._process.poll() is None and time.monotonic() < deadline:
            pass
        if self._asked.is_set():
            return None
        self._end_process()
        return self._init_error or {"errorType": "Runtime.ExitError", "errorMessage": self.log.read_text()[-2000:]}

    def invoke(self, event: object) -> Invocation:
        """Send `event` and return what became of it; as on Lambda, the process ends when its time is over."""
        if self.pid is None and (error := self.start()) is not None:
            return Invocation(error=error)
        one = Invocation(event=json.dumps(event).encode(), deadline_ms=int((time.time() + self.timeout) * 1000))
        self._waiting.put(one)
        deadline = time.monotonic() + self.timeout
        while not one.done.wait(0.02):
            if time.monotonic() > deadline:
                self._end_process()
                seconds = f"{self.timeout:.2f} seconds"
                one.error = _error("Sandbox.Timedout", one, f"Task timed out after {seconds}")
                break
            if self.pid is None and not one.done.is_set():
                if self._running is not one:  # it was ending when the event came: the next process takes it
                    if (error := self.start()) is not None:
                        one.error = error
                        break
                    self._waiting.put(one)
                    continue
                status = self._process.returncode if self._process else None
                one.error = _error("Runtime.ExitError", one, f"Runtime exited with error: exit status {status}")
                break
        return one

    def written(self) -> str:
        """Return what the processes have written so far."""
        return self.log.read_text(errors="replace")

    def close(self) -> None:
        """End the process and the API."""
        self._end_process()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    def _end_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait(60)

    # What the process asks, on the threads of the server.

    def next(self, still: Any) -> Invocation | None:
        """Wait for the next event; None when `still()` says that nobody waits for it any more."""
        mine = self._waiting
        self._asked.set()
        while still():
            try:
                self._running = mine.get(timeout=0.05)
            except queue.Empty:
                continue
            return self._running
        return None

    def responded(self, id_: str, body: bytes) -> int:
        """Take an answer; return the status for the process."""
        one = self._running
        if one is None or one.id != id_ or one.done.is_set():
            return 400
        if len(body) > MOST_ANSWER:
            said = f"Response payload size exceeded maximum allowed payload size ({MOST_ANSWER} bytes)."
            one.error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": said}
            one.done.set()
            return 413
        one.payload = json.loads(body)
        one.done.set()
        return 202

    def failed(self, id_: str | None, body: bytes) -> int:
        """Take an error document, of an invocation or (None) of the start; return the status for the process."""
        document: dict[str, Any] = json.loads(body)
        if id_ is None:
            self._init_error = document
            return 202
        one = self._running
        if one is None or one.id != id_ or one.done.is_set():
            return 400
        one.error = document
        one.done.set()
        return 202


def _error(kind: str, one: Invocation, words: str) -> dict[str, Any]:
    return {"errorType": kind, "errorMessage": f"RequestId: {one.id} Error: {words}"}


def _environment(handler: str, root: Path, runtime: Path | None, memory: int) -> dict[str, str]:
    """What Lambda sets (Developer Guide, "Defined runtime environment variables"), and how Python finds the code."""
    places = [root] if runtime is None else [root, runtime]
    return {
        "_HANDLER": handler,
        "AWS_ACCESS_KEY_ID": "AKIDIMAGEMILLTESTS00",
        "AWS_SECRET_ACCESS_KEY": "a secret+of/the=tests",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_LAMBDA_FUNCTION_NAME": "imagemill-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/imagemill-test",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[1]0",
        "LAMBDA_TASK_ROOT": str(root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task is read-only
        "PYTHONPATH": ":".join(map(str, places)),
        "TZ": ":UTC",
    }


def _server_for(function: LambdaRuntime) -> ThreadingHTTPServer:
    kind = type("_Bound", (_Api,), {"function": function})
    return _Server(("127.0.0.1", 0), kind)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a process that was ended while it was asked or answered; everything else is a fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Api(BaseHTTPRequestHandler):
    """The Runtime API's four addresses."""

    function: ClassVar[LambdaRuntime]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Hand out the next event, as soon as there is one."""
        if self.path != f"{VERSION}/invocation/next":
            self._answer(404)
            return
        process = self.function._process
        one = self.function.next(lambda: process is not None and process.poll() is None)
        if one is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": one.id,
            "Lambda-Runtime-Deadline-Ms": str(one.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:imagemill-test",
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{one.id.replace('-', '')[:24]};Sampled=0",
            "Content-Type": "application/json",
        }
        self._answer(200, one.event, headers)

    def do_POST(self) -> None:
        """Take an answer or an error."""
        body = self._body()
        parts = self.path.removeprefix(VERSION).strip("/").split("/")
        if parts == ["init", "error"]:
            self._answer(self.function.failed(None, body))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "response":
            self._answer(self.function.responded(parts[1], body))
        elif len(parts) == 3 and parts[0] == "invocation" and parts[2] == "error":
            self._answer(self.function.failed(parts[1], body))
        else:
            self._answer(404)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing: the tests' output is theirs."""


@contextmanager
def lambda_runtime(root: Path, handler: str, log: Path, **options: Any) -> Iterator[LambdaRuntime]:
    """Run a function until the block ends; the options are those of LambdaRuntime."""
    function = LambdaRuntime(root, handler, log, **options)
    try:
        yield function
    finally:
        function.close()
