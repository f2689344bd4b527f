"""The rehearsal's second half: the API and everything that watches, asked in the played account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from deploy.aws.config import Config
from tests.deploy.judging import allows
from tests.deploy.rehearsal import ACCOUNT, Deployed


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
    assert {"status", "method", "route", "client", "request_id"} <= line.keys()
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


def metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield the namespace, name and dimensions of each metric that an alarm looks at."""
    single = [alarm] if "Namespace" in alarm else []
    for one in [*single, *(part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part)]:
        yield one["Namespace"], one["MetricName"], {entry["Name"]: entry["Value"] for entry in one["Dimensions"]}


def published_in(namespace: str, name: str, config: Config) -> str:
    """Return the region where AWS publishes a metric; an alarm elsewhere never rings.

    CloudFront's are in us-east-1 (Developer Guide); what replication has still to do is told where the copies are, what
    failed where the originals are (S3 guide, "Using S3 Replication metrics").
    """
    late = {"ReplicationLatency", "BytesPendingReplication", "OperationsPendingReplication"}
    if namespace == "AWS/CloudFront":
        return "us-east-1"
    return config.replica_region if namespace == "AWS/S3" and name in late else config.region


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
    seen: set[tuple[str, str]] = set()
    for region in {deployed.config.region, deployed.config.replica_region, "us-east-1"}:
        names = [one.ref for one in deployed.all("AWS::CloudWatch::Alarm") if one.region == region]
        for alarm in deployed.client("cloudwatch", region).describe_alarms(AlarmNames=names)["MetricAlarms"]:
            for namespace, name, dimensions in metrics(alarm):
                seen.add((namespace, name))
                assert published_in(namespace, name, deployed.config) == region, alarm["AlarmName"]
                for key, value in dimensions.items():
                    assert value in known.get(key, {value}), (alarm["AlarmName"], key, value)
    own = f"Imagemill/{deployed.config.name}"
    found = {namespace for namespace, _ in seen}
    assert found == {"AWS/Lambda", "AWS/SQS", "AWS/S3", "AWS/ApiGateway", "AWS/CloudFront", own}
    assert {"ReplicationLatency", "OperationsFailedReplication"} <= {name for _, name in seen}
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
    """CloudTrail logs, validates its files, and holds who wrote to originals and used their copies at all.

    Its bucket lets this trail in alone.
    """
    trails, config = deployed.client("cloudtrail"), deployed.config
    (trail,) = [one for one in trails.describe_trails()["trailList"] if one["Name"] == f"{config.name}-audit"]
    assert trail["LogFileValidationEnabled"]
    assert trail["IsMultiRegionTrail"]
    assert trails.get_trail_status(Name=trail["Name"])["IsLogging"]
    fields = [
        {one["Field"]: one.get("Equals", one.get("StartsWith")) for one in selector["FieldSelectors"]}
        for selector in trails.get_event_selectors(TrailName=trail["Name"])["AdvancedEventSelectors"]
    ]
    assert {"Data", "Management"} == {one["eventCategory"][0] for one in fields}
    watched = {
        one["resources.ARN"][0]: one.get("readOnly", ["both"])
        for one in fields
        if one["eventCategory"] == ["Data"] and one["resources.type"] == ["AWS::S3::Object"]
    }
    assert watched == {
        f"arn:aws:s3:::{deployed.name('originals')}/": ["false"],
        f"arn:aws:s3:::{deployed.name('replica')}/": ["both"],  # it has no access log
    }
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
    rows = [
        (row, one["properties"]["region"]) for one in shown["widgets"] for row in one["properties"].get("metrics", ())
    ]
    asked = {
        (row[0], row[1], (row[-1] if isinstance(row[-1], dict) else {}).get("region", home))
        for row, home in rows
        if isinstance(row[0], str)
    }
    assert {"ReplicationLatency", "OperationsFailedReplication", "5xxErrorRate"} <= {name for _, name, _ in asked}
    for namespace, name, region in asked:
        assert region == published_in(namespace, name, deployed.config), name
