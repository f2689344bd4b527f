"""`imagemill doctor`: is this a machine and a configuration on which Imagemill works well?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from imagemill.cli.exit_codes import FAILED
from imagemill.cli.flags import ConfigFlag, DataFlag, HostFlag, JsonFlag, PortFlag
from imagemill.cli.words import emit, visible

if TYPE_CHECKING:  # imported when the command runs
    from imagemill.cli.checks import Finding

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor(
    host: HostFlag = None,
    port: PortFlag = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Check this machine and the settings.

    Each line is ok, warn or FAIL, with the next step; any FAIL makes the exit code 1.

    Examples:
      imagemill doctor
      imagemill doctor --data /var/lib/imagemill --json

    """
    from imagemill.cli.checks import examine

    findings = examine(
        {"data.dir": data, "config": config, "server.host": host, "server.port": port},
    )
    failed = 0
    for finding in findings:
        failed += finding.state == "fail"
        if as_json:
            emit({"check": finding.check, "state": finding.state, "text": finding.text, "next": finding.next_step})
        else:
            print(_line(finding), flush=True)
    if failed:
        raise typer.Exit(FAILED)


def _line(finding: Finding) -> str:
    line = f"{_MARKS[finding.state]}  {finding.check:<14}{visible(finding.text)}"
    return f"{line}\n{'':20}→ {visible(finding.next_step)}" if finding.next_step else line
