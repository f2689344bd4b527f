"""A new version of a function takes over by CodeDeploy: step by step, watched, with the rights for it and no others."""

from __future__ import annotations

import pytest
from tests.deploy.deployments import Synthesised
from tests.deploy.reading import listed, statements, text

ALIAS = "AWS::Lambda::Alias"


def test_a_new_maker_takes_over_gradually_and_goes_back_on_failures(full: Synthesised) -> None:
    """What CloudFront asks is the alias; CodeDeploy moves it, and its own alarm takes it back."""
    alias = full.named("delivery", "MakingMakerLive")
    assert text(alias["Properties"]["FunctionVersion"]).startswith("<MakingMakerFunctionCurrentVersion")
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert text(update["DeploymentGroupName"]) == "<MakingMakerShift>"
    assert text(update["ApplicationName"]) == "<RolloutApplication>"
    group = full.named("delivery", "MakingMakerShift")["Properties"]
    assert group["DeploymentStyle"] == {
        "DeploymentOption": "WITH_TRAFFIC_CONTROL",
        "DeploymentType": "BLUE_GREEN",
    }
    assert text(group["AlarmConfiguration"]["Alarms"][0]["Name"]) == "<MakingMakerFailing>"
    assert group["AlarmConfiguration"]["Enabled"] is group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert text(group["DeploymentConfigName"]) == "<RolloutPace>"
    for name in ("RolloutApplication", "RolloutPace"):
        assert full.named("delivery", name)["Properties"]["ComputePlatform"] == "Lambda"
    assert full.named("delivery", "RolloutPace")["Properties"]["TrafficRoutingConfig"] == {
        "TimeBasedCanary": {"CanaryInterval": 15, "CanaryPercentage": 25},
        "Type": "TimeBasedCanary",
    }


@pytest.mark.parametrize("stack", ["delivery", "functions"])
def test_codedeploy_may_move_every_alias_of_its_stack(full: Synthesised, stack: str) -> None:
    """Without these rights the first update of a function would fail; it may do nothing beside them."""
    may = {
        (action, text(resource))
        for one in statements(full, stack, "RolloutRoleDefaultPolicy")
        for action in listed(one["Action"])
        for resource in listed(one["Resource"])
    }
    functions = [text(one["Properties"]["FunctionName"]) for one in full.resources(stack, ALIAS).values()]
    moves = ("lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig")
    places = [place for name in functions for place in (name, f"{name}:live")]
    assert may == {(move, place) for move in moves for place in places} | {("cloudwatch:DescribeAlarms", "*")}
    trust = full.named(stack, "RolloutRole")["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "codedeploy.amazonaws.com"}]
    groups = full.resources(stack, "AWS::CodeDeploy::DeploymentGroup").values()
    assert len(groups) == len(functions)
    assert {text(one["Properties"]["ServiceRoleArn"]) for one in groups} == {"<RolloutRole>"}


@pytest.mark.parametrize("stack", ["delivery", "functions"])
def test_every_group_moves_functions_at_the_pace_of_its_stack(full: Synthesised, stack: str) -> None:
    """And each alias is moved by a group of its own, to a version of its own function."""
    groups = full.resources(stack, "AWS::CodeDeploy::DeploymentGroup").values()
    for one in (group["Properties"] for group in groups):
        assert (text(one["ApplicationName"]), text(one["DeploymentConfigName"])) == (
            "<RolloutApplication>",
            "<RolloutPace>",
        )
        assert one["AutoRollbackConfiguration"]["Enabled"] is one["AlarmConfiguration"]["Enabled"] is True
    aliases = full.resources(stack, ALIAS).values()
    movers = [text(one["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]) for one in aliases]
    assert len(set(movers)) == len(movers) == len(groups)
    for one in aliases:
        name = text(one["Properties"]["FunctionName"]).strip("<>")
        assert text(one["Properties"]["FunctionVersion"]).startswith(f"<{name}CurrentVersion")
