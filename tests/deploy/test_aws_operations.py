"""What watches: no alarm without a page that says what to do, none for what nobody calls."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.deploy.deployments import Synthesised

PAGE = Path("docs/aws-operations.md")
STACKS = ("operations", "edge-alarms", "replica")


def alarms(deployment: Synthesised) -> set[str]:
    """Return the alarms that people are told of, without the deployment's and the stack's names."""
    return {
        alarm["Properties"]["AlarmName"].removeprefix(f"{deployment.config.name}-{stack}-")
        for stack in STACKS
        for alarm in deployment.resources(stack, "AWS::CloudWatch::Alarm").values()
    }


def test_the_page_says_what_to_do_for_every_alarm(plain: Synthesised) -> None:
    """And names none that there is not; the authorizer's are there where it is asked."""
    rows = re.findall(r"^\| ([a-z, -]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    named = {one for row in rows[1:] for one in row.split(", ")}
    assert {one for one in named if not one.startswith("authorizer-")} == alarms(plain)


def test_every_alarm_says_in_words_what_it_means(plain: Synthesised) -> None:
    """Whoever is woken reads a sentence, not a metric's name."""
    for stack in STACKS:
        for alarm in plain.resources(stack, "AWS::CloudWatch::Alarm").values():
            assert len(alarm["Properties"]["AlarmDescription"]) > 50
            assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_money_is_told_at_four_fifths_and_when_it_will_not_suffice(full: Synthesised) -> None:
    """Of the dollars of a month that the configuration says."""
    budget = full.one("edge-alarms", "AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 7, "Unit": "USD"}
    assert (budget["Budget"]["BudgetType"], budget["Budget"]["TimeUnit"]) == ("COST", "MONTHLY")
    told = [one["Notification"] for one in budget["NotificationsWithSubscribers"]]
    assert {(one["NotificationType"], one["Threshold"]) for one in told} == {("ACTUAL", 80), ("FORECASTED", 100)}
    assert {(one["ComparisonOperator"], one["ThresholdType"]) for one in told} == {("GREATER_THAN", "PERCENTAGE")}


@pytest.mark.parametrize("stack", STACKS)
def test_the_address_hears_of_every_topic(plain: Synthesised, full: Synthesised, stack: str) -> None:
    """In each region that has alarms; without an address nobody is written to."""
    (topic,) = full.resources(stack, "AWS::SNS::Topic")
    mail = full.one(stack, "AWS::SNS::Subscription")
    assert mail == {"Protocol": "email", "Endpoint": "someone@example.com", "TopicArn": {"Ref": topic}}
    assert not plain.resources(stack, "AWS::SNS::Subscription")


def test_topics_are_encrypted_with_a_key_that_alarms_may_use(full: Synthesised) -> None:
    """With `kms`: SNS's own key would keep CloudWatch out."""
    for stack in STACKS:
        topic = full.one(stack, "AWS::SNS::Topic")
        key = topic["KmsMasterKeyId"]["Fn::GetAtt"][0]
        policy = json.dumps(full.resources(stack, "AWS::KMS::Key")[key]["Properties"]["KeyPolicy"])
        assert "cloudwatch.amazonaws.com" in policy
        assert ("budgets.amazonaws.com" in policy) == (stack == "edge-alarms")
