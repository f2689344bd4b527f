"""Buckets with everything that their properties say, their policies, and queues' policies."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.cloudformation.resource import ACCOUNT, Json, Made, Request, client, makes

LIFECYCLE_WORDS = {"ExpirationInDays": "Days", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}


@makes("AWS::S3::Bucket", name="BucketName")
def bucket(request: Request) -> Made:
    """A bucket and each of its configurations, by the call that sets it."""
    name = request.take("BucketName") or request.name
    s3 = request.client("s3")
    where = (
        {} if request.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": request.region}}
    )
    s3.create_bucket(Bucket=name, **where)
    for property_, put in SETTINGS.items():
        value = request.take(property_)
        if value is not None:
            put(s3, name, value)
    hosts = {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{request.region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{request.region}.amazonaws.com",
    }

    def delete() -> None:
        s3.delete_bucket(Bucket=name)

    return Made(name, hosts, delete)


def versioning(s3: Any, name: str, value: Json) -> None:
    """VersioningConfiguration."""
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=value)


def encryption(s3: Any, name: str, value: Json) -> None:
    """BucketEncryption."""
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        default = {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        rules.append(default | {key: rule[key] for key in rule if key == "BucketKeyEnabled"})
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def lifecycle(s3: Any, name: str, value: Json) -> None:
    """LifecycleConfiguration: its rules are flatter than the API's."""
    value = dict(value)
    value.pop("TransitionDefaultMinimumObjectSize", None)
    rules = [lifecycle_rule(dict(rule)) for rule in value.pop("Rules")]
    assert not value, value
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})


def lifecycle_rule(rule: dict[str, Json]) -> dict[str, Json]:
    """Return the API's form of one rule."""
    conditions: dict[str, Json] = {key: rule.pop(key) for key in list(rule) if key.startswith("ObjectSize")}
    if "Prefix" in rule:
        conditions["Prefix"] = rule.pop("Prefix")
    if "TagFilters" in rule:
        conditions["Tags"] = rule.pop("TagFilters")
    if len(conditions) > 1:
        conditions = {"And": conditions}
    elif "Tags" in conditions:
        conditions = {"Tag": conditions["Tags"][0]}
    made: dict[str, Json] = {"Filter": conditions or {"Prefix": ""}, "Status": rule.pop("Status")}
    if "Id" in rule:
        made["ID"] = rule.pop("Id")
    expiration = {word: rule.pop(key) for key, word in LIFECYCLE_WORDS.items() if key in rule}
    if expiration:
        made["Expiration"] = expiration
    for same in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if same in rule:
            made[same] = rule.pop(same)
    for moves in ("Transitions", "NoncurrentVersionTransitions"):
        if moves in rule:
            days = "NoncurrentDays" if moves.startswith("Noncurrent") else "Days"
            made[moves] = [
                {days: move["TransitionInDays"], "StorageClass": move["StorageClass"]} for move in rule.pop(moves)
            ]
    assert not rule, f"no API word for {sorted(rule)}"
    return made


def replication(s3: Any, name: str, value: Json) -> None:
    """ReplicationConfiguration."""
    rules = []
    for rule in value["Rules"]:
        rule = {("ID" if key == "Id" else key): one for key, one in rule.items()}
        rules.append(rule)
    s3.put_bucket_replication(Bucket=name, ReplicationConfiguration={"Role": value["Role"], "Rules": rules})


def notification(s3: Any, name: str, value: Json) -> None:
    """NotificationConfiguration: several events of one target are several entries here, one at the API."""
    made: dict[str, Json] = {}
    for word, target in (("Queue", "Queue"), ("Topic", "Topic"), ("Lambda", "Function")):
        api_target = {"Queue": "QueueArn", "Topic": "TopicArn", "Lambda": "LambdaFunctionArn"}[word]
        entries = []
        for entry in value.get(f"{word}Configurations", []):
            one = {api_target: entry[target], "Events": [entry["Event"]]}
            if word == "Queue":
                must_let_in(name, entry[target])
            if "Filter" in entry:
                one["Filter"] = {"Key": {"FilterRules": entry["Filter"]["S3Key"]["Rules"]}}
            entries.append(one)
        if entries:
            made["LambdaFunctionConfigurations" if word == "Lambda" else f"{word}Configurations"] = entries
    if "EventBridgeConfiguration" in value:
        made["EventBridgeConfiguration"] = {}
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=made)


def must_let_in(name: str, queue_arn: str) -> None:
    """Fail as S3 does where the queue's policy does not (yet) let the bucket send: "Unable to validate …"."""
    _, _, _, region, _, queue_name = queue_arn.split(":")
    sqs = client("sqs", region)
    url = sqs.get_queue_url(QueueName=queue_name)["QueueUrl"]
    text = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"].get("Policy", "")
    assert f":s3:::{name}" in text, f"{name} may not send to {queue_name}; its policy is {text!r}"


def logging(s3: Any, name: str, value: Json) -> None:
    """LoggingConfiguration; a bucket that keeps its own logs names none."""
    target: dict[str, Json] = {
        "TargetBucket": value.get("DestinationBucketName", name),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    if "TargetObjectKeyFormat" in value:
        target["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    # moto wants the target's policy to be there; S3 looks at it only when it writes a log.
    ACCOUNT.later.append(lambda: s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": target}))


def cors(s3: Any, name: str, value: Json) -> None:
    """CorsConfiguration."""
    words = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
    rules = [{words.get(key, key): one for key, one in rule.items()} for rule in value["CorsRules"]]
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})


def public_access(s3: Any, name: str, value: Json) -> None:
    """PublicAccessBlockConfiguration."""
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=value)


def ownership(s3: Any, name: str, value: Json) -> None:
    """OwnershipControls."""
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=value)


def tags(s3: Any, name: str, value: Json) -> None:
    """Tags."""
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": value})


def recorded(_s3: Any, _name: str, _value: Json) -> None:
    """Properties that moto keeps nowhere; they stand in the record of the resource."""


SETTINGS = {
    "VersioningConfiguration": versioning,
    "BucketEncryption": encryption,
    "OwnershipControls": ownership,
    "PublicAccessBlockConfiguration": public_access,
    "LifecycleConfiguration": lifecycle,
    "ReplicationConfiguration": replication,
    "NotificationConfiguration": notification,
    "LoggingConfiguration": logging,
    "CorsConfiguration": cors,
    "Tags": tags,
    "MetricsConfigurations": recorded,
}


@makes("AWS::S3::BucketPolicy")
def bucket_policy(request: Request) -> Made:
    """The policy of a bucket; moto enforces what it denies."""
    name = request.take("Bucket")
    s3 = request.client("s3")
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(request.take("PolicyDocument")))
    return Made(name, {}, lambda: s3.delete_bucket_policy(Bucket=name))


@makes("AWS::SQS::QueuePolicy")
def queue_policy(request: Request) -> Made:
    """The policy of one or more queues."""
    sqs = request.client("sqs")
    urls = request.take("Queues")
    text = json.dumps(request.take("PolicyDocument"))
    for url in urls:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})

    def delete() -> None:
        for url in urls:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})

    return Made(request.name, {}, delete)


@makes("AWS::SQS::Queue", name="QueueName")
def queue(request: Request) -> Made:
    """A queue with every attribute."""
    sqs = request.client("sqs")
    name = request.take("QueueName") or request.name
    labels = {tag["Key"]: tag["Value"] for tag in request.take("Tags", [])}
    attributes = {key: attribute(value) for key, value in request.rest().items()}
    url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=labels)["QueueUrl"]
    arn = f"arn:aws:sqs:{request.region}:{request.account}:{name}"
    made = {"Arn": arn, "QueueName": name, "QueueUrl": url}
    return Made(url, made, lambda: sqs.delete_queue(QueueUrl=url))


def attribute(value: Json) -> str:
    """Return a property as SQS writes it: all are texts."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)
