"""What a template's resources refer to, and the order that follows: a circle is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

NAMED = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")
"""A reference in the text of `Fn::Sub`; pseudo parameters have colons."""


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids that `value` names by Ref, Fn::GetAtt, Fn::Sub or DependsOn; parameters too."""
    if isinstance(value, list):
        for one in value:
            yield from references(one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        if key == "Ref":
            yield one
        elif key == "Fn::GetAtt":
            yield one[0] if isinstance(one, list) else one.split(".")[0]
        elif key == "DependsOn":
            yield from [one] if isinstance(one, str) else one
        elif key == "Fn::Sub":
            yield from NAMED.findall(one if isinstance(one, str) else one[0])
            yield from references(one)
        else:
            yield from references(one)


def ordered(template: Mapping[str, Any]) -> list[str]:
    """Return the logical ids, each after those it needs; raise graphlib.CycleError where that cannot be."""
    resources = template["Resources"]
    needs = {name: sorted({one for one in references(body) if one in resources}) for name, body in resources.items()}
    return list(TopologicalSorter(needs).static_order())
