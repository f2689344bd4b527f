"""Least privilege, read off the templates in plain Python: who may do what to what, and what no policy may say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.deploy.deployments import Json, Synthesised
from tests.deploy.reading import listed

POLICY_KINDS = {
    "AWS::IAM::Role": ("AssumeRolePolicyDocument",),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
    "AWS::S3::BucketPolicy": ("PolicyDocument",),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::ApiGateway::RestApi": ("Policy",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument",),
}
"""Where a policy stands in a resource; a role's inline policies are looked at too."""
WITHOUT_RESOURCE = {
    "xray:PutTraceSegments": "traces have no ARN",
    "xray:PutTelemetryRecords": "traces have no ARN",
    "cloudwatch:DescribeAlarms": "CodeDeploy reads alarms; the action knows no resource",
}
"""Actions that a role may do to `*`, and why (Service Authorization Reference)."""
WHOLE_SERVICE = {
    ("AWS::KMS::Key", "kms:*"): "the account's own administrators, without whom nobody could ever change the key",
}
"""Actions with a star that are allowed to somebody, and why."""
LOGS = "logs:CreateLogStream"


@pytest.fixture(params=["plain", "full"])
def deployment(request: pytest.FixtureRequest) -> Synthesised:
    """Each of both deployments."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


def policies(deployment: Synthesised) -> Iterator[tuple[str, Json, Json]]:
    """Yield (stack/logical id, resource, statement) of every statement of every policy."""
    for stack, template in deployment.templates.items():
        for logical, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            documents = [properties[key] for key in POLICY_KINDS.get(resource["Type"], ()) if key in properties]
            documents += [one["PolicyDocument"] for one in properties.get("Policies", [])]
            for document in documents:
                for statement in listed(document["Statement"]):
                    yield f"{stack}/{logical}", resource, statement


def test_every_policy_is_looked_at(deployment: Synthesised) -> None:
    """No type of resource holds a document of statements that these tests do not read."""
    for template in deployment.templates.values():
        for resource in template["Resources"].values():
            for key, value in resource.get("Properties", {}).items():
                if isinstance(value, dict) and "Statement" in value:
                    assert key in POLICY_KINDS[resource["Type"]]


def test_nobody_is_allowed_every_action(deployment: Synthesised) -> None:
    """No star in an allowed action; denials may have one."""
    for where, resource, statement in policies(deployment):
        assert "NotAction" not in statement, where
        if statement["Effect"] == "Allow":
            for action in listed(statement["Action"]):
                assert "*" not in action or (resource["Type"], action) in WHOLE_SERVICE, (where, action)


def test_a_role_is_allowed_everything_only_where_there_is_nothing_to_name(deployment: Synthesised) -> None:
    """`*` as a resource stands with actions that know no resource; in a key's own policy it means the key."""
    for where, resource, statement in policies(deployment):
        if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::Policy"} and "Resource" in statement:
            assert "NotResource" not in statement, where
            if "*" in listed(statement["Resource"]):
                assert set(listed(statement["Action"])) <= WITHOUT_RESOURCE.keys(), (where, statement["Action"])


def test_nobody_is_everybody(deployment: Synthesised) -> None:
    """A principal of `*` is allowed nothing without a condition."""
    for where, _, statement in policies(deployment):
        principal = statement.get("Principal", {})
        stars = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS", "")))
        if stars and statement["Effect"] == "Allow":
            assert statement.get("Condition"), where
        assert "NotPrincipal" not in statement, where


def test_a_service_acts_for_this_account_only(deployment: Synthesised) -> None:
    """A resource's policy that lets an AWS service in says for whom (the "confused deputy")."""
    for where, resource, statement in policies(deployment):
        principal = statement.get("Principal")
        if not isinstance(principal, dict) or "Service" not in principal or resource["Type"] == "AWS::IAM::Role":
            continue
        asked = {key.lower() for keys in statement["Condition"].values() for key in keys}
        assert asked & {"aws:sourcearn", "aws:sourceaccount"}, where


def test_who_may_call_a_function_is_named(deployment: Synthesised) -> None:
    """Each permission of a function has the one thing that it is for as its source."""
    for stack in deployment.templates:
        for name, permission in deployment.resources(stack, "AWS::Lambda::Permission").items():
            properties = permission["Properties"]
            assert properties["Principal"] in {"cloudfront.amazonaws.com", "apigateway.amazonaws.com"}, name
            assert properties["SourceArn"], name


def test_every_function_has_a_role_of_its_own(deployment: Synthesised) -> None:
    """Two functions share no role, no role serves anything else, and each writes its own log only."""
    roles: list[str] = []
    for stack in deployment.templates:
        for resource in deployment.resources(stack, "AWS::Lambda::Function").values():
            (role, attribute) = resource["Properties"]["Role"]["Fn::GetAtt"]
            assert attribute == "Arn"
            trust = deployment.templates[stack]["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]
            (statement,) = trust["Statement"]
            assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
            roles.append(f"{stack}/{role}")
            group = resource["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
            logs = [
                one["Resource"]
                for policy in deployment.resources(stack, "AWS::IAM::Policy").values()
                if {"Ref": role} in policy["Properties"]["Roles"]
                for one in policy["Properties"]["PolicyDocument"]["Statement"]
                if LOGS in listed(one["Action"])
            ]
            assert logs == [{"Fn::GetAtt": [group, "Arn"]}], role
    assert len(roles) == len(set(roles)) == 4


SECRETLIKE = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY$")
REFERENCE = "{{resolve:secretsmanager:"


def flat(value: Any) -> str:
    """Return a value that may be an intrinsic as one text."""
    if isinstance(value, list):
        return "".join(flat(one) for one in value)
    return "".join(flat(one) for one in value.values()) if isinstance(value, dict) else str(value)


def test_no_secret_stands_in_a_template(deployment: Synthesised) -> None:
    """Environment variables and outputs hold references and names of secrets, never what they are."""
    for stack, template in deployment.templates.items():
        for resource in deployment.resources(stack, "AWS::Lambda::Function").values():
            for name, value in resource["Properties"].get("Environment", {}).get("Variables", {}).items():
                if SECRETLIKE.search(name):
                    named = name.endswith(("_ARN", "_VERSION")) and isinstance(value, dict)
                    assert named or flat(value).startswith(REFERENCE), name
        for name, output in template.get("Outputs", {}).items():
            assert REFERENCE not in flat(output["Value"]), name
        for name, parameter in template.get("Parameters", {}).items():
            assert not SECRETLIKE.search(name.upper().removesuffix("CODEKEY")), name
            assert "Default" not in parameter or parameter["Default"] == "", name
    for secret in [
        one
        for stack in deployment.templates
        for one in deployment.resources(stack, "AWS::SecretsManager::Secret").values()
    ]:
        assert "SecretString" not in secret["Properties"]


def test_a_key_of_the_api_is_a_reference(deployment: Synthesised) -> None:
    """CloudFormation reads the value from Secrets Manager as it deploys."""
    properties = deployment.one("api", "AWS::ApiGateway::ApiKey")
    assert flat(properties["Value"]).startswith(REFERENCE)


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "x"}, test_nobody_is_allowed_every_action),
        (
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
            test_a_role_is_allowed_everything_only_where_there_is_nothing_to_name,
        ),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x", "Principal": "*"}, test_nobody_is_everybody),
        (
            {
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": "x",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Condition": {},
            },
            test_a_service_acts_for_this_account_only,
        ),
    ],
    ids=["action", "resource", "principal", "deputy"],
)
def test_a_policy_that_says_too_much_is_seen(statement: Json, wrong: Any) -> None:
    """The rules can fail: each objects to a statement made for it."""
    resource = {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}
    bad = Synthesised(None, {"storage": '{"Resources": {}}'})  # type: ignore[arg-type]  # its configuration is not read
    bad.templates["storage"]["Resources"]["Bad"] = resource
    with pytest.raises(AssertionError):
        wrong(bad)
