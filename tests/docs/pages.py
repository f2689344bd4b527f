"""What the pages of the documentation hold that can be run: sessions in a shell, and files to write.

    ```console                      a session: lines that begin with `$ ` are run, the others are what they print
    ```nginx nginx.conf             a file: written under that name before what follows is run

In an output, `…` stands for anything within a line, and a line of `…` alone for any lines. `# exit 1` behind a command
says how it ends; 0 if nothing is said. `^C` alone stops the server that was started last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"\s+# exit (\d+)$")


@dataclass
class Command:
    """A command with what it should print and how it should end."""

    text: str
    line: int
    output: list[str] = field(default_factory=list)
    exit_code: int = 0


@dataclass(frozen=True)
class File:
    """A file that the page tells the reader to write."""

    name: str
    text: str
    line: int


Step = Command | File


def all_pages() -> list[Path]:
    """Return every page, README first."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def steps_of(page: Path) -> list[Step]:
    """Return what can be run in a page, in order."""
    text = page.read_text(encoding="utf-8")
    steps: list[Step] = []
    for fence in _FENCE.finditer(text):
        language, name, body = fence.groups()
        line = text.count("\n", 0, fence.start()) + 2
        if language == "console":
            steps.extend(_commands(body, line))
        elif name is not None:
            steps.append(File(name, body, line))
    return steps


def blocks_of(page: Path, language: str) -> list[str]:
    """Return the bodies of the fenced blocks in `language`."""
    return [body for found, _, body in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def _commands(body: str, line: int) -> list[Command]:
    commands: list[Command] = []
    for offset, text in enumerate(body.splitlines()):
        if text.startswith("$ ") or text == "^C":
            commands.append(Command(text.removeprefix("$ "), line + offset))
        elif not commands:
            raise ValueError(f"line {line + offset}: output without a command: {text}")
        elif commands[-1].text.endswith("\\") and not commands[-1].output:
            commands[-1].text += "\n" + text.removeprefix("> ")
        else:
            commands[-1].output.append(text)
    for command in commands:
        ends = _EXIT.search(command.text)
        if ends is not None:
            command.exit_code = int(ends.group(1))
    return commands


def matches(expected: list[str], printed: str) -> bool:
    """Return whether `printed` is what the page shows; spaces at line ends and blank lines at the end do not count."""
    pattern = "".join(_line_pattern(line.rstrip()) for line in expected)
    text = "".join(line.rstrip() + "\n" for line in printed.rstrip().splitlines())
    return re.fullmatch(pattern, text) is not None


def _line_pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in line.split("…")) + r"\n"
