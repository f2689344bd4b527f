"""A reader who types what a page says: a home with a few pictures, a shell, a server when the page starts one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.docs.pages import ROOT, Command, File, Step, matches
from tests.servers import versity
from tests.serving import environment, free_port

from imagemill import demo

SECONDS = 60.0
RETRY_SECONDS = 30.0
HOME_IN_PAGES = "/home/me"
PICTURES = {
    "Pictures/trips/sea.jpg": "rocket.jpg",
    "Pictures/me.png": "windmill.png",
    "coffee.png": "coffee.png",
    "rocket.jpg": "rocket.jpg",
    "astronaut.jpg": "astronaut.jpg",
    "cat.png": "chelsea.png",
}
"""What lies in the reader's home before the first command."""
INTERRUPTED_MAKE = {0, 2, 130, -signal.SIGINT}
"""make itself calls Ctrl-C an error, however clean the end of what it started."""
_SERVER = re.compile(r"imagemill (serve|demo)\b|^make demo\b")


class Session:
    """One page, from its first command to its last. The ports 8080, 8081 and 7070 of a page are free ones here."""

    def __init__(self, home: Path) -> None:
        """`home` is empty; it becomes the working folder and $HOME."""
        self.home = home
        self._ports = {port: str(free_port()) for port in ("8080", "8081", "7070")}
        self._servers: list[Server] = []
        for place, sample in PICTURES.items():
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(demo.PHOTOS / sample, home / place)
        (home / ".venv").symlink_to(sys.prefix)
        self._add_commands(home / "bin")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.stop()
        for pid_file in self.home.glob("*.pid"):  # a web server that the page started and did not stop
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # or did: it is about to end by itself
                os.kill(int(pid_file.read_text()), signal.SIGTERM)

    def do(self, step: Step) -> None:
        """Do one step; AssertionError with what was printed when it is not what the page shows."""
        if isinstance(step, File):
            (self.home / step.name).write_text(self._here(step.text))
        elif step.text == "^C":
            self._interrupt(self._servers.pop(), step.line)
        elif _SERVER.search(step.text):
            self._start(step)
        else:
            self._run(step)

    def _start(self, step: Command) -> None:
        """Start a server; the one before it has the port, so the reader presses Ctrl-C first."""
        while self._servers:
            self._interrupt(self._servers.pop(), step.line)
        server = Server(self._shell(step), self.home, self._environment())
        self._servers.append(server)
        deadline = time.monotonic() + SECONDS
        while not matches(step.output, self._there(server.printed)):
            ended = server.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(_difference(step, self._there(server.printed)))
            time.sleep(0.05)

    def _interrupt(self, server: Server, line: int) -> None:
        code = server.stop()
        clean = INTERRUPTED_MAKE if server.command.startswith("make ") else {0}
        assert code in clean, f"line {line}: Ctrl-C ended with {code}:\n{server.printed}"

    def _run(self, step: Command) -> None:
        """Run a command; asking for headers again costs nothing, so that may wait for what is kept after an answer."""
        deadline = time.monotonic() + (RETRY_SECONDS if step.text.startswith("curl -sI") else 0)
        while True:
            try:
                return self._run_once(step)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _run_once(self, step: Command) -> None:
        done = subprocess.run(
            ["bash", "-c", self._shell(step)],
            cwd=self.home,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        printed = self._there(done.stdout.decode())
        assert done.returncode == step.exit_code, f"exit {done.returncode}\n{_difference(step, printed)}"
        if step.output:
            assert matches(step.output, printed), _difference(step, printed)

    def _shell(self, step: Command) -> str:
        text = self._here(step.text)
        if text.startswith("make "):  # the page is read in the project's folder
            text = (
                text.replace("make ", f"make -s -C {ROOT} ", 1)
                + f" PORT={self._ports['8080']} DATA={self.home}/demo-data"
            )
        return text

    def _environment(self) -> dict[str, str]:
        own = [str(self.home / "bin"), str(Path(sys.prefix) / "bin"), str(versity.folder())]
        paths = [*own, os.environ["PATH"], "/usr/sbin"]
        home = {"HOME": str(self.home), "PATH": ":".join(paths), "COLUMNS": "200", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        no_proxy = {"no_proxy": "*", "NO_PROXY": "*"}
        return environment({**home, **no_proxy, "IMAGEMILL_SERVER__PORT": self._ports["8080"]})

    def _here(self, text: str) -> str:
        for port, ours in self._ports.items():
            text = re.sub(rf"\b{port}\b", ours, text)
        return text.replace(HOME_IN_PAGES, str(self.home))

    def _there(self, text: str) -> str:
        for port, ours in self._ports.items():
            text = re.sub(rf"\b{ours}\b", port, text)
        return text.replace(str(self.home), HOME_IN_PAGES)

    def _add_commands(self, folder: Path) -> None:
        """Root's nginx gives up root, and then may not read a test's folder; a reader's may read the reader's."""
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if nginx is not None:
            user = "-g 'user root;' " if os.getuid() == 0 else ""
            folder.mkdir()
            (folder / "nginx").write_text(f'#!/bin/sh\nexec {nginx} {user}"$@"\n')
            (folder / "nginx").chmod(0o755)


class Server:
    """A server of a page; what it prints to its reader is collected, its log goes to a file of its own."""

    def __init__(self, command: str, home: Path, env: dict[str, str]) -> None:
        """Start `command` in a process group of its own, so that Ctrl-C reaches what `make` started too."""
        self.command = command
        self._log = (home / "server.log").open("ab")
        self.process = subprocess.Popen(
            ["bash", "-c", command], cwd=home, env=env, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """Everything on standard output so far."""
        return "".join(self._lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line.decode())

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(SECONDS)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()
        return code


def _difference(step: Command, printed: str) -> str:
    shown = "\n".join(step.output)
    return f"line {step.line}: $ {step.text}\n--- the page shows\n{shown}\n--- it printed\n{printed}"
