"""Every session in the documentation is run against a real server, and what it shows is compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, Command, all_pages, matches, steps_of
from tests.docs.session import Session
from tests.servers import versity
from tests.tools import need

from imagemill.observability import names

NOT_RUN = {
    "make test": "these very tests",
    "make bench": "takes minutes; tests/benchmarks runs a short one",
}
"""Commands of the pages that no test runs, and why."""
TOOLS = {"curl": "curl", "nginx": "nginx-light", "openssl": "openssl"}
"""Commands that a page may use and Debian's package of each."""
PAGES = [page for page in all_pages() if steps_of(page)]


def need_tools(text: str) -> None:
    """Skip where a tool of the page is not installed; fail under CI."""
    for tool, package in TOOLS.items():
        if re.search(rf"\b{tool}\b", text):
            need(tool, package)
    if "versitygw" in text:
        versity.program()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_shows_what_happens(page: Path, tmp_path: Path) -> None:
    """Typed from top to bottom, the page's commands print what it says they print."""
    steps = steps_of(page)
    need_tools("\n".join(step.text for step in steps))
    with Session(tmp_path) as session:
        for step in steps:
            if step.text not in NOT_RUN:
                session.do(step)


def test_readme_begins_with_the_two_commands() -> None:
    """The contract: `make demo` and `make test` come first."""
    commands = [step.text for step in steps_of(ROOT / "README.md") if isinstance(step, Command)]
    assert commands[:2] == ["make demo", "make test"]


def test_no_page_promises_what_cannot_be_run() -> None:
    """Blocks in `sh` or `bash` would be read as commands but not run; sessions are `console`."""
    for page in all_pages():
        assert not re.search(r"^```(?:sh|bash|shell)\b", page.read_text(encoding="utf-8"), re.MULTILINE), page.name


def test_links_between_pages_lead_somewhere() -> None:
    """Every relative link and picture of a page exists."""
    for page in all_pages():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target.strip()).exists(), f"{page.name}: {target}"


def test_every_metric_is_explained() -> None:
    """The page of metrics names exactly those that the code counts."""
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"`(imagemill_[a-z_]+)", page))
    counted = {f"{name}_total" for name in names.COUNTERS} | set(names.GAUGES) | {names.HISTOGRAM}
    assert shown == counted


def test_an_ellipsis_matches_only_what_it_may() -> None:
    """The comparison itself can fail: `…` stays within its line, `…` alone spans lines, the rest is literal."""
    assert matches(["a … c", "…", "z"], "a b c\nx\ny\nz\n")
    assert matches(["a … c", "…", "z"], "a b c\nz\n")
    assert not matches(["a … c"], "a b\nc\n")
    assert not matches(["a.c"], "abc\n")
    assert not matches(["a"], "a\nb\n")
