"""The work of `put`: several uploads at once, a word or a JSON line for each, a bar on a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from imagemill.cli.client import Remote, ServerSaid, Target, connected, path_to
from imagemill.cli.words import bytes_in_words, counted, emit, say, tell_failed, visible
from imagemill.errors import ImagemillError, InvalidRequest
from imagemill.object_store.naming import check_new_key
from imagemill.offline.originals import BadFile, unreadable

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """One original to be: the file (None: standard input) and its key."""

    file: Path | None
    key: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "standard input" if self.file is None else str(self.file)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What happens where an original is there already: it is skipped, or the upload fails; else it is replaced.

    `private` originals need a signature from their first moment on.
    """

    skip_present: bool = False
    fail_present: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one upload went: "created", "replaced" or "skipped" with the server's record, or the error."""

    status: str
    record: dict[str, Any]
    error: ImagemillError | None = None


async def upload_all(
    target: Target, uploads: list[Upload], conditions: Conditions, *, jobs: int, as_json: bool
) -> tuple[int, int]:
    """Upload them and return how many were done and how many failed; a broken connection ends it all.

    Several go at once, and are told in the order in which they were named.
    """
    done = skipped = 0
    async with connected(target) as remote:
        gate = asyncio.Semaphore(jobs)

        async def one(upload: Upload) -> Outcome:
            async with gate:
                return await _outcome(remote, upload, conditions)

        tasks = [asyncio.create_task(one(upload)) for upload in uploads]
        try:
            with progress(len(uploads), show=not as_json) as advance:
                for upload, task in zip(uploads, tasks, strict=True):
                    outcome = await task
                    done += outcome.error is None
                    skipped += outcome.status == "skipped"
                    _tell(upload, outcome, as_json=as_json)
                    advance()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    if len(uploads) > 1 and not as_json:
        there = f", {skipped} there already" if skipped else ""
        failed = f", {len(uploads) - done} failed" if done < len(uploads) else ""
        say(f"{counted(done - skipped, 'picture')} stored{there}{failed}.")
    return done, len(uploads) - done


async def _outcome(remote: Remote, upload: Upload, conditions: Conditions) -> Outcome:
    """Upload one; raise only what will not be different for the next file."""
    try:
        status, record = await _sent(remote, upload, conditions)
    except (ServerSaid, BadFile, InvalidRequest) as error:
        if isinstance(error, ServerSaid) and error.code in ("unauthenticated", "not_imagemill"):
            raise
        return Outcome("failed", {}, error)
    return Outcome(status, remote.absolute(record))


def _tell(upload: Upload, outcome: Outcome, *, as_json: bool) -> None:
    error = outcome.error
    if error is not None:
        tell_failed(error, {"file": upload.name, "key": upload.key}, upload.name, as_json=as_json)
    elif as_json:
        emit({"file": upload.name, "status": outcome.status, **outcome.record})
    elif outcome.status == "skipped":
        print(f"{visible(upload.key)}  is there already", flush=True)
    else:
        print(_line(outcome.status, outcome.record), flush=True)


def _line(status: str, record: dict[str, Any]) -> str:
    size = f"{record.get('width')}×{record.get('height')}"
    return (
        f"{visible(str(record.get('key')))}  {size}  {record.get('content_type')}  "
        f"{bytes_in_words(int(record.get('size', 0)))}  {status}"
    )


async def _sent(remote: Remote, upload: Upload, conditions: Conditions) -> tuple[str, dict[str, Any]]:
    """Return "created", "replaced" or "skipped", and the server's record; raise ServerSaid, BadFile, InvalidRequest."""
    check_new_key(upload.key)
    headers = {"content-type": "application/octet-stream"}
    if conditions.skip_present or conditions.fail_present:
        headers["if-none-match"] = "*"
    with _opened(upload) as (file, size):
        if size is not None:
            headers["content-length"] = str(size)
        path = path_to("/v1/originals", upload.key) + ("?private=true" if conditions.private else "")
        try:
            response = await remote.call("PUT", path, content=_chunks(file), headers=headers)
        except ServerSaid as error:
            if error.status == 412 and conditions.skip_present and not conditions.fail_present:
                return "skipped", {"key": upload.key}
            raise
    return _status_word(response), response.json()


def _status_word(response: httpx.Response) -> str:
    return "created" if response.status_code == 201 else "replaced"


@contextmanager
def _opened(upload: Upload) -> Iterator[tuple[BinaryIO, int | None]]:
    """Open the file; the size is None where it is not known beforehand."""
    import stat

    if upload.file is None:
        yield sys.stdin.buffer, None
        return
    try:
        file = upload.file.open("rb")
    except OSError as error:
        raise unreadable(error) from None
    with file:
        about = os.fstat(file.fileno())
        yield file, about.st_size if stat.S_ISREG(about.st_mode) else None


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await _chunk(file.fileno()):
        yield chunk


async def _chunk(descriptor: int) -> bytes:
    """Read once, in a thread that nobody waits for: a terminal or pipe may never answer, and Ctrl-C must end it all.

    The pool of `asyncio.to_thread` is waited for at the end; and a buffered file would be locked by the reader.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, error: OSError | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(data)
        else:
            done.set_exception(unreadable(error))

    def work() -> None:
        data, failed = b"", None
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, data, failed)

    threading.Thread(target=work, name="read", daemon=True).start()
    return await done


@contextmanager
def progress(total: int, *, show: bool) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr while the block runs, where stderr is a terminal; yield what to call after each file."""
    if not show or total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Storing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Where results go to the same terminal, they are written above the bar; a pipe gets them itself.
    shared = sys.stdout.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, redirect_stdout=shared, redirect_stderr=True, transient=True) as bar:
        task = bar.add_task("Storing", total=total)
        yield lambda: bar.advance(task)
