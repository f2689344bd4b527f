"""Commands of the contract that this version does not carry out yet: they say so instead of "no such command"."""

from __future__ import annotations

import typer

from imagemill.cli.exit_codes import UsageError

COMMANDS = {
    "sign": "signing URLs (capability E7)",
}
ANYTHING = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def later(context: typer.Context) -> None:
    """Say which capability the command belongs to."""
    name = str(context.info_name)
    raise UsageError(
        f"{name}: {COMMANDS[name]} comes in a later version; this one has no such command. "
        "`imagemill --help` lists those it has."
    )
