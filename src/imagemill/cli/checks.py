"""The checks of `doctor`, one function each: what was seen and, where it is not well, the next step.

Each check tries the thing itself (writes a file, starts a worker, makes a picture) instead of reading a number.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagemill.assembly.stores import try_stores
from imagemill.cli.serve import CannotListen, free_port, is_loopback
from imagemill.cli.words import bytes_in_words
from imagemill.control.keys import load_key
from imagemill.data_folder import ADMIN_KEY, Holder, holder
from imagemill.errors import ImagemillError, InvalidRequest
from imagemill.settings import OWN_FOLDER, Settings, SettingsError
from imagemill.settings.values import folder_of, s3_address

if TYPE_CHECKING:
    from imagemill.object_store.s3.address import S3Address
    from imagemill.object_store.s3.trial import Trial

_LEAST_FREE = 200_000_000
_LITTLE_FREE = 2_000_000_000
_SLOW_FSYNC = 0.1
_CLOCK_APART = 5.0
_BUILT = 1_735_689_600.0  # 2025-01-01: an earlier clock was never set


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `state` is ok, warn or fail; `next_step` is empty where nothing is to do."""

    check: str
    state: str
    text: str
    next_step: str = ""


def ok(check: str, text: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", text)


def examine(flags: Mapping[str, object]) -> Iterator[Finding]:
    """Yield the findings one by one, so that a slow check does not hold back the others."""
    yield python_version()
    try:
        settings = Settings.load(flags)
    except SettingsError as error:
        yield Finding("settings", "fail", "; ".join(error.sentences), "correct them; `imagemill settings` lists all")
        return
    yield ok("settings", f"right ({settings.config or 'no settings file'})")
    who = holder(settings.data)
    checks: tuple[Callable[[], Finding], ...] = (
        lambda: data_folder(settings, who),
        *(() if s3_address(settings.originals.url) else (lambda: originals(settings),)),
        *(partial(bucket, settings, *one) for one in try_stores(settings)),
        lambda: durable(settings),
        lambda: free_disk(settings),
        lambda: clock(settings),
        lambda: admin_key(settings),
        lambda: access(settings),
        lambda: port(settings, who),
    )
    for check in checks:
        yield check()
    from imagemill.cli.signing_checks import signing

    yield signing(settings)
    from imagemill.cli.shared_checks import redis_findings

    yield from redis_findings(settings)
    if settings.attached:
        from imagemill.cli.source_checks import source_findings

        yield from source_findings(settings)
    from imagemill.cli.engine_checks import engine_findings

    yield from engine_findings(settings)


def python_version() -> Finding:
    """3.11 or newer, which the installation has checked already; a support request wants to know which."""
    return ok("python", f"{'.'.join(str(part) for part in sys.version_info[:3])}, {sys.executable}")


def data_folder(settings: Settings, who: Holder | None) -> Finding:
    """The data folder exists and can be written, or can be created."""
    path = settings.data
    if who is not None:
        return ok("data folder", f"{path}, held by process {who.pid}" + (f" at {who.url}" if who.url else ""))
    if path.is_dir():
        if os.access(path, os.W_OK | os.X_OK):
            return ok("data folder", f"{path} can be written")
        return Finding(
            "data folder",
            "fail",
            f"{path} cannot be written",
            f"choose another --data; to serve these pictures set IMAGEMILL_ORIGINALS__URL=file://{path}",
        )
    if path.exists():
        return Finding("data folder", "fail", f"{path} is a file", "name a folder with --data")
    if path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK):
        return ok("data folder", f"{path} does not exist yet; the first start creates it")
    return Finding("data folder", "fail", f"{path} cannot be created", f"create {path.parent}, or choose another")


def originals(settings: Settings) -> Finding:
    """The pictures can be read; that they cannot be written is worth a word, for uploads will be refused."""
    folder = folder_of(settings.originals.url)
    if folder is None:
        where = "in memory: gone when the server stops" if settings.originals.url else "in the data folder"
        return ok("originals", where)
    if not folder.is_dir():
        return Finding("originals", "fail", f"there is no folder {folder}", "create it, or correct originals.url")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding("originals", "fail", f"{folder} cannot be read", "run doctor and the server as its owner")
    return ok("originals", f"{folder}" if os.access(folder, os.W_OK) else f"{folder}, read-only")


def bucket(settings: Settings, name: str, address: S3Address, attempt: Callable[[], Awaitable[Trial]]) -> Finding:
    """The bucket is there and lets us do what we must; the server keeps the conditions that writers rely on."""
    try:
        tried = asyncio.run(_ended(attempt))
    except ImagemillError as error:
        why = store_failure(error, address, settings)
        return Finding(name, "fail", f"{address}: {why}", "correct the URL, [s3] or the rights (docs/s3.md)")
    text = f"{address}, {tried.seconds * 1000:.0f} ms a look"
    if not tried.writable and name == "variants":
        return Finding(name, "fail", f"{text}, read-only", "name a bucket that we may write in variants.url")
    if tried.ignored:
        text += f", which ignores {' and '.join(tried.ignored)}"
        return Finding(name, "warn", text, "let one server write, or use a store that holds conditions (docs/s3.md)")
    return ok(name, text if tried.writable else f"{text}, read-only")


def store_failure(error: ImagemillError, address: S3Address, settings: Settings) -> str:
    """Return what is wrong with a bucket: where its server is asked and why it cannot be, if that is what is wrong."""
    if error.code not in ("store_away", "store_too_slow"):
        return error.sentence
    from imagemill.cli.reach import why_unreachable
    from imagemill.object_store.s3.place import place_of

    base = place_of(address, settings.s3, os.environ).base
    why = why_unreachable(base) or "takes a connection, but gives no answer of S3"
    return f"{base}: {why}"


async def _ended(attempt: Callable[[], Awaitable[Trial]]) -> Trial:
    return await attempt()


def durable(settings: Settings) -> Finding:
    """A file and its folder can be forced to disk, in reasonable time: uploads wait for it."""
    place = _place(settings)
    began = time.perf_counter()
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".imagemill-doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        return Finding("fsync", "fail", f"{place}: {error.strerror}", "use a folder on a disk that can be written")
    took = time.perf_counter() - began
    text = f"{took * 1000:.1f} ms for a file and its folder"
    if took > _SLOW_FSYNC:
        return Finding("fsync", "warn", text, "uploads will be slow on this disk")
    return ok("fsync", text)


def free_disk(settings: Settings) -> Finding:
    """There is room for originals and variants."""
    free = shutil.disk_usage(_place(settings)).free
    text = f"{bytes_in_words(free)} free"
    if free < _LEAST_FREE:
        return Finding("disk", "fail", text, "make room, or choose another --data")
    if free < min(settings.variants.max_bytes, _LITTLE_FREE):
        return Finding("disk", "warn", text, "make room, or lower variants.max_bytes")
    return ok("disk", text)


def clock(settings: Settings) -> Finding:
    """The clock is set, and the disk's clock (a network file system has its own) agrees with it."""
    now = time.time()
    if now < _BUILT:
        return Finding("clock", "fail", time.strftime("%Y-%m-%d", time.gmtime(now)), "set the clock (NTP)")
    try:
        with tempfile.NamedTemporaryFile(dir=_place(settings), prefix=".imagemill-doctor-") as file:
            apart = abs(os.fstat(file.fileno()).st_mtime - time.time())
    except OSError:
        return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))
    if apart > _CLOCK_APART:
        return Finding("clock", "warn", f"the disk's clock is {apart:.0f} s away", "set both clocks by NTP")
    return ok("clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def admin_key(settings: Settings) -> Finding:
    """Only its owner reads the admin key."""
    path = Path(settings.admin.key_file) if settings.admin.key_file else settings.data / ADMIN_KEY
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        if settings.admin.key_file:
            return Finding("admin key", "fail", f"there is no file {path}", "correct admin.key_file")
        return ok("admin key", "the first start writes it")
    except OSError as error:
        return Finding("admin key", "fail", f"{path}: {error.strerror}", "run doctor as the server's user")
    if mode & 0o077:
        return Finding("admin key", "fail", f"{path} can be read by others ({mode:04o})", f"chmod 600 {path}")
    rewrite = f"write one line with the key into {path}"
    try:
        stored = load_key(path)
    except InvalidRequest as error:
        return Finding("admin key", "fail", str(error), rewrite if settings.admin.key_file else f"remove {path}")
    if stored is None and settings.admin.key_file:
        return Finding("admin key", "fail", f"{path} is empty", rewrite)
    return ok("admin key", f"{path} ({mode:04o})" if stored else "the next start writes it")


def access(settings: Settings) -> Finding:
    """Away from loopback somebody has said who may ask for variants."""
    word = settings.delivery.access
    if not word and not is_loopback(settings.server.host):
        return Finding(
            "access",
            "fail",
            f"{settings.server.host} can be reached by others and delivery.access is not set",
            "set delivery.access to sizes, presets or signed (or to open, which says that anyone may ask for any size)",
        )
    return ok("access", word or "open, on this machine only")


def port(settings: Settings, who: Holder | None) -> Finding:
    """The port is free, or taken by the server that holds the data folder."""
    try:
        free_port(settings)
    except CannotListen as error:
        if who is not None and who.url is not None and who.url.endswith(f":{settings.server.port}"):
            return ok("port", f"{settings.server.port}, served by process {who.pid}")
        return Finding("port", "fail", error.sentence, "choose another --port, or stop the other program")
    except ImagemillError as error:
        return Finding("port", "fail", error.sentence, "choose another --host")
    return ok("port", f"{settings.server.host}:{settings.server.port} is free")


def _place(settings: Settings) -> Path:
    """Return the nearest folder that exists of where we write: beside the originals, or in the data folder."""
    place = folder_of(settings.originals.url) or settings.data
    if not os.access(place, os.W_OK):
        place = settings.data
    if (place / OWN_FOLDER).is_dir():
        return place / OWN_FOLDER
    while not place.is_dir():
        place = place.parent
    return place
