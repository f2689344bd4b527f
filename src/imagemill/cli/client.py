"""How shell commands reach the platform: always the HTTP API, over whichever way is open.

    IMAGEMILL_SERVER set (and no --data)   that server, with the key in IMAGEMILL_API_KEY_FILE
    a server holds the data folder         that server, with the folder's admin key
    none does                              the platform inside this process, holding the folder meanwhile

One code path for all commands: the third way is the same application behind httpx's ASGI transport.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from imagemill.cli.serve import address_of, warn_of_key
from imagemill.data_folder import BadFolder, DataFolder, Holder, holder, open_data_folder
from imagemill.errors import Conflict, Fault, ImagemillError, InvalidRequest, Kind
from imagemill.object_store.naming import ENCODED_PREFIX, check_key
from imagemill.settings import Settings

SERVER = "IMAGEMILL_SERVER"
KEY_FILE = "IMAGEMILL_API_KEY_FILE"
_TIMEOUT = httpx.Timeout(10.0, read=120.0, write=120.0)
_START_SECONDS = 10.0
"""How long a command waits for a server that is just starting, or for another command to finish."""


class Unreachable(ImagemillError):
    """No server answers, or not as one of ours would."""

    kind = Kind.OVERLOADED
    code = "unreachable"


class ServerSaid(ImagemillError):
    """The server refused; the sentence is its own. `status` is the HTTP status."""

    def __init__(self, sentence: str, *, status: int, code: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(sentence, code=code, faults=faults)
        self.status = status


@dataclass(frozen=True, slots=True)
class Target:
    """Which platform a command means: `data` and `config` as on the command line; `create` a missing data folder."""

    data: Path | None = None
    config: Path | None = None
    create: bool = False


class Remote:
    """A platform that answers: a thin voice over httpx that turns every refusal into words."""

    def __init__(self, http: httpx.AsyncClient, address: str, key_hint: str) -> None:
        """`address` is what links begin with; `key_hint` says where the API key came from or should."""
        self._http = http
        self.address = address.rstrip("/")
        self._key_hint = key_hint

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request and return the good answer; raise ServerSaid or Unreachable."""
        async with self.stream(method, path, **how) as response:
            await response.aread()
            return response

    @asynccontextmanager
    async def stream(self, method: str, path: str, **how: Any) -> AsyncIterator[httpx.Response]:
        """Like `call`, with the body still to be read.

        What is too long for an answer of a function is fetched from the bucket that it names; httpx sends our key to
        no other server.
        """
        try:
            async with self._http.stream(method, path, follow_redirects=method == "GET", **how) as response:
                if response.status_code >= 300:
                    await response.aread()
                    raise self._refusal(response)
                yield response
        except httpx.TimeoutException:
            raise Unreachable(f"The Imagemill server at {self.address} did not answer in time.") from None
        except httpx.TransportError as error:
            raise Unreachable(
                f"No Imagemill server answers at {self.address} ({str(error) or type(error).__name__}); "
                f"is it running, and is {SERVER} right?"
            ) from None

    def absolute(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record whose `url` has an address: a server without `server.public_url` knows only the path."""
        url = str(record.get("url", ""))
        return {**record, "url": self.address + url} if url.startswith("/") else record

    def _refusal(self, response: httpx.Response) -> ServerSaid:
        status = response.status_code
        if status == 401:
            return ServerSaid(f"The server at {self.address} {self._key_hint}.", status=401, code="unauthenticated")
        try:
            told = response.json()
            faults = tuple(
                Fault(str(e["option"]), str(e["expected"]), str(e["received"])) for e in told.get("errors", ())
            )
            return ServerSaid(str(told["detail"]), status=status, code=str(told["code"]), faults=faults)
        except (ValueError, KeyError, TypeError, AttributeError):
            return ServerSaid(
                f"The server at {self.address} answered {status} without a word of Imagemill; "
                f"is {SERVER} the address of an Imagemill server?",
                status=status,
                code="not_imagemill",
            )


def path_to(resource: str, key: str) -> str:
    """Return the path of a key below a resource: `/v1/originals` and `a b.jpg` → `/v1/originals/a%20b.jpg`.

    A key that would not survive as a path (an odd name that a folder already has) goes as `b64:`.
    """
    try:
        if not key.startswith(ENCODED_PREFIX):
            return f"{resource}/{quote(check_key(key), safe='/~')}"
    except InvalidRequest:
        pass  # the other form may still address it; if not, the server says why
    raw = key.encode("utf-8", "surrogateescape")
    return f"{resource}/{ENCODED_PREFIX}{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Remote]:
    """Reach the platform that `target` and the environment mean; raise in words where that fails."""
    address = os.environ.get(SERVER, "").strip()
    if address and target.data is None:
        async with _over_network(_checked_address(address), _key_from_environment(), trust_env=True) as remote:
            yield remote
        return
    settings = Settings.load({"data.dir": target.data, "config": target.config})
    if not target.create and not settings.data.is_dir():
        raise BadFolder(
            f"There is no data folder {settings.data}. Name the right one with --data, run the command where the "
            f"server was started, or set {SERVER} to a running server."
        )
    held = await _server_or_folder(settings.data)
    if isinstance(held, Holder):
        assert held.url is not None
        async with _over_network(held.url, _key_of_folder(settings), trust_env=False) as remote:
            yield remote
    else:
        async with _in_process(settings, held, one_worker=not target.create) as remote:
            yield remote


async def _server_or_folder(data: Path) -> Holder | DataFolder:
    """Return the server that holds the folder, or the folder, held now by us.

    A server that is starting has no address yet, and another command ends soon: both are waited for.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        who = holder(data)
        if who is not None and who.url is not None:
            return who
        try:
            return open_data_folder(data)
        except Conflict:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _over_network(address: str, key: str | None, *, trust_env: bool) -> AsyncIterator[Remote]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    hint = "did not accept the API key" if key else "wants an API key"
    hint += f"; put the right one into a file and name it with {KEY_FILE}" if trust_env else " of its data folder"
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=_TIMEOUT, trust_env=trust_env) as http:
        yield Remote(http, address, hint)


@asynccontextmanager
async def _in_process(settings: Settings, folder: DataFolder, *, one_worker: bool) -> AsyncIterator[Remote]:
    """Run the platform here, quietly, for the time of one command, and give the folder back."""
    from imagemill import assembly
    from imagemill.observability.logging import configure

    configure(form="", level="warning")
    settings = replace(settings, server=replace(settings.server, access_log=False))
    if one_worker:
        settings = replace(settings, engine=replace(settings.engine, workers=1))
    try:
        platform = await assembly.build(settings, folder)
        try:
            await platform.start()
            warn_of_key(settings, folder, created=platform.keys.created, loose=platform.keys.loose)
            address = settings.server.public_url or address_of(settings.server.host, settings.server.port)
            transport = httpx.ASGITransport(app=platform.app, client=("127.0.0.1", 0))
            headers = {"authorization": f"Bearer {_key_of_folder(settings)}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", headers=headers, timeout=_TIMEOUT, trust_env=False
            ) as http:
                yield Remote(http, address, "did not accept the API key of its data folder")
        finally:
            await platform.close()
    finally:
        folder.close()


def _checked_address(address: str) -> str:
    parts = httpx.URL(address) if "://" in address else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        raise Unreachable(f"{SERVER}: expected a URL such as https://img.example.com, received {address!r}.")
    return address


def _key_from_environment() -> str | None:
    name = os.environ.get(KEY_FILE, "").strip()
    return _read_key(Path(name).expanduser(), f"{KEY_FILE} names") if name else None


def _key_of_folder(settings: Settings) -> str:
    if settings.admin.key_file:
        return _read_key(Path(settings.admin.key_file), "admin.key_file names")
    return _read_key(settings.data / "admin.key", "The admin key is expected in")


def _read_key(path: Path, lead: str) -> str:
    """Return the one line of a key file."""
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise Unreachable(f"{lead} {path}, which cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        key = ""
    if not key or any(c.isspace() for c in key):
        raise Unreachable(f"{lead} {path}, which does not hold one line with an API key.")
    return key
