"""`imagemill settings`: every setting with its value, where it came from, and what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag
from imagemill.cli.words import emit, visible

if TYPE_CHECKING:  # read when the command runs
    from imagemill.settings.reference import Row


def settings(
    check: Annotated[bool, typer.Option("--check", help="Only check them (for CI): exit code 1 when wrong.")] = False,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show every setting: value, source, help. Passwords are hidden.

    A setting is looked for on the command line, then as IMAGEMILL_SECTION__NAME in the environment, then in the
    settings file, and has a default.

    Examples:
      imagemill settings
      imagemill settings --check --config deploy/imagemill.toml
      imagemill settings --json | jq -r 'select(.source != "default") | .name'

    """
    from imagemill.settings import Settings

    loaded = Settings.load({"data.dir": data, "config": config})
    if check:
        _say_right(str(loaded.config or ""), len(loaded.sources), as_json=as_json)
        return
    for row in loaded.describe():
        if as_json:
            emit(
                {
                    "name": row.name,
                    "value": row.value,
                    "default": row.default,
                    "source": row.source,
                    "help": row.help,
                    "restart": row.restart,
                }
            )
        else:
            print(_lines(row))


def _say_right(file: str, count: int, *, as_json: bool) -> None:
    if as_json:
        emit({"ok": True, "file": file or None, "set": count})
        return
    where = f" in {visible(file)} and the environment" if file else " in the environment; there is no settings file"
    print(f"The settings are right ({count} set{where}).")


def _lines(row: Row) -> str:
    restart = "a change needs a restart" if row.restart else "a change is taken up at once"
    return f"{row.name} = {visible(row.value)}\n    {row.help}\n    from: {visible(row.source)}; {restart}"
