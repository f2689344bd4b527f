"""The bill: each line is its own sum, and the page shows what the command prints."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from deploy.aws import cost
from deploy.aws.config_file import FILE as CONFIG
from deploy.aws.cost import Load, Prices, month
from tests.deploy.deployments import Synthesised

PAGE = Path(__file__).resolve().parents[2] / "docs" / "aws-cost.md"


def dollars(load: Load) -> float:
    """Return the sum of a month."""
    return sum(line.dollars for line in month(load))


def test_the_page_shows_the_bill_of_a_million_views() -> None:
    """The tables of the page are the command's."""
    text = PAGE.read_text("utf-8")
    assert cost.table(Load()) in text


@pytest.mark.parametrize(
    ("change", "more"),
    [
        ({"views": 2_000_000}, True),
        ({"edge_hits": 0.5}, True),
        ({"made": 0.04}, True),
        ({"unversioned": 1.0}, True),
        ({"variant_bytes": 90_000}, True),
        ({"firewall": False}, False),
        ({"memory_mb": 1024}, False),
    ],
)
def test_the_bill_follows_the_load(change: dict[str, float], more: bool) -> None:
    """More of anything costs more, less costs less."""
    changed = dataclasses.replace(Load(), **change)  # type: ignore[arg-type]  # a field's name and a number
    assert (dollars(changed) > dollars(Load())) == more
    assert dollars(changed) != dollars(Load())


def test_nobody_asks_and_little_is_paid() -> None:
    """Without views and pictures only what stands is paid: firewall, secrets, alarms."""
    at = Prices()
    nothing = Load(views=0, originals=0, kept_variants=0, uploads=0)
    standing = at.waf_acl + 6 * at.waf_rule + nothing.secrets * at.secret + nothing.alarms * at.alarm
    assert dollars(nothing) == pytest.approx(standing)


def test_the_flags_are_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    """Each figure of the load can be given on the command line."""
    cost.main(["--views", "5000000", "--edge-hits", "0.9", "--no-firewall"])
    assert capsys.readouterr().out == cost.table(Load(views=5_000_000, edge_hits=0.9, firewall=False)) + "\n"


def test_what_stands_is_counted_as_it_is_deployed(plain: Synthesised) -> None:
    """Rules, secrets and alarms of the bill are no fewer than the templates have."""

    def count(kind: str) -> int:
        return sum(len(plain.resources(stack, kind)) for stack in plain.templates)

    (acl,) = plain.resources("edge", "AWS::WAFv2::WebACL").values()
    assert len(acl["Properties"]["Rules"]) <= Load().firewall_rules
    assert count("AWS::SecretsManager::Secret") <= Load().secrets
    assert count("AWS::CloudWatch::Alarm") <= Load().alarms


def test_what_keys_of_ones_own_cost_stands_beside_the_choice(full: Synthesised) -> None:
    """`kms = true` makes so many, a dollar a month each."""
    keys = sum(len(full.resources(stack, "AWS::KMS::Key")) for stack in full.templates)
    (line,) = [one for one in CONFIG.read_text("utf-8").splitlines() if one.startswith("kms = ")]
    assert f": {keys} keys, a dollar a month each" in line


def test_every_price_is_used() -> None:
    """A price that no line reckons with would be one that we forgot to charge."""
    for field in dataclasses.fields(Prices):
        dearer = dataclasses.replace(Prices(), **{field.name: getattr(Prices(), field.name) + 1})
        load = Load(unversioned=0.5)
        assert sum(line.dollars for line in month(load, dearer)) > sum(line.dollars for line in month(load)), field.name


def test_dollars_are_written_with_cents() -> None:
    """Every row of the table ends in a sum of money."""
    rows = cost.table(Load()).splitlines()[2:]
    assert all(re.search(r"\| \**[\d,]+\.\d\d\** \|$", row) for row in rows)
