"""Flags that several commands share, so that they are spelled and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataFlag = Annotated[
    Path | None,
    typer.Option("--data", help="The data folder. Default: ./imagemill-data.", show_default=False, metavar="DIR"),
]
ConfigFlag = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The settings file. Default: ./imagemill.toml, else imagemill.toml in the data folder.",
        show_default=False,
        metavar="FILE",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout.")]
ExpiresFlag = Annotated[
    str, typer.Option(help="How long it is good, such as 30m, 12h or 7d; never: without an end.", metavar="TIME")
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]
HostFlag = Annotated[
    str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.", show_default=False, metavar="ADDRESS")
]
PortFlag = Annotated[
    int | None,
    typer.Option(help="Port to listen on; 0 takes any free one. Default: 8080.", show_default=False, metavar="PORT"),
]
WorkersFlag = Annotated[
    int | None,
    typer.Option(help="Worker processes. Default: one for each core.", show_default=False, metavar="N"),
]
HttpFlag = Annotated[
    int | None,
    typer.Option(
        "--http", help="Serving processes, which share the workers. Default: 1.", show_default=False, metavar="N"
    ),
]
LogFormatFlag = Annotated[
    str | None,
    typer.Option(help="json or text. Default: text on a terminal, else json.", show_default=False, metavar="WORD"),
]
