"""The shape of the code: arrows point one way, nobody but the assembly chooses adapters, no cycles."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "imagemill"

LAYERS = [
    {"errors"},
    {"recipe"},
    {"object_store", "engine", "observability"},
    {"variants", "coordination"},
    {"originals", "cache", "cdn", "throttling", "signing", "aws_calls"},
    {"dialects", "uploads"},
    {"delivery"},
    {"gateway", "demo", "offline"},
    {"control", "edge_config"},
    {"settings"},
    {"data_folder", "workers"},
    {"assembly", "testing", "renderer"},
    {"supervision"},
    {"cli", "functions"},
    {"__main__", "__init__"},
]
"""From the centre outwards: a part may import itself and what stands above it in this list."""

ADAPTERS = (
    "imagemill.object_store.local",
    "imagemill.object_store.memory",
    "imagemill.object_store.s3.store",
    "imagemill.object_store.https.store",
    "imagemill.variants.local",
    "imagemill.variants.memory",
    "imagemill.variants.remote",
    "imagemill.engine.in_process",
    "imagemill.engine.pool",
    "imagemill.coordination.file_leases",
    "imagemill.coordination.redis_leases",
    "imagemill.coordination.store_leases",
    "imagemill.throttling.memory",
    "imagemill.throttling.table",
    "imagemill.throttling.redis",
    "imagemill.cdn.cloudflare",
    "imagemill.cdn.cloudfront",
    "imagemill.cdn.fastly",
    "imagemill.cdn.nginx",
    "imagemill.cdn.varnish",
)
"""Modules and packages that carry out a port; each is chosen by a setting."""


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, *, at_import_time: bool = False) -> set[str]:
    """Return the modules of ours that a file imports, everywhere in it or only while it is being imported."""
    tree = ast.parse(path.read_text())
    nodes: list[ast.AST] = []
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        nodes.append(node)
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and at_import_time
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not lazy and not (typing_only and at_import_time):
            todo.extend(ast.iter_child_nodes(node))
    found: set[str] = set()
    known = modules()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("imagemill")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("imagemill"):
            found |= {full if (full := f"{node.module}.{alias.name}") in known else node.module for alias in node.names}
    return found


def part_of(module: str) -> str:
    """Return the top-level part that a module belongs to."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def layer_of(part: str) -> int:
    """Return the layer's place in the list; an unknown part is an error to be answered in the list."""
    for number, layer in enumerate(LAYERS):
        if part in layer:
            return number
    raise AssertionError(f"{part} has no place in LAYERS")


@pytest.mark.parametrize("module", modules())
def test_arrows_point_one_way(module: str) -> None:
    """A module imports only its own part and parts nearer to the centre."""
    own = part_of(module)
    for imported in imports(modules()[module]):
        other = part_of(imported)
        allowed = own == other or layer_of(other) < layer_of(own)
        if own == "testing":
            allowed = True
        assert allowed, f"{module} imports {imported}"


def test_there_is_no_cycle() -> None:
    """No module imports itself through others while it is being imported."""
    graph = {name: imports(path, at_import_time=True) for name, path in modules().items()}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 2 or name not in graph:
            return
        assert state.get(name) != 1, " → ".join((*trail[trail.index(name) :], name))
        state[name] = 1
        for other in graph[name]:
            if other != name:
                visit(other, (*trail, name))
        state[name] = 2

    for name in graph:
        visit(name, ())


def test_only_the_assembly_chooses_adapters() -> None:
    """Ports are known everywhere, adapters where settings become a platform, or workers alone."""
    for name, path in modules().items():
        if part_of(name) == "assembly" or name == "imagemill.workers" or part_of(name) == "testing":
            continue
        chosen = {
            module
            for module in imports(path)
            if f"{module}.".startswith(tuple(f"{adapter}." for adapter in ADAPTERS))
            and part_of(module) != part_of(name)
        }
        assert not chosen, f"{name} imports {chosen}"


def test_only_the_engine_touches_pyvips() -> None:
    """Decoders are reached through workers and nowhere else."""
    for name, path in modules().items():
        if part_of(name) == "engine":
            continue
        tree = ast.parse(path.read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert "pyvips" not in names, name


def test_the_recipe_needs_only_the_standard_library() -> None:
    """The centre has no dependency."""
    for name, path in modules().items():
        if part_of(name) not in ("recipe", "errors"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            roots = []
            if isinstance(node, ast.Import):
                roots = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                roots = [node.module.split(".")[0]]
            assert all(root == "imagemill" or root in sys.stdlib_module_names for root in roots), (name, roots)
