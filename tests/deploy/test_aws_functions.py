"""Functions on AWS: what each may do, how it is called, and how a new version takes over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deploy.aws.bundle import LAMBDA_PYTHON
from deploy.aws.config import Config
from deploy.aws.wheels import Target
from tests.deploy.deployments import Json, Synthesised
from tests.deploy.reading import ACCOUNT, listed, short, statements, text

from imagemill.assembly.stores import QUARANTINE
from imagemill.functions.backlog import LATER
from imagemill.settings import Settings

FUNCTION = "AWS::Lambda::Function"
NAMES = ("control", "events", "authorizer")
ORIGINALS = f"arn:aws:s3:::imagemill-originals-{ACCOUNT}-eu-west-1"
VARIANTS = f"arn:aws:s3:::imagemill-variants-{ACCOUNT}-eu-west-1"
REPLICA = f"arn:aws:s3:::imagemill-replica-{ACCOUNT}-eu-central-1"


def function(synthesised: Synthesised, name: str) -> Json:
    """Return the properties of one function."""
    return synthesised.one("functions", FUNCTION, FunctionName=f"{synthesised.config.name}-{name}")


def rights(synthesised: Synthesised, name: str) -> dict[str, set[str]]:
    """Return what a function's role is allowed: action → resources; the log and the trace, which all have, left out."""
    found: dict[str, set[str]] = {}
    for one in statements(synthesised, "functions", f"{name.capitalize()}RoleDefaultPolicy"):
        if one["Effect"] == "Deny":
            continue
        for action in listed(one["Action"]):
            if not action.startswith(("logs:", "xray:")):
                found.setdefault(action, set()).update(text(resource) for resource in listed(one["Resource"]))
    return found


def settings_of(synthesised: Synthesised, name: str) -> Settings:
    """Return the settings that a function finds in its environment, read by the platform's own reader."""
    variables: dict[str, Any] = function(synthesised, name)["Environment"]["Variables"]
    environ = {key: text(value).replace("<", "").replace(">", "") for key, value in variables.items()}
    environ["IMAGEMILL_SERVER__PUBLIC_URL"] = "https://img.example.com"  # else CloudFront's name, known at deployment
    return Settings.load(environ=environ, cwd=Path("/"))


def test_the_api_may_do_what_it_does(plain: Synthesised) -> None:
    """Originals, what is made of them, our documents, the edge's invalidations, its own key: nothing else."""
    distribution = rights(plain, "control")["cloudfront:CreateInvalidation"]
    assert [one.partition("<")[0] for one in distribution] == [f"arn:aws:cloudfront::{ACCOUNT}:distribution/"]
    ours = {f"{VARIANTS}/{prefix}/*" for prefix in ("default", ".odd", ".imagemill")}
    assert rights(plain, "control") == {
        "s3:ListBucket": {ORIGINALS, VARIANTS, REPLICA},
        "s3:GetObject": {f"{ORIGINALS}/*", f"{REPLICA}/*", *ours},
        "s3:PutObject": {f"{ORIGINALS}/*", *ours},
        "s3:PutObjectTagging": ours,
        "s3:DeleteObject": {f"{ORIGINALS}/*", *ours},
        "cloudfront:CreateInvalidation": distribution,
        "sqs:SendMessage": {f"arn:aws:sqs:REGION:{ACCOUNT}:imagemill-events"},
        "secretsmanager:GetSecretValue": {"<AdminKey>"},
    }


def test_functions_run_on_the_python_that_their_zip_is_made_for(full: Synthesised) -> None:
    """Wheels and compiled files are those of one version, and Lambda is told the same."""
    runtimes = {
        one["Properties"]["Runtime"]
        for stack in ("delivery", "functions")
        for one in full.resources(stack, FUNCTION).values()
    }
    assert runtimes == {f"python{LAMBDA_PYTHON}"} == {f"python{Target('arm64').python}"}


def test_the_handler_of_events_removes_no_original(plain: Synthesised) -> None:
    """It writes checked uploads and empties the quarantine; takes from one queue, puts into the other."""
    may = rights(plain, "events")
    ours = {f"{VARIANTS}/{prefix}/*" for prefix in ("default", ".odd", ".imagemill")}
    assert may["s3:DeleteObject"] == {f"{ORIGINALS}/.imagemill/quarantine/*", *ours}
    queue = {f"arn:aws:sqs:REGION:{ACCOUNT}:imagemill-events"}
    assert {action: may[action] for action in may if action.startswith("sqs:")} == {
        "sqs:ReceiveMessage": queue,
        "sqs:DeleteMessage": queue,
        "sqs:GetQueueAttributes": queue,
        "sqs:SendMessage": {f"arn:aws:sqs:REGION:{ACCOUNT}:imagemill-dead-letters"},
    }
    assert "secretsmanager:GetSecretValue" not in may
    policy = statements(plain, "functions", "EventsRoleDefaultPolicy")
    (denied,) = [{text(resource) for resource in one["Resource"]} for one in policy if one["Effect"] == "Deny"]
    assert denied == {f"{VARIANTS}/.imagemill/site/{name}.json" for name in ("signing-keys", "presets")}


def test_the_authorizer_reads_one_secret(plain: Synthesised) -> None:
    """Who says who may call can do nothing else."""
    assert rights(plain, "authorizer") == {"secretsmanager:GetSecretValue": {"<AdminKey>"}}


@pytest.mark.parametrize("name", ["control", "events"])
def test_a_key_of_ones_own_is_used_through_its_services_only(full: Synthesised, name: str) -> None:
    """The rights to keys hold for the deployment's two keys, by alias, and only inside S3 and SQS."""
    (one,) = [
        one
        for one in statements(full, "functions", f"{name.capitalize()}RoleDefaultPolicy")
        if one.get("Sid") == "Keys"
    ]
    assert one["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert one["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": ["alias/pictures-data", "alias/pictures-replica"]
    }
    services = {text(each).partition(".")[0] for each in one["Condition"]["StringEquals"]["kms:ViaService"]}
    assert services == {"s3", "sqs"}


def test_without_such_a_key_there_is_no_right_to_any(plain: Synthesised) -> None:
    """No role of the default deployment mentions KMS."""
    assert not [action for name in NAMES for action in rights(plain, name) if action.startswith("kms:")]


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_as_we_want_functions(plain: Synthesised, name: str) -> None:
    """Our runtime and processor, code by parameters, one JSON log of its own, traced."""
    one = function(plain, name)
    assert one["Runtime"] == "python3.13"
    assert one["Architectures"] == ["arm64"]
    assert one["Code"] == {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "ControlCodeKey"}}
    assert one["Handler"] == f"imagemill.functions.{name}.handler"
    assert one["LoggingConfig"]["LogFormat"] == "JSON"
    assert text(one["LoggingConfig"]["LogGroup"]) == f"<{name.capitalize()}Log>"
    assert one["TracingConfig"] == {"Mode": "Active"}


@pytest.mark.parametrize("name", NAMES)
def test_logs_are_kept_for_the_days_chosen(full: Synthesised, name: str) -> None:
    """A log that nobody trims is paid for for ever."""
    log = full.one("functions", "AWS::Logs::LogGroup", LogGroupName=f"/aws/lambda/pictures-{name}")
    assert log["RetentionInDays"] == 14


@pytest.mark.parametrize("name", NAMES)
def test_a_new_version_takes_over_gradually_and_goes_back_on_failures(full: Synthesised, name: str) -> None:
    """CodeDeploy moves `live`: a share first; the alarm on its failures takes it back."""
    id_ = name.capitalize()
    alias = full.named("functions", f"{id_}Live")
    assert alias["Properties"]["Name"] == "live"
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert text(update["DeploymentGroupName"]) == f"<{id_}Shift>"
    group = full.named("functions", f"{id_}Shift")["Properties"]
    assert text(group["AlarmConfiguration"]["Alarms"][0]["Name"]) == f"<{id_}Failing>"
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    pace = full.named("functions", "RolloutPace")["Properties"]["TrafficRoutingConfig"]
    assert pace["TimeBasedCanary"] == {"CanaryInterval": 15, "CanaryPercentage": 25}
    alarm = full.named("functions", f"{id_}Failing")["Properties"]
    assert alarm["Threshold"] == 12.5  # a version that always fails fails in 25 % of all invocations
    measured = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one]
    assert {one["MetricName"] for one in measured} == {"Errors", "Invocations"}
    for one in measured:
        assert text(one["Dimensions"][1]["Value"]) == f"<{id_}Function>:live"


@pytest.mark.parametrize("name", NAMES)
def test_new_code_alone_is_a_new_version(plain: Synthesised, name: str) -> None:
    """The code's key is part of the version, or `live` would stay where it was when only the zip changes."""
    versions = plain.resources("functions", "AWS::Lambda::Version")
    (version,) = [
        one for one in versions.values() if text(one["Properties"]["FunctionName"]) == f"<{name.capitalize()}Function>"
    ]
    assert text(version["Properties"]["Description"]).startswith("<ControlCodeKey>")


@pytest.mark.parametrize("stack", ["delivery", "functions"])
def test_a_deployment_that_was_rolled_back_can_be_tried_again(plain: Synthesised, stack: str) -> None:
    """No version outlives its roll-back: as the newest one it would stop the same zip, for Lambda publishes none twice.

    By either policy, for CloudFormation replaces a version whose words change and drops one whose name does.
    """
    versions = plain.resources(stack, "AWS::Lambda::Version").values()
    assert len(versions) == {"delivery": 1, "functions": 3}[stack]
    for version in versions:
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_a_change_counts_as_over_only_when_its_function_has_ended(plain: Synthesised) -> None:
    """The word that the API leaves of a change is seen later than Lambda lets the function run."""
    (control,) = [
        one["Properties"]
        for name, one in plain.resources("functions", "AWS::Lambda::Function").items()
        if name.startswith("Control")
    ]
    assert control["Timeout"] < LATER <= 900  # SQS delays no longer


def test_events_arrive_in_batches_that_fail_message_by_message(plain: Synthesised) -> None:
    """The queue calls the alias, a few messages at a time, with a bound on how many at once."""
    (source,) = plain.resources("functions", "AWS::Lambda::EventSourceMapping").values()
    properties = source["Properties"]
    assert text(properties["EventSourceArn"]) == f"arn:aws:sqs:REGION:{ACCOUNT}:imagemill-events"
    assert text(properties["FunctionName"]) == "<EventsLive>"
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (
        properties["ScalingConfig"]["MaximumConcurrency"] <= function(plain, "events")["ReservedConcurrentExecutions"]
    )


def test_a_message_is_not_seen_twice_at_once(plain: Synthesised) -> None:
    """The queue hides a message six times as long as an invocation may take (Lambda guide, "SQS event source")."""
    queue = plain.one("storage", "AWS::SQS::Queue", QueueName="imagemill-events")
    assert queue["VisibilityTimeout"] >= 6 * function(plain, "events")["Timeout"]


def test_a_flood_of_calls_or_uploads_has_a_bound(plain: Synthesised) -> None:
    """The API and the handler of events have reservations, which are bounds; the authorizer runs beside the API."""
    assert function(plain, "control")["ReservedConcurrentExecutions"] == 20
    assert function(plain, "events")["ReservedConcurrentExecutions"] == 10
    assert "ReservedConcurrentExecutions" not in function(plain, "authorizer")


def test_the_api_answers_before_api_gateway_gives_up(plain: Synthesised) -> None:
    """API Gateway waits 29 s."""
    assert function(plain, "control")["Timeout"] <= 29


def test_the_administrators_key_is_made_up_and_never_in_a_template(plain: Synthesised) -> None:
    """CloudFormation makes 48 characters; functions get the secret's name, not its text."""
    (secret,) = plain.resources("functions", "AWS::SecretsManager::Secret").values()
    assert secret["Properties"]["GenerateSecretString"] == {"PasswordLength": 48, "ExcludePunctuation": True}
    for name in ("control", "authorizer"):
        variables = function(plain, name)["Environment"]["Variables"]
        assert text(variables["IMAGEMILL_ADMIN_SECRET_ARN"]) == "<AdminKey>"
    assert "resolve:secretsmanager" not in plain.texts["functions"]


@pytest.mark.parametrize("which", ["plain", "full"])
@pytest.mark.parametrize("name", ["control", "events"])
def test_the_platform_understands_its_environment(which: str, name: str, request: pytest.FixtureRequest) -> None:
    """The settings that a function finds are read by the platform's own reader, and say these buckets."""
    deployment: Synthesised = request.getfixturevalue(which)
    config = deployment.config
    settings = settings_of(deployment, name)
    assert settings.originals.url == f"s3://{config.name}-originals-{ACCOUNT}-{config.region}"
    assert settings.variants.url == f"s3://{config.name}-variants-{ACCOUNT}-{config.region}"
    replica = f"s3://{config.name}-replica-{ACCOUNT}-{config.replica_region}?region={config.replica_region}"
    assert settings.originals.replica_url == replica
    assert settings.cdn.kind == "cloudfront"
    assert settings.delivery.private == (() if which == "plain" else ("users/",))
    assert settings.uploads.origins == (("*",) if which == "plain" else ("https://www.example.com",))


def test_uploads_wait_where_the_buckets_rules_look(plain: Synthesised) -> None:
    """The prefix that empties itself, and that events may be removed below, is the one that the platform uses."""
    from imagemill.functions.events import waiting_place

    place = waiting_place(settings_of(plain, "events"))
    assert place is not None
    assert place.inside == QUARANTINE


def test_dead_letters_have_an_address(plain: Synthesised) -> None:
    """The handler of events is told where to put what nobody can read."""
    variables = function(plain, "events")["Environment"]["Variables"]
    url = text(variables["IMAGEMILL_DEAD_LETTERS_URL"])
    assert url == f"https://sqs.REGION.amazonaws.com/{ACCOUNT}/imagemill-dead-letters"


def test_what_the_edge_did_not_drop_has_an_address(plain: Synthesised) -> None:
    """The API's function leaves it to the queue of events, which brings it again until it is done."""
    variables = function(plain, "control")["Environment"]["Variables"]
    assert text(variables["IMAGEMILL_EVENTS_URL"]) == f"https://sqs.REGION.amazonaws.com/{ACCOUNT}/imagemill-events"


def test_every_function_is_called_by_its_alias(plain: Synthesised) -> None:
    """Nothing calls an unwatched version: every permission and every source names `live`."""
    for resource in plain.templates["functions"]["Resources"].values():
        if resource["Type"] in ("AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping"):
            assert "Live" in short(text(resource["Properties"]["FunctionName"]))


def test_an_account_with_a_small_quota_reserves_nothing(plain: Synthesised) -> None:
    """`reserved_concurrency = 0`: no function has a reservation, or the deployment would fail there."""
    assert "ReservedConcurrentExecutions" in plain.texts["functions"]
    from deploy.aws.app import synthesise

    for written in synthesise(Config(reserved_concurrency=0)):
        assert "ReservedConcurrentExecutions" not in written.text, written.name
