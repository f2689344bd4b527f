"""A worker whose tasks do what the original's bytes say, so that a test can order every sort of misbehaviour.

Started by the tests as a script in place of `imagemill.engine.worker`; everything but the tasks is the real worker.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagemill.engine import worker
from imagemill.engine.findings import Findings, Swatch
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job
from imagemill.errors import Fault, InvalidRequest, NotAnImage, NotBuilt, Unprocessable
from imagemill.recipe.vocabulary import Format

HOARD: list[bytearray] = []


@dataclass(frozen=True)
class Picture:
    """What the stand-in `render` hands back."""

    data: bytes
    width: int = 3
    height: int = 2
    pages: int = 1


def _crash(_word: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang(_word: str) -> None:
    while True:
        time.sleep(3600)


def _spin(_word: str) -> None:
    while True:
        pass


def _busy(seconds: str) -> None:
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass


def _sleep(seconds: str) -> None:
    time.sleep(float(seconds))


def _balloon(_word: str) -> None:
    """Touch memory slowly enough for the watch to see it, fast enough for a test."""
    while True:
        HOARD.append(bytearray(b"x" * (4 << 20)))
        time.sleep(0.002)


def _leap(_word: str) -> None:
    """Ask for more than RLIMIT_DATA in one piece."""
    bytearray(8 << 30)


def _touch(megabytes: str) -> None:
    bytearray(b"x" * (int(megabytes) << 20))


def _keep(megabytes: str) -> None:
    HOARD.append(bytearray(b"x" * (int(megabytes) << 20)))


def _leave(status: str) -> None:
    os._exit(int(status))


def _write(text: bytes) -> None:
    os.write(int(sys.argv[-1]), text)


def _garbage(_word: str) -> None:
    _write(b"\xff" * 4096)


def _long_answer(_word: str) -> None:
    _write(struct.pack("!II", 16, 0xFFFFFFFF) + b"x" * 16)


def _chatter(_word: str) -> None:
    """Fill stderr, which nobody reads while a worker lives."""
    os.set_blocking(2, False)
    for _ in range(64):
        try:
            os.write(2, b"noise\n" * 1000)
        except BlockingIOError:
            return


def _not_an_image(_word: str) -> None:
    raise NotAnImage("The bytes are no image.")


def _unprocessable(_word: str) -> None:
    raise Unprocessable("The image is damaged.", code="damaged")


def _invalid(_word: str) -> None:
    raise InvalidRequest("Two things are wrong.", faults=(Fault("w", "1", "2"), Fault("h", "3", "4")))


def _not_built(_word: str) -> None:
    raise NotBuilt("Faces come later.", row="T5")


def _bug(_word: str) -> None:
    raise KeyError("/secret/path")


def _attempt(deed: Callable[[], object]) -> str:
    try:
        deed()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return "allowed"


def escapes() -> dict[str, str]:
    """What a taken-over worker would try first, each with the errno it got."""
    libc = ctypes.CDLL(None, use_errno=True)

    def connect() -> None:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    return {
        "read a file": _attempt(lambda: os.open("/etc/passwd", os.O_RDONLY)),
        "write a file": _attempt(lambda: os.open("/tmp/imagemill-escape", os.O_WRONLY | os.O_CREAT)),
        "remove a file": _attempt(Path("/tmp/imagemill-no-such-file").unlink),
        "open a socket": _attempt(connect),
        "fork": _attempt(os.fork),
        "run a program": _attempt(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606 - the deed that must fail
        "signal the server": _attempt(lambda: os.kill(os.getppid(), 0)),
        "trace the server": "EPERM" if libc.ptrace(16, os.getppid(), 0, 0) == -1 else "allowed",
        "make a memfd": _attempt(lambda: os.memfd_create("x")),
    }


def _escape(_word: str) -> None:
    got = escapes()
    if set(got.values()) != {"EPERM"}:
        raise Unprocessable(str({deed: word for deed, word in got.items() if word != "EPERM"}))


def _environment(_word: str) -> None:
    raise Unprocessable(" ".join(sorted(os.environ)))


def _descriptors(_word: str) -> None:
    """Say which numbers are open, without opening /proc/self/fd."""
    numbers = [number for number in range(4096) if _attempt(lambda number=number: os.fstat(number)) == "allowed"]  # type: ignore[misc]  # the default argument binds the loop's number
    raise Unprocessable(f"{numbers} {Path.cwd()}")


DEEDS: dict[str, Callable[[str], None]] = {
    "crash": _crash,
    "hang": _hang,
    "spin": _spin,
    "busy": _busy,
    "sleep": _sleep,
    "balloon": _balloon,
    "leap": _leap,
    "touch": _touch,
    "keep": _keep,
    "leave": _leave,
    "garbage": _garbage,
    "long_answer": _long_answer,
    "chatter": _chatter,
    "not_an_image": _not_an_image,
    "unprocessable": _unprocessable,
    "invalid": _invalid,
    "not_built": _not_built,
    "bug": _bug,
    "escape": _escape,
    "environment": _environment,
    "descriptors": _descriptors,
}


def obey(data: worker.Data) -> str:
    """Do what the bytes say ("sleep 0.1"); return what came after the deed."""
    verb, word, *_padding = [*bytes(data[:200]).decode("ascii", "replace").split(" "), "", ""]
    deed = DEEDS.get(verb)
    if deed is not None:
        deed(word)
    return word


def probe(data: worker.Data, _limits: Limits) -> Facts:
    """Obey, then call the bytes a picture as wide as they are long."""
    obey(data)
    bytes(data)  # touch every page, as a decoder would
    return Facts(format="jpeg", width=max(1, len(data)), height=1)


def inspect(data: worker.Data, facts: Facts, _limits: Limits) -> Findings:
    """Obey, then tell the facts again."""
    obey(data)
    return Findings(
        format=facts.format,
        width=facts.width,
        height=facts.height,
        average="#102030",
        dominant="#102030",
        palette=(Swatch("#102030", 1.0),),
        blurhash="00OZZy",
        thumbhash="YOcJ",
        perceptual_hash="0123456789abcdef",
        preview="data:image/webp;base64,UklGRg==",
    )


def render_set(
    data: worker.Data, jobs: Sequence[Job], limits: Limits, *, default_quality: int, linear_light: bool
) -> list[Picture]:
    """Obey once for each."""
    return [render(data, job, limits, default_quality=default_quality, linear_light=linear_light) for job in jobs]


def render(
    data: worker.Data,
    job: Job,
    _limits: Limits,
    *,
    default_quality: int,
    linear_light: bool,
    layers: Sequence[worker.Data] = (),
) -> Picture:
    """Obey, then return as many bytes as `big N` asks, what the layers hold, or what the job was."""
    word = obey(data)
    if layers:
        return Picture(b"+".join(bytes(layer) for layer in layers))
    if bytes(data[:4]) == b"big ":
        return Picture(b"B" * int(word))
    return Picture(f"{job.recipe.resize.width} {job.format is Format.WEBP} {job.focal} {default_quality}".encode())


def start() -> str:
    """Stand in for loading libvips."""
    return "hostile 1"


def tasks() -> worker.Tasks:
    """All that this worker can do."""
    return worker.Tasks(start=start, probe=probe, verify=probe, inspect=inspect, render=render, render_set=render_set)


if __name__ == "__main__":
    status = worker.main(tasks)
    sys.stderr.flush()
    os._exit(status)
