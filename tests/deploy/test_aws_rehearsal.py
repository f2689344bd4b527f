"""A rehearsal of the deployment: both configurations, stack by stack in one played account, then asked by boto3.

Every reference, export, parameter and secret is resolved as CloudFormation would; what moto has no service for is
looked at as it was recorded, with its resolved properties.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from deploy.aws.steps import steps
from tests.deploy.judging import allows
from tests.deploy.rehearsal import ACCOUNT, Deployed


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


def test_what_is_deleted_is_gone_but_for_what_cannot_be_made_again(account: dict[str, Deployed]) -> None:
    """Tear-down, last first: originals, their copy, logs and the keys that open them stay; nothing else that costs."""
    # The last test of this module: the account is its fixture's, and to make both deployments once more costs seconds.
    for deployed in account.values():
        for step in reversed(steps(deployed.config)):
            deployed.cloud.delete(f"{deployed.config.name}-{step.stack}", step.region)
    left = account["plain"].cloud.account.resources
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
