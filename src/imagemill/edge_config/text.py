"""Filling in a text: `«name»` is replaced; a name that is missing or left over is a mistake of ours, found by tests."""

from __future__ import annotations

import re

_NAME = re.compile("«([a-z_]+)»")


def fill(text: str, **values: str) -> str:
    """Return `text` with every `«name»` replaced; a line that holds only a name takes its indent to all lines."""
    unused = set(values)

    def value(found: re.Match[str]) -> str:
        unused.discard(found[1])
        return values[found[1]]

    lines = []
    for line in text.split("\n"):
        alone = _NAME.fullmatch(line.strip())
        if alone is None:
            lines.append(_NAME.sub(value, line))
            continue
        indent = line[: len(line) - len(line.lstrip())]
        block = value(alone).strip("\n")
        lines += [indent + one if one else "" for one in block.split("\n")] if block else []
    if unused:
        raise KeyError(f"not in the text: {sorted(unused)}")
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Return `text` in the quotes of nginx, which knows no escape but that of the quote itself."""
    return '"' + text.replace('"', '\\"') + '"'
