"""`python -m benchmarks [name…]` measures and writes `results/latest.json`; `python -m benchmarks report` the page.

Names are those of the table below; none means all. Exit status 1 when a gate is missed or a benchmark could not run.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks import machine, report
from benchmarks.measure import Outcome

_DONE, _MISSED, _USAGE = 0, 1, 2


def measured(name: str) -> dict[str, Any]:
    """One benchmark as `latest.json` holds it; a failure is a result too, in its own words."""
    started = time.perf_counter()
    try:
        outcome: Outcome = importlib.import_module(f"benchmarks.{name}").measure()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return {"error": str(error), "at": _now(), "revision": machine.revision()}
    return {
        "method": outcome.method,
        "figures": [figure.as_json() for figure in outcome.figures],
        "rows": [list(row) for row in outcome.rows],
        "at": _now(),
        "revision": machine.revision(),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _show(name: str, found: dict[str, Any]) -> bool:
    """Print the figures; whether all gates are met."""
    if "error" in found:
        print(f"{name}: could not be measured: {found['error']}", flush=True)
        return False
    print(f"{name} ({found['seconds']} s)")
    for figure in found["figures"]:
        verdict = {True: "ok", False: "MISSED", None: ""}[figure["pass"]]
        print(f"  {figure['name']:<62} {figure['value']:>10g} {figure['unit']:<3} {figure['gate'] or '':<9} {verdict}")
    sys.stdout.flush()
    return all(figure["pass"] is not False for figure in found["figures"])


def main(arguments: list[str]) -> int:
    """Run what was named."""
    if arguments == ["report"]:
        report.write_page()
        return _DONE
    unknown = [name for name in arguments if name not in report.TITLES]
    if unknown:
        print(
            f"no benchmark called {', '.join(unknown)}; there are: {', '.join(report.TITLES)}, and report",
            file=sys.stderr,
        )
        return _USAGE
    results = report.load_results()
    results["machine"] = machine.describe()
    good = True
    for name in arguments or list(report.TITLES):
        found = measured(name)
        good &= _show(name, found)
        results["benchmarks"][name] = found
        report.save_results(results)
    report.write_page()
    return _DONE if good else _MISSED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
