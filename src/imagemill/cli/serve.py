"""`imagemill serve`: from flags to a running server, and back to a clean stop."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagemill.cli.flags import ConfigFlag, DataFlag, HostFlag, HttpFlag, LogFormatFlag, PortFlag, WorkersFlag
from imagemill.cli.words import say
from imagemill.errors import ImagemillError, Kind

if TYPE_CHECKING:  # the settings are read when the command runs, not when its help is shown
    from imagemill.control.auth import AdminKey
    from imagemill.data_folder import DataFolder
    from imagemill.settings import Settings

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound
"""Addresses that mean "all of this machine's", and the one that reaches it from itself."""


class CannotListen(ImagemillError):
    """The address or port cannot be had."""

    kind = Kind.CONFLICT
    code = "cannot_listen"


def serve(
    host: HostFlag = None,
    port: PortFlag = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    workers: WorkersFlag = None,
    http: HttpFlag = None,
    log_format: LogFormatFlag = None,
) -> None:
    """Serve pictures: the whole platform in one process, or in several that share a port (--http).

    Pictures in the data folder are served at once: DIR/photos/cat.jpg is /img/w=300/photos/cat.jpg. What is made
    lies apart in DIR/.imagemill. Stop it with Ctrl-C or SIGTERM; running requests are finished. With --http, SIGHUP
    replaces the processes one by one, with the settings as they are then, and no request is lost.

    Examples:
      imagemill serve
      imagemill serve --http 4
      imagemill serve --data ~/Pictures --port 9000
      IMAGEMILL_ORIGINALS__URL=file:///mnt/photos imagemill serve --data /var/lib/imagemill

    """
    from imagemill.settings import Settings

    def read() -> Settings:
        return Settings.load(
            {
                "data.dir": data,
                "config": config,
                "server.host": host,
                "server.port": port,
                "server.processes": http,
                "engine.workers": workers,
                "log.format": log_format,
            }
        )

    settings = read()
    run_server(settings, data_shown=shown_folder(settings.data, data), reload=read)


def run_server(
    settings: Settings,
    *,
    data_shown: str,
    prepare: Callable[[Path], None] | None = None,
    on_ready: Callable[[str], None] | None = None,
    reload: Callable[[], Settings] | None = None,
) -> None:
    """Hold the data folder, serve until a signal, give it back.

    `prepare` may put files into the held folder before anything looks at it; `on_ready` gets the address; `reload`
    reads the settings again for a rolling restart of several processes.
    """
    from imagemill.cli.open_files import allow_most

    signal.signal(signal.SIGTERM, _leave)
    allow_most()
    if settings.server.processes > 1:
        from imagemill.cli.serve_processes import run_processes

        run_processes(settings, data_shown, prepare or _nothing, on_ready or _nothing, reload or (lambda: settings))
        return
    import uvloop  # a make is some twenty turns of the event loop: the server's share fell from 3.4 to 2.7 ms

    from imagemill.data_folder import open_data_folder

    settings = replace(settings, server=replace(settings.server, port=port_to_serve(settings)))
    folder = open_data_folder(settings.data)
    try:
        if prepare is not None:
            prepare(folder.path)
        # Until the first line of `_serve` nobody can end the half-started loop: a signal waits for that line.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
        uvloop.run(_serve(settings, folder, data_shown, on_ready))
    finally:
        folder.close()


def _nothing(_: object) -> None:
    """Do nothing."""


def _leave(_number: int, _frame: object) -> None:
    """Stop before anything is served: what has been started is ended, and it is no failure (exit 0).

    Once the server listens it handles the signal itself, and finishes what is running first.
    """
    sys.exit(0)


async def _serve(
    settings: Settings, folder: DataFolder, data_shown: str, on_ready: Callable[[str], None] | None
) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    from imagemill import assembly
    from imagemill.gateway.server import serve as serve_until_signal
    from imagemill.observability.logging import configure

    configure(form=settings.log.format, level=settings.log.level)
    platform = await assembly.build(settings, folder)

    try:
        await platform.start()
        await serve_until_signal(
            platform.app,
            settings.server,
            lambda: tell_ready(settings, folder, platform.keys, data_shown, on_ready or _nothing),
        )
    finally:
        await platform.close()


def tell_ready(
    settings: Settings, folder: DataFolder, keys: AdminKey, data_shown: str, on_ready: Callable[[str], None]
) -> None:
    """Announce the address to other commands, warn of what should be known, and print the one line."""
    from imagemill.observability.logging import events, wants_text

    def tell(sentence: str) -> None:
        """Say it to a person; where the log is read by a program, it is an event like any other."""
        if wants_text(settings.log.format):
            say(sentence)
        else:
            events().warning("server.notice", detail=sentence)

    address = address_of(settings.server.host, settings.server.port)
    folder.announce(address)
    warn_if_open_to_others(settings, tell)
    warn_of_key(settings, folder, created=keys.created, loose=keys.loose, tell=tell)
    print(f"Imagemill serves {address} (data: {data_shown})", flush=True)
    on_ready(address)


def shown_folder(path: Path, asked: Path | None) -> str:
    """Return the data folder as the person wrote it, or short when it lies below the present one."""
    if asked is not None:
        return str(asked)
    here = Path.cwd()
    return f"./{path.relative_to(here)}" if path.is_relative_to(here) else str(path)


def address_of(host: str, port: int) -> str:
    """Return the URL under which this machine reaches a server that listens on `host`."""
    reached = WILDCARDS.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    return host in ("localhost", "::1") or host.startswith("127.")


def warn_if_open_to_others(settings: Settings, tell: Callable[[str], None]) -> None:
    """Say in one line that anyone on the network may ask for any size (contract, "Access")."""
    if not is_loopback(settings.server.host) and not settings.delivery.access:
        tell(
            f"Warning: {settings.server.host} can be reached by others and delivery.access is not set, so anyone may "
            "ask for any size; set IMAGEMILL_DELIVERY__ACCESS to sizes or presets, or to open if this is meant."
        )


def warn_of_key(
    settings: Settings, folder: DataFolder, *, created: bool, loose: bool, tell: Callable[[str], None] = say
) -> None:
    """Say once where the new admin key is, and each time that others can read it."""
    path = settings.admin.key_file or folder.admin_key
    if created:
        tell(f"A new admin key was written to {path}; the control API and the shell commands need it.")
    if loose:
        tell(f"Warning: the admin key in {path} can be read by other users; chmod 600 {path}.")


def port_to_serve(settings: Settings) -> int:
    """Return `free_port`; where it is taken because the folder is served already, raise Conflict that says so.

    Another port, which is what a taken one suggests, would not help that person.
    """
    from imagemill.data_folder import holder, in_use

    try:
        return free_port(settings)
    except CannotListen:
        who = holder(settings.data)
        if who is None:
            raise
        raise in_use(settings.data, who) from None


def free_port(settings: Settings) -> int:
    """Return the port to listen on; raise CannotListen when it cannot be had. Port 0 becomes a free one.

    Asked before anything else is started, because the person should hear of a taken port at once and in words.
    """
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"The address {host!r} is not known here ({_why(error)}); try 127.0.0.1.") from None
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(target)
            trial.listen(1)
        except OSError as error:
            raise cannot_listen(host, port, error) from None
        return int(trial.getsockname()[1])


def cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    """Return the sentence for a port that could not be opened, with what to do instead."""
    import errno

    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8080
        return CannotListen(
            f"Port {port} on {host} is taken by another program; stop it, or choose another port: --port {other}."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return CannotListen(
            f"Port {port} may not be opened by this user (those below 1024 are reserved); choose a higher one."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotListen(
            f"The address {host} does not belong to this machine; use 127.0.0.1, or 0.0.0.0 for all of its addresses."
        )
    return CannotListen(f"Cannot listen on {host} port {port}: {_why(error)}.")


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or os.strerror(0)
