"""The command line: every command in the order in which a newcomer meets them.

Command modules import only what their help needs; the work is imported when a command runs, so that `serve` starts at
once. Help is plain text (no boxes): it is copied from.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from imagemill.cli import (
    demo,
    doctor,
    edge_config,
    explain,
    get,
    info,
    ls,
    purge,
    put,
    render,
    rm,
    serve,
    settings,
    sign,
    url,
)
from imagemill.cli.exit_codes import FAILED, exit_code_of
from imagemill.cli.words import complain, say
from imagemill.errors import ImagemillError

TRACE = "IMAGEMILL_TRACE"
"""Set to anything, it lets the trace of an unforeseen error through."""

app = typer.Typer(
    name="imagemill",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(epilog="Example: imagemill serve --data ~/Pictures")
def imagemill(
    _version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
) -> None:
    """Imagemill serves any picture in any size and format, made once and kept.

    Start with `imagemill serve`; then `imagemill put photo.jpg` and `imagemill url photo.jpg w=300`. The other commands
    talk to the server that holds the data folder (--data), to the one named by IMAGEMILL_SERVER with the key in
    IMAGEMILL_API_KEY_FILE, or straight to the data folder when no server runs.
    """


COMMANDS: tuple[Callable[..., None], ...] = (
    serve.serve,
    demo.demo,
    put.put,
    get.get,
    ls.ls,
    info.info,
    rm.rm,
    url.url,
    sign.sign,
    purge.purge,
    render.render,
    explain.explain,
    doctor.doctor,
    settings.settings,
    edge_config.edge_config,
)


def name_of(command: Callable[..., None]) -> str:
    """Return how a command is called in the shell."""
    return command.__name__.replace("_", "-")


def help_of(command: Callable[..., None]) -> str:
    """Return a command's docstring as its help; the mark keeps the lines of its examples as they are."""
    return inspect.cleandoc(command.__doc__ or "").replace("\n\nExample", "\n\n\b\nExample")


for command in COMMANDS:
    app.command(name_of(command), help=help_of(command))(command)


def run() -> int:
    """Run the command of this process's arguments and return its exit code; errors are one plain sentence on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A file name that is no UTF-8, or a terminal that is not, must not end in a traceback.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ImagemillError as error:
        complain(error)
        return exit_code_of(error)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except Exception as error:  # a person is told whatever it is; the trace is theirs to ask for
        if os.environ.get(TRACE):
            raise
        say(f"imagemill: a mistake in Imagemill itself: {type(error).__name__}: {error} ({TRACE}=1 shows where)")
        return FAILED
    return 0
