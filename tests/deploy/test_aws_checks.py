"""What the tools of the field say of the templates: cfn-lint and cdk-nag, every exception with its reason."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from deploy.aws.__main__ import quiet_cdk
from deploy.aws.acknowledged import ACKNOWLEDGED, LINT
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised, everything
from tests.servers.cloudformation.order import ordered
from tests.tools import need

TABLE = {(one.rule, construct): one.reason for one in ACKNOWLEDGED for construct in one.constructs}


@pytest.fixture(params=["plain", "full"])
def deployment(request: pytest.FixtureRequest) -> Synthesised:
    """Each of both deployments."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


def region_of(config: Config, stack: str) -> str:
    """Return where a stack is deployed."""
    regions = {"replica": config.replica_region, "edge": "us-east-1", "edge-alarms": "us-east-1"}
    return regions.get(stack, config.region)


@cache
def complaints(text: str, region: str) -> list[str]:
    """Return what cfn-lint says of a template that is to be deployed in `region`."""
    matches = lint(text, config=ManualArgs(regions=[region]))
    return [f"{one.rule.id} {'/'.join(map(str, one.path))}: {one.message}" for one in matches]


def test_cfn_lint_has_nothing_to_say(deployment: Synthesised) -> None:
    """Types, properties, values, references and their region's resource types are right."""
    said = [
        f"{stack}: {line}"
        for stack, text in deployment.texts.items()
        for line in complaints(text, region_of(deployment.config, stack))
    ]
    assert [line for line in said if line.split(": ")[1].split()[0] not in LINT] == []


def test_every_rule_of_cfn_lint_that_is_left_out_is_still_met(full: Synthesised) -> None:
    """An exception that nothing needs goes."""
    said = [line for stack, text in full.texts.items() for line in complaints(text, region_of(full.config, stack))]
    assert {line.split()[0] for line in said} == set(LINT)


@pytest.mark.parametrize(
    ("where", "value", "rule"),
    [
        (("Properties", "TracingEnabled"), "perhaps", "E3012"),
        (("Properties", "DeploymentId"), {"Ref": "Nobody"}, "E1020"),
        (("Properties", "Stagename"), "live", "E3002"),
    ],
    ids=["type", "reference", "property"],
)
def test_cfn_lint_sees_what_is_wrong(plain: Synthesised, where: tuple[str, str], value: Any, rule: str) -> None:
    """The check can fail: a fault put into a template is told."""
    template = json.loads(plain.texts["api"])
    template["Resources"]["Stage"][where[0]][where[1]] = value
    assert rule in {line.split()[0] for line in complaints(json.dumps(template), plain.config.region)}


def test_no_resource_needs_itself(deployment: Synthesised) -> None:
    """References and dependencies have an order; graphlib names the circle if there is one."""
    for template in deployment.templates.values():
        assert len(ordered(template)) == len(template["Resources"])


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """What cdk-nag objects to in both deployments."""
    need("node", "nodejs")
    quiet_cdk()
    from tests.deploy.nag import findings

    folders = [tmp_path_factory.mktemp("nag") for _ in range(2)]
    return findings(Config(), folders[0]) | findings(everything(), folders[1])


def test_every_finding_of_cdk_nag_is_acknowledged_with_a_reason(found: set[tuple[str, str]]) -> None:
    """A new finding is mended, or explained in deploy/aws/acknowledged.py."""
    assert sorted(found - TABLE.keys()) == []
    assert all(len(reason) > 40 for reason in TABLE.values())


def test_no_acknowledgement_is_left_over(found: set[tuple[str, str]]) -> None:
    """What nothing needs any longer goes from the table."""
    assert sorted(TABLE.keys() - found) == []
    assert len(TABLE) == sum(len(one.constructs) for one in ACKNOWLEDGED)
