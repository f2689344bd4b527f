"""`imagemill demo`: `serve` with a few sample photos and URLs to click."""

from __future__ import annotations

from pathlib import Path

from imagemill.cli.flags import ConfigFlag, DataFlag, HostFlag, LogFormatFlag, PortFlag, WorkersFlag

DATA = Path("demo-data")


def demo(
    host: HostFlag = None,
    port: PortFlag = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    workers: WorkersFlag = None,
    log_format: LogFormatFlag = None,
) -> None:
    """Serve sample photos and print URLs to click.

    The samples are copied into the data folder (default: ./demo-data); a folder that has pictures of its
    own is left as it is. Unless delivery.allow is set, options that otherwise want a signature are open too.

    Example:
      imagemill demo --port 9000

    """
    from dataclasses import replace

    from imagemill import demo as samples
    from imagemill.cli.serve import run_server, shown_folder
    from imagemill.settings import Settings
    from imagemill.settings.rules import every_word

    def links(address: str) -> None:
        print("\nOpen one of these:")
        for caption, link in samples.links(address):
            print(f"  {caption}\n    {link}")
        print(f"  Everything on one page\n    {address}/\n\nCtrl-C stops it.", flush=True)

    settings = Settings.load(
        {
            "data.dir": data or DATA,
            "config": config,
            "server.host": host,
            "server.port": port,
            "engine.workers": workers,
            "log.format": log_format,
        }
    )
    if "delivery.allow" not in settings.sources:  # a demo should show all that there is
        settings = replace(settings, delivery=replace(settings.delivery, allow=every_word("delivery.allow")))
    run_server(settings, data_shown=shown_folder(settings.data, data), prepare=samples.prepare, on_ready=links)
