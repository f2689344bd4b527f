"""`imagemill serve --http N`: what the command itself does where several processes serve. It holds what is the node's.

The data folder's lock, the admin key, the listening sockets and the line with the address belong to this process; the
serving ones inherit them or are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from imagemill.assembly.keys import admin_key
from imagemill.assembly.nodes import sweep_leftovers
from imagemill.cli.serve import cannot_listen, port_to_serve, tell_ready
from imagemill.data_folder import open_data_folder
from imagemill.gateway.listener import open_listeners
from imagemill.observability.logging import configure
from imagemill.settings import Settings, SettingsError
from imagemill.settings.values import folder_of
from imagemill.supervision.supervisor import Supervisor


def run_processes(
    settings: Settings,
    data_shown: str,
    prepare: Callable[[Path], None],
    on_ready: Callable[[str], None],
    reload: Callable[[], Settings],
) -> None:
    """Hold the data folder and the port, keep the processes serving until a signal, give both back."""
    if settings.originals.url.startswith("memory:"):
        raise SettingsError(
            "server.processes: expected 1 with originals in memory, which each process has for itself, "
            f"received {settings.server.processes}; use a folder or a bucket."
        )
    host, port = settings.server.host, port_to_serve(settings)  # which has the sentences for all that may be wrong
    try:
        listeners = open_listeners(host, port, settings.server.processes)
    except OSError as error:
        raise cannot_listen(host, port, error) from None
    with contextlib.ExitStack() as opened:
        for listener in listeners:
            opened.enter_context(listener)
        settings = replace(settings, server=replace(settings.server, port=port))
        folder = open_data_folder(settings.data)
        try:
            prepare(folder.path)
            configure(form=settings.log.format, level=settings.log.level)
            originals = folder_of(settings.originals.url)
            if originals is not None:
                folder.own_beside(originals)  # held by this process for all of them
            keys = admin_key(settings, folder)
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))

            async def keep() -> None:
                await sweep_leftovers(settings, folder)
                supervisor = Supervisor(settings, listeners, reload)
                await supervisor.run(lambda: tell_ready(settings, folder, keys, data_shown, on_ready))

            asyncio.run(keep())
        finally:
            folder.close()
