"""How many elements a renderer would draw: `use`, patterns, masks and markers multiply them (threats D9).

2 KB of nested `use` are 10⁹ elements. Separate from the reader of the document because it is arithmetic on a graph.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Node:
    """One element: its children, and the names of the elements it refers to."""

    children: list[int] = field(default_factory=list)
    references: list[str] = field(default_factory=list)


def drawn_elements(nodes: list[Node], names: dict[str, int], most: int) -> int:
    """Return how many elements drawing node 0 touches, each as often as it is used; stops counting above `most`.

    A reference to what is being drawn is not followed: a renderer stops there too. `names` are the indexes by id.
    """
    counts: dict[int, int] = {}
    open_nodes = {0}
    stack: list[tuple[int, list[int]]] = [(0, _targets(nodes[0], names))]
    while stack:
        index, waiting = stack[-1]
        while waiting and (waiting[-1] in counts or waiting[-1] in open_nodes):
            waiting.pop()
        if waiting:
            below = waiting.pop()
            open_nodes.add(below)
            stack.append((below, _targets(nodes[below], names)))
            continue
        stack.pop()
        open_nodes.discard(index)
        total = 1 + sum(counts.get(target, 0) for target in _targets(nodes[index], names))
        counts[index] = min(total, most + 1)
    return counts[0]


def _targets(node: Node, names: dict[str, int]) -> list[int]:
    """What drawing a node draws besides itself, with repetitions."""
    return node.children + [names[name] for name in node.references if name in names]
