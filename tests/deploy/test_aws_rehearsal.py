"""A rehearsal of the deployment: both configurations, stack by stack in one played account, then asked by boto3.

Every reference, export, parameter and secret is resolved as CloudFormation would; what moto has no service for is
looked at as it was recorded, with its resolved properties.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from deploy.aws.config import Config
from deploy.aws.steps import OUTPUTS, steps
from tests.deploy.conftest import Synthesised
from tests.deploy.judging import allows
from tests.servers.cloudformation.resource import Recorded
from tests.servers.moto_cloudformation import CloudFormation, cloudformation

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Deployed:
    """One configuration in the account, as its deployer sees it."""

    cloud: CloudFormation
    config: Config
    templates: dict[str, Any]

    def client(self, service: str, region: str = "") -> Any:
        """Return a client in the home region, or in another."""
        return self.cloud.client(service, region or self.config.region)

    def all(self, kind: str) -> list[Recorded]:
        """Return this configuration's resources of a type, in every region."""
        stacks = {f":stack/{self.config.name}-{name}/" for name in self.templates}
        return [one for one in self.cloud.account.of_type(kind) if any(stack in one.stack for stack in stacks)]

    def name(self, role: str) -> str:
        """Return the name of a bucket."""
        region = self.config.replica_region if role == "replica" else self.config.region
        return f"{self.config.name}-{role}-{ACCOUNT}-{region}"

    def policy(self, role: str) -> dict[str, Any]:
        """Return the policy of a bucket, as S3 has it."""
        region = self.config.replica_region if role == "replica" else ""
        found: dict[str, Any] = json.loads(
            self.client("s3", region).get_bucket_policy(Bucket=self.name(role))["Policy"]
        )
        return found


def deploy(cloud: CloudFormation, synthesised: Synthesised) -> Deployed:
    """Do what the script of `python -m deploy.aws.steps` does: upload, then stack after stack with its parameters."""
    config = synthesised.config
    code = f"{config.name}-code"
    s3 = cloud.client("s3", config.region)
    s3.create_bucket(Bucket=code, CreateBucketConfiguration={"LocationConstraint": config.region})
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("imagemill/__init__.py", "")
    for key in ("delivery.zip", "control.zip"):
        s3.put_object(Bucket=code, Key=key, Body=body.getvalue())
    variables = {"$CODE": code, "$DELIVERY_KEY": "delivery.zip", "$CONTROL_KEY": "control.zip"}
    for step in steps(config):
        parameters = {name: variables[variable] for name, variable in step.parameters.items()}
        stack = f"{config.name}-{step.stack}"
        cloud.create(stack, step.region, synthesised.templates[step.stack], parameters)
        said = cloud.outputs(stack, step.region)
        variables |= {variable: said[one] for one, variable in OUTPUTS.get(step.stack, {}).items() if one in said}
    return Deployed(cloud, config, synthesised.templates)


@pytest.fixture(scope="module")
def account(plain: Synthesised, full: Synthesised) -> Iterator[dict[str, Deployed]]:
    """An account with both deployments in it."""
    with cloudformation() as cloud:
        yield {"plain": deploy(cloud, plain), "full": deploy(cloud, full)}


@pytest.fixture(params=["plain", "full"])
def deployed(request: pytest.FixtureRequest, account: dict[str, Deployed]) -> Deployed:
    """Each of both."""
    return account[request.param]


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(one)


def test_every_resource_of_every_template_is_made(deployed: Deployed) -> None:
    """None is skipped."""
    wanted = [one["Type"] for template in deployed.templates.values() for one in template["Resources"].values()]
    assert sum(len(deployed.all(kind)) for kind in set(wanted)) == len(wanted)


def test_no_reference_is_left_open(deployed: Deployed) -> None:
    """No text of a resource holds an empty reference, a placeholder of CDK or an unread secret."""
    kinds = {one["Type"] for template in deployed.templates.values() for one in template["Resources"].values()}
    for resource in (one for kind in kinds for one in deployed.all(kind)):
        for text in texts(resource.properties):
            assert text != "None", resource.logical_id
            assert "${Token" not in text, resource.logical_id
            assert "{{resolve" not in text, resource.logical_id
            assert ":None" not in text, resource.logical_id


def test_originals_are_versioned_trimmed_replicated_and_told_of(deployed: Deployed) -> None:
    """S3 has what keeps originals: versions, their end, the copy with deletions, both kinds of events, the log."""
    s3, bucket, config = deployed.client("s3"), deployed.name("originals"), deployed.config
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = {one["ID"]: one for one in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules["old-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == config.old_version_days
    (rule,) = s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{deployed.name('replica')}"
    (made,) = [one for one in deployed.all("AWS::S3::Bucket") if one.ref == bucket]
    (rule,) = made.properties["ReplicationConfiguration"]["Rules"]
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}  # which moto forgets
    queue = f"arn:aws:sqs:{config.region}:{ACCOUNT}:{config.name}-events"
    told = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert {one["QueueArn"] for one in told} == {queue}
    assert sorted(event for one in told for event in one["Events"]) == ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetBucket"] == deployed.name("logs")
    replica = deployed.client("s3", config.replica_region)
    assert replica.get_bucket_versioning(Bucket=deployed.name("replica"))["Status"] == "Enabled"


def test_no_bucket_is_public_or_unencrypted(deployed: Deployed) -> None:
    """Every bucket of the account, asked one by one."""
    for bucket in deployed.all("AWS::S3::Bucket"):
        s3 = deployed.client("s3", bucket.region)
        block = s3.get_public_access_block(Bucket=bucket.ref)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}, bucket.ref
        rules = s3.get_bucket_encryption(Bucket=bucket.ref)["ServerSideEncryptionConfiguration"]["Rules"]
        kind = rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
        private = bucket.ref in {deployed.name("originals"), deployed.name("variants"), deployed.name("replica")}
        assert kind == ("aws:kms" if deployed.config.kms and private else "AES256"), bucket.ref


@pytest.mark.parametrize("role", ["originals", "variants", "logs", "site", "replica"])
def test_plain_http_is_refused_by_every_bucket(deployed: Deployed, role: str) -> None:
    """Even to those who may otherwise."""
    policy, arn = deployed.policy(role), f"arn:aws:s3:::{deployed.name(role)}"
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    policy["Statement"].append(everybody)
    anyone = (f"arn:aws:iam::{ACCOUNT}:root", "s3:GetObject", f"{arn}/cat.jpg")
    assert allows(policy, *anyone)
    assert not allows(policy, *anyone, {"aws:SecureTransport": "false"})
    assert not allows(policy, *anyone, {"s3:TlsVersion": "1.1"})


def test_the_edge_reads_variants_and_pages_and_nothing_else(deployed: Deployed) -> None:
    """CloudFront, for a distribution of this account: variants yes, records and our own documents no."""
    (distribution,) = deployed.all("AWS::CloudFront::Distribution")
    ours = {"aws:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{distribution.ref}"}
    theirs = {"aws:SourceArn": f"arn:aws:cloudfront::999999999999:distribution/{distribution.ref}"}

    def reads(role: str, key: str, context: dict[str, str]) -> bool:
        resource = f"arn:aws:s3:::{deployed.name(role)}/{key}"
        return allows(deployed.policy(role), "cloudfront.amazonaws.com", "s3:GetObject", resource, context)

    assert reads("variants", "default/cats/tom.jpg/~/0123456789ab/w_300.webp", ours)
    assert not reads("variants", "default/cats/tom.jpg/~/0123456789ab/w_300.webp", theirs)
    assert not reads("variants", "default/cats/tom.jpg/~/record.json", ours)
    assert not reads("variants", ".imagemill/site/keys.json", ours)
    assert reads("site", "index.html", ours)
    assert not reads("originals", "cats/tom.jpg", ours)
    assert not reads("replica", "cats/tom.jpg", ours)
    assert not reads("logs", "cloudfront/x.gz", ours)


def test_the_queue_hears_the_originals_bucket_of_this_account_only(deployed: Deployed) -> None:
    """Nobody else can make the platform work."""
    sqs, config = deployed.client("sqs"), deployed.config
    url = sqs.get_queue_url(QueueName=f"{config.name}-events")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    policy, arn = json.loads(attributes["Policy"]), attributes["QueueArn"]

    def sends(bucket: str, account: str) -> bool:
        context = {"aws:SourceArn": f"arn:aws:s3:::{bucket}", "aws:SourceAccount": account}
        return allows(policy, "s3.amazonaws.com", "sqs:SendMessage", arn, context)

    assert sends(deployed.name("originals"), ACCOUNT)
    assert not sends(deployed.name("variants"), ACCOUNT)
    assert not sends(deployed.name("originals"), "999999999999")
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].endswith(f":{config.name}-dead-letters")


def test_every_function_runs_as_the_configuration_says(deployed: Deployed) -> None:
    """Lambda has the architecture, the runtime, traces and the alias; the code is that of the deployer's bucket."""
    lambda_, config = deployed.client("lambda"), deployed.config
    for name in ("maker", "control", "events", "authorizer"):
        one = lambda_.get_function(FunctionName=f"{config.name}-{name}")["Configuration"]
        assert one["Architectures"] == [config.architecture]
        assert one["Runtime"] == "python3.13"
        assert one["TracingConfig"]["Mode"] == "Active"
        alias = lambda_.get_alias(FunctionName=f"{config.name}-{name}", Name="live")
        assert alias["FunctionVersion"].isdigit()
    maker = lambda_.get_function_concurrency(FunctionName=f"{config.name}-maker")
    assert maker["ReservedConcurrentExecutions"] == config.reserved_concurrency


def test_the_edge_and_the_maker_know_one_secret(account: dict[str, Deployed]) -> None:
    """What CloudFront sends of private paths is what the maker compares with; nobody wrote it down."""
    deployed = account["full"]
    lambda_ = deployed.client("lambda")
    function = lambda_.get_function(FunctionName=f"{deployed.config.name}-maker")["Configuration"]
    word = function["Environment"]["Variables"]["IMAGEMILL_EDGE_SECRET"]
    (distribution,) = deployed.all("AWS::CloudFront::Distribution")
    origins = distribution.properties["DistributionConfig"]["Origins"]
    sent = {one["HeaderValue"] for origin in origins for one in origin.get("OriginCustomHeaders", [])}
    assert sent == {word}
    assert len(word) >= 32
    assert word not in json.dumps(deployed.templates)


def test_only_cloudfront_for_its_distribution_calls_the_makers_address(deployed: Deployed) -> None:
    """The function's own policy says so, at the alias."""
    (distribution,) = deployed.all("AWS::CloudFront::Distribution")
    lambda_ = deployed.client("lambda")
    name = f"{deployed.config.name}-maker"
    policy = json.loads(lambda_.get_policy(FunctionName=name, Qualifier="live")["Policy"])
    arns = {one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in policy["Statement"]}
    assert arns == {f"arn:aws:cloudfront::{ACCOUNT}:distribution/{distribution.ref}"}
    assert {one["Principal"]["Service"] for one in policy["Statement"]} == {"cloudfront.amazonaws.com"}
    (url,) = deployed.all("AWS::Lambda::Url")
    assert url.properties["AuthType"] == "AWS_IAM"


def test_events_of_the_queue_reach_the_live_version_message_by_message(deployed: Deployed) -> None:
    """Lambda polls the queue for the alias and takes back what failed alone."""
    (mapping,) = [
        one
        for one in deployed.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        if one["EventSourceArn"].endswith(f":{deployed.config.name}-events")
    ]
    assert mapping["State"] == "Enabled"
    (made,) = deployed.all("AWS::Lambda::EventSourceMapping")
    assert made.properties["FunctionName"].endswith(f"{deployed.config.name}-events:live")
    assert made.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_api_routes_to_the_live_version_of_control(deployed: Deployed) -> None:
    """Each method of each path, as API Gateway has it, and the function lets this API call it."""
    gateway, config = deployed.client("apigateway"), deployed.config
    (api,) = deployed.all("AWS::ApiGateway::RestApi")
    resources = gateway.get_resources(restApiId=api.ref, limit=500)["items"]
    alias = f"arn:aws:lambda:{config.region}:{ACCOUNT}:function:{config.name}-control:live"
    uris = {
        gateway.get_integration(restApiId=api.ref, resourceId=one["id"], httpMethod=method)["uri"]
        for one in resources
        for method in one.get("resourceMethods", {})
    }
    service = f"arn:aws:apigateway:{config.region}:lambda:path/2015-03-31/functions"
    assert uris == {f"{service}/{alias}/invocations"}
    assert {"/v1/originals/{key+}", "/v1/presets/{name}", "/{proxy+}"} <= {one["path"] for one in resources}
    policy = deployed.client("lambda").get_policy(FunctionName=f"{config.name}-control", Qualifier="live")["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    arn = f"arn:aws:execute-api:{config.region}:{ACCOUNT}:{api.ref}/live/*/*"
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == arn


def test_the_stage_is_throttled_logged_and_traced(deployed: Deployed) -> None:
    """What API Gateway has as the stage: rate and burst of all and of heavy methods, both logs, traces."""
    gateway, config = deployed.client("apigateway"), deployed.config
    (api,) = deployed.all("AWS::ApiGateway::RestApi")
    (stage,) = gateway.get_stages(restApiId=api.ref)["item"]
    every = stage["methodSettings"]["*/*"]
    assert (every["throttlingRateLimit"], every["throttlingBurstLimit"]) == (config.api.rate, config.api.burst)
    assert (every["loggingLevel"], every["dataTraceEnabled"], every["metricsEnabled"]) == ("ERROR", False, True)
    heavy = stage["methodSettings"]["~1v1~1originals~1{key+}/PUT"]
    assert heavy["throttlingRateLimit"] == config.api.rate // 4
    assert stage["tracingEnabled"]
    groups = [one["arn"] for one in deployed.client("logs").describe_log_groups()["logGroups"]]
    assert stage["accessLogSettings"]["destinationArn"] in groups
    line = json.loads(stage["accessLogSettings"]["format"])
    assert {"status", "method", "path", "client", "request_id"} <= line.keys()
    assert f"API-Gateway-Execution-Logs_{api.ref}/live" in {one.ref for one in deployed.all("AWS::Logs::LogGroup")}
    assert gateway.get_account()["cloudwatchRoleArn"].startswith(f"arn:aws:iam::{ACCOUNT}:role/")


def test_every_setting_of_a_method_is_of_a_method_that_exists(deployed: Deployed) -> None:
    """A throttle of a path that has another name would throttle nothing."""
    (api,) = deployed.all("AWS::ApiGateway::RestApi")
    paths = api.properties["Body"]["paths"]
    (stage,) = deployed.all("AWS::ApiGateway::Stage")
    (plan,) = deployed.all("AWS::ApiGateway::UsagePlan")
    named = [
        (one["ResourcePath"].removeprefix("/").replace("~1", "/"), one["HttpMethod"])
        for one in stage.properties["MethodSettings"]
        if one["HttpMethod"] != "*"
    ]
    named += [tuple(one.rsplit("/", 1)) for one in plan.properties["ApiStages"][0]["Throttle"]]
    assert len(named) >= 8
    for path, method in named:
        assert method.lower() in paths[path], (path, method)


def test_the_administrators_key_opens_the_plan_and_the_platform(deployed: Deployed) -> None:
    """The plan's key has the value of the secret that the control function reads."""
    gateway, config = deployed.client("apigateway"), deployed.config
    (plan,) = [one for one in gateway.get_usage_plans()["items"] if one["name"] == f"{config.name}-standard"]
    assert plan["throttle"] == {"rateLimit": float(config.api.rate), "burstLimit": config.api.burst}
    assert plan["quota"]["limit"] == config.api.daily_quota
    (key,) = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    value = gateway.get_api_key(apiKey=key["id"], includeValue=True)["value"]
    function = deployed.client("lambda").get_function(FunctionName=f"{config.name}-control")["Configuration"]
    arn = function["Environment"]["Variables"]["IMAGEMILL_ADMIN_SECRET_ARN"]
    assert deployed.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"] == value
    assert len(value) >= 32
    assert value.isalnum()
    assert value not in json.dumps(function["Environment"])


def test_a_domain_of_ones_own_is_the_apis_one_door(account: dict[str, Deployed]) -> None:
    """With `api_domain` the name maps to the stage over TLS 1.2 or newer, and the other address is shut."""
    deployed = account["full"]
    gateway = deployed.client("apigateway")
    (api,) = deployed.all("AWS::ApiGateway::RestApi")
    (mapping,) = gateway.get_base_path_mappings(domainName="api.example.com")["items"]
    assert (mapping["restApiId"], mapping["stage"]) == (api.ref, "live")
    domain = gateway.get_domain_name(domainName="api.example.com")
    assert domain["securityPolicy"].startswith("SecurityPolicy_TLS13_1_2")
    certificates = deployed.client("acm").list_certificates()["CertificateSummaryList"]
    assert domain["regionalCertificateArn"] in {one["CertificateArn"] for one in certificates}
    assert gateway.get_rest_api(restApiId=api.ref)["disableExecuteApiEndpoint"] is True
    assert "api.example.com" in {one.properties["Name"] for one in deployed.all("AWS::Route53::RecordSet")}


def metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the namespace and dimensions of each metric that an alarm looks at."""
    single = [alarm] if "Namespace" in alarm else []
    for one in [*single, *(part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part)]:
        yield one["Namespace"], {entry["Name"]: entry["Value"] for entry in one["Dimensions"]}


def test_every_alarm_watches_what_exists_where_its_metrics_are(deployed: Deployed) -> None:
    """A dimension that names nothing is an alarm that never rings."""
    known = {
        "FunctionName": {one.ref for one in deployed.all("AWS::Lambda::Function")},
        "QueueName": {one.ref.rsplit("/", 1)[1] for one in deployed.all("AWS::SQS::Queue")},
        "ApiName": {one.properties["Name"] for one in deployed.all("AWS::ApiGateway::RestApi")},
        "Stage": {one.ref for one in deployed.all("AWS::ApiGateway::Stage")},
        "DistributionId": {one.ref for one in deployed.all("AWS::CloudFront::Distribution")},
        "SourceBucket": {deployed.name("originals")},
        "DestinationBucket": {deployed.name("replica")},
        "RuleId": {
            rule["Id"]
            for bucket in deployed.all("AWS::S3::Bucket")
            for rule in bucket.properties.get("ReplicationConfiguration", {}).get("Rules", [])
        },
    }
    seen: set[str] = set()
    for region in {deployed.config.region, "us-east-1"}:
        names = [one.ref for one in deployed.all("AWS::CloudWatch::Alarm") if one.region == region]
        for alarm in deployed.client("cloudwatch", region).describe_alarms(AlarmNames=names)["MetricAlarms"]:
            for namespace, dimensions in metrics(alarm):
                seen |= {namespace}
                assert (namespace == "AWS/CloudFront") == (region == "us-east-1"), alarm["AlarmName"]
                for key, value in dimensions.items():
                    assert value in known.get(key, {value}), (alarm["AlarmName"], key, value)
    own = f"Imagemill/{deployed.config.name}"
    assert seen == {"AWS/Lambda", "AWS/SQS", "AWS/S3", "AWS/ApiGateway", "AWS/CloudFront", own}
    filters = [one.properties["MetricTransformations"][0] for one in deployed.all("AWS::Logs::MetricFilter")]
    assert own in {one["MetricNamespace"] for one in filters}


def test_every_alarm_is_told_to_somebody_or_takes_a_version_back(deployed: Deployed) -> None:
    """Alarms speak to a topic of their own region, which lets them; those of functions are CodeDeploy's."""
    groups = deployed.all("AWS::CodeDeploy::DeploymentGroup")
    rollback = {alarm["Name"] for one in groups for alarm in one.properties["AlarmConfiguration"]["Alarms"]}
    topics = {one.ref: one for one in deployed.all("AWS::SNS::Topic")}
    alarms = deployed.all("AWS::CloudWatch::Alarm")
    assert len(alarms) >= 20
    for alarm in alarms:
        if alarm.ref in rollback:
            continue
        (topic,) = alarm.properties["AlarmActions"]
        assert topics[topic].region == alarm.region
        assert alarm.properties["OKActions"] == [topic]
        text = deployed.client("sns", alarm.region).get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
        ours, theirs = {"aws:SourceAccount": ACCOUNT}, {"aws:SourceAccount": "999999999999"}
        assert allows(json.loads(text), "cloudwatch.amazonaws.com", "sns:Publish", topic, ours)
        assert not allows(json.loads(text), "cloudwatch.amazonaws.com", "sns:Publish", topic, theirs)
    mails = {one.properties["Endpoint"] for one in deployed.all("AWS::SNS::Subscription")}
    assert mails == ({deployed.config.alarm_email} if deployed.config.alarm_email else set())


def test_changes_are_on_record(deployed: Deployed) -> None:
    """CloudTrail logs, validates its files, and holds who wrote to originals; its bucket lets this trail in alone."""
    trails, config = deployed.client("cloudtrail"), deployed.config
    (trail,) = [one for one in trails.describe_trails()["trailList"] if one["Name"] == f"{config.name}-audit"]
    assert trail["LogFileValidationEnabled"]
    assert trail["IsMultiRegionTrail"]
    assert trails.get_trail_status(Name=trail["Name"])["IsLogging"]
    fields = [
        {one["Field"]: one.get("Equals", one.get("StartsWith")) for one in selector["FieldSelectors"]}
        for selector in trails.get_event_selectors(TrailName=trail["Name"])["AdvancedEventSelectors"]
    ]
    originals = [f"arn:aws:s3:::{deployed.name('originals')}/"]
    assert {"Data", "Management"} == {one["eventCategory"][0] for one in fields}
    assert [one["resources.ARN"] for one in fields if one["eventCategory"] == ["Data"]] == [originals]
    file = f"arn:aws:s3:::{trail['S3BucketName']}/{trail['S3KeyPrefix']}/AWSLogs/{ACCOUNT}/x.json.gz"
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}

    def writes(arn: str) -> bool:
        context = {"aws:SourceArn": arn, **owned}
        return allows(deployed.policy("logs"), "cloudtrail.amazonaws.com", "s3:PutObject", file, context)

    assert writes(trail["TrailARN"])
    assert not writes(trail["TrailARN"].replace(ACCOUNT, "999999999999"))


def test_every_log_ends(deployed: Deployed) -> None:
    """No group is kept for ever."""
    for group in deployed.all("AWS::Logs::LogGroup"):
        logs = deployed.client("logs", group.region)
        (found,) = [
            one
            for one in logs.describe_log_groups(logGroupNamePrefix=group.ref)["logGroups"]
            if one["logGroupName"] == group.ref
        ]
        assert found["retentionInDays"] == deployed.config.log_days


def test_money_is_told_before_it_is_spent(deployed: Deployed) -> None:
    """The budget is the configuration's, and its notices go to a topic that hears budgets."""
    budgets = deployed.client("budgets", "us-east-1")
    name = f"{deployed.config.name}-monthly"
    budget = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    assert float(budget["BudgetLimit"]["Amount"]) == deployed.config.monthly_budget
    (made,) = deployed.all("AWS::Budgets::Budget")
    told = {
        subscriber["Address"]
        for notice in made.properties["NotificationsWithSubscribers"]
        for subscriber in notice["Subscribers"]
    }
    (topic,) = told
    text = deployed.client("sns", "us-east-1").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    assert allows(json.loads(text), "budgets.amazonaws.com", "sns:Publish", topic, {"aws:SourceAccount": ACCOUNT})


def test_the_page_is_drawn_of_metrics_that_exist(deployed: Deployed) -> None:
    """One dashboard; each function, the distribution and the API are on it."""
    watch = deployed.client("cloudwatch")
    body = watch.get_dashboard(DashboardName=deployed.config.name)["DashboardBody"]
    shown = json.loads(body)
    assert len(shown["widgets"]) >= 10
    (distribution,) = deployed.all("AWS::CloudFront::Distribution")
    names = [f"{deployed.config.name}-{one}" for one in ("maker", "control", "events", "authorizer", "api")]
    for name in (*names, distribution.ref):
        assert name in body, name


def test_what_is_deleted_is_gone_but_for_what_cannot_be_made_again(account: dict[str, Deployed]) -> None:
    """Tear-down, last first: originals, their copy, logs and the keys that open them stay; nothing else that costs."""
    for deployed in account.values():
        for step in reversed(steps(deployed.config)):
            deployed.cloud.delete(f"{deployed.config.name}-{step.stack}", step.region)
    left = [one for one in account["plain"].cloud.account.resources if one.type != "AWS::Lambda::Version"]
    found = sorted((one.type, one.logical_id[:-8]) for one in left)
    bucket, key = "AWS::S3::Bucket", "AWS::KMS::Key"
    kept = [*[(bucket, one) for one in ("Logs", "Originals", "Replica")] * 2, *[(key, "Key")] * 2]
    assert found == sorted(
        [*kept, *[("AWS::IAM::Role", "LogRole")] * 2]
    )  # the role is the account's, for other APIs too
    for deployed in account.values():
        assert deployed.client("lambda").list_functions()["Functions"] == []
        assert deployed.client("sqs").list_queues().get("QueueUrls", []) == []
        assert deployed.client("apigateway").get_rest_apis()["items"] == []
        assert deployed.client("logs").describe_log_groups()["logGroups"] == []
        assert deployed.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
        assert deployed.client("secretsmanager").list_secrets()["SecretList"] == []
