from __future__ import annotations

from pathlib import Path

from imagemill.settings.attached import NAMED, described_source
from imagemill.settings.reference import SECTIONS, Described, described, written
from imagemill.settings.source import variable_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def line_of(one: Described) -> str:
    """The line of the reference that a setting should have."""
    allowed = "true, false" if one.kind is bool else one.rule.brief
    return f"| `{one.name}` | `{written(one.default)}` | {allowed} | {one.help} |"


def test_the_reference_lists_every_setting_as_it_is() -> None:
    """Each setting stands in docs/settings.md with its default, help and range; nothing else does."""
    shown = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    wanted = [line_of(one) for one in (*described().values(), *described_source().values())]
    missing = [line for line in wanted if line not in shown]
    surplus = [line for line in shown if line not in wanted]
    assert not missing, "docs/settings.md lacks:\n" + "\n".join(missing)
    assert not surplus, "docs/settings.md still has:\n" + "\n".join(surplus)


def test_every_section_has_a_heading() -> None:
    """A person finds `[engine]` where the file has it."""
    headings = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
    assert headings == [f"### [{section}]" for section in (*SECTIONS, NAMED)]


def test_variables_follow_one_rule() -> None:
    """The page shows one example of the rule, and it is true."""
    assert variable_of("server.port") == "IMAGEMILL_SERVER__PORT"
    assert "IMAGEMILL_SERVER__PORT" in PAGE.read_text(encoding="utf-8")
