"""`docs/benchmarks.md`, written from `results/latest.json` and from nothing else; a test compares the two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.load import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"
TITLES = {
    "startup": "Starting",
    "hot": "Hot: a variant that is in the cache",
    "disk": "Disk: a variant in the disk cache",
    "edge": "Behind nginx: a variant that is a file",
    "edge_function": "CloudFront's function: bytes and time per call",
    "functions": "A function in the cloud: its engine and its imports",
    "cold_start": "A function's cold start: from nothing to the first picture",
    "cold": "Cold: a variant that nobody has made",
    "set": "A set: one decode for many variants",
    "bulk": "Bulk: a folder without a server",
    "quality": "Quality of shrink-on-load",
    "memory": "Memory",
    "signing": "Signed links",
    "cluster": "Two processes, and a stampede over both",
    "fairness": "Many at once",
    "overload": "More than can be made",
    "frontier": "Encoder settings",
    "scale": "One scale of quality",
    "avif": "AVIF while someone waits",
    "peers": "Side by side with imgproxy, imagor, thumbor and IPX",
}
_HEAD = """# Benchmarks

`make bench` makes these figures and writes `benchmarks/results/latest.json`; this page is printed from that file by
`python -m benchmarks report`. Comparisons are ratios of two sides measured in turn within one run, because the machine
is shared and its speed drifts; absolute figures hold for this machine and hour only.
"""
_VERDICT = {True: "yes", False: "**no**", None: ""}


def load_results(path: Path = RESULTS) -> dict[str, Any]:
    """The results file, or an empty one."""
    if not path.is_file():
        return {"machine": {}, "benchmarks": {}}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def save_results(results: dict[str, Any], path: Path = RESULTS) -> None:
    """Replace the results file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(path)


def _cells(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _figures(figures: list[dict[str, Any]]) -> list[str]:
    lines = [_cells("figure", "value", "gate", "met", "note"), "|---|---|---|---|---|"]
    for figure in figures:
        value = f"{figure['value']:g} {figure['unit']}".strip()
        lines.append(_cells(figure["name"], value, figure["gate"] or "", _VERDICT[figure["pass"]], figure["note"]))
    return lines


def _section(name: str, found: dict[str, Any]) -> list[str]:
    lines = ["", f"## {TITLES.get(name, name)}", ""]
    if "error" in found:
        return [*lines, f"Not measured: {found['error']}"]
    lines += [f"{found['method']}.", "", *_figures(found["figures"])]
    if found["rows"]:
        heads, *rows = found["rows"]
        lines += ["", _cells(*heads), "|" + "---|" * len(heads), *(_cells(*row) for row in rows)]
    lines += ["", f"Measured {found['at']} at revision `{found['revision']}` in {found['seconds']:.0f} s."]
    return lines


def page(results: dict[str, Any]) -> str:
    """The whole page in Markdown."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    lines = [_HEAD, f"Machine: {machine}."]
    for name in TITLES:
        if name in results["benchmarks"]:
            lines += _section(name, results["benchmarks"][name])
    return "\n".join(lines) + "\n"


def write_page() -> None:
    """Print the page anew."""
    PAGE.write_text(page(load_results()))
