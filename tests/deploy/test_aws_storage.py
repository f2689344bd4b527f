"""Buckets and queues on AWS: what each template really says."""

from __future__ import annotations

import pytest
from tests.deploy.deployments import Synthesised
from tests.deploy.reading import ACCOUNT, listed, statement, statements, text

BUCKET = "AWS::S3::Bucket"
POLICY = "AWS::S3::BucketPolicy"
QUEUE = "AWS::SQS::Queue"
BUCKETS = [
    ("storage", "Originals"),
    ("storage", "Variants"),
    ("storage", "Logs"),
    ("storage", "Site"),
    ("replica", "Replica"),
]


@pytest.fixture(params=["plain", "full"])
def deployment(request: pytest.FixtureRequest) -> Synthesised:
    """Each of both deployments."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize(("stack", "name"), BUCKETS)
def test_every_bucket_is_private_whatever_a_policy_says(deployment: Synthesised, stack: str, name: str) -> None:
    """Public access is blocked, ACLs mean nothing, and what is at rest is encrypted."""
    properties = deployment.named(stack, name)["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]


@pytest.mark.parametrize(("stack", "name"), BUCKETS)
def test_every_bucket_is_reached_by_tls_only(deployment: Synthesised, stack: str, name: str) -> None:
    """Plain HTTP and old TLS are denied, to the bucket and to its objects."""
    denials = [one for one in statements(deployment, stack, f"{name}Policy") if one["Effect"] == "Deny"]
    conditions = [one["Condition"] for one in denials if one["Action"] == "s3:*" and one["Principal"] == {"AWS": "*"}]
    assert conditions == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]
    assert [text(one) for one in denials[0]["Resource"]] == [f"<{name}>", f"<{name}>/*"]


@pytest.mark.parametrize(("stack", "name"), BUCKETS)
def test_every_bucket_forgets_unfinished_uploads(deployment: Synthesised, stack: str, name: str) -> None:
    """Parts of an upload that nobody completed are paid for and cannot be seen."""
    rules = deployment.named(stack, name)["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = [rule for rule in rules if rule["Id"] == "unfinished-uploads"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rule["Status"] == "Enabled"


@pytest.mark.parametrize(("stack", "name"), BUCKETS)
def test_every_rule_of_a_bucket_is_switched_on(deployment: Synthesised, stack: str, name: str) -> None:
    """A rule that is only written down ends nothing."""
    rules = deployment.named(stack, name)["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Id"]: rule["Status"] for rule in rules} == {rule["Id"]: "Enabled" for rule in rules}


@pytest.mark.parametrize("name", ["Originals", "Variants", "Site"])
def test_access_to_buckets_is_logged(plain: Synthesised, name: str) -> None:
    """Each bucket's access log lies below a prefix of its own, by days; S3 may write there for this bucket only."""
    logging = plain.named("storage", name)["Properties"]["LoggingConfiguration"]
    assert text(logging["DestinationBucketName"]) == "<Logs>"
    assert logging["LogFilePrefix"] == f"s3/{name.lower()}/"
    assert logging["TargetObjectKeyFormat"] == {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    (grant,) = [
        one
        for one in statements(plain, "storage", "LogsPolicy")
        if one["Principal"] == {"Service": "logging.s3.amazonaws.com"} and name.lower() in text(one["Resource"])
    ]
    assert text(grant["Resource"]) == f"<Logs>/s3/{name.lower()}/*"
    assert text(grant["Condition"]["ArnLike"]["aws:SourceArn"]) == f"<{name}>"
    assert text(grant["Condition"]["StringEquals"]["aws:SourceAccount"]) == ACCOUNT


def test_names_say_account_and_region(full: Synthesised) -> None:
    """Two deployments, two accounts and two regions never ask for the same bucket."""
    names = [text(full.named(stack, name)["Properties"]["BucketName"]) for stack, name in BUCKETS]
    assert names == [
        *(f"pictures-{role}-{ACCOUNT}-eu-north-1" for role in ("originals", "variants", "logs", "site")),
        f"pictures-replica-{ACCOUNT}-us-west-2",
    ]


def test_what_cannot_be_made_again_outlives_its_stack(plain: Synthesised) -> None:
    """Originals, their second copy and logs stay when a stack is deleted; variants and pages need not.

    A stack that fails while it is made leaves no bucket behind, or the next try would find the name taken.
    """
    policies = {name: plain.named(stack, name)["DeletionPolicy"] for stack, name in BUCKETS}
    assert policies == {
        "Originals": "RetainExceptOnCreate",
        "Replica": "RetainExceptOnCreate",
        "Logs": "RetainExceptOnCreate",
        "Variants": "Delete",
        "Site": "Delete",
    }


@pytest.mark.parametrize(("stack", "name"), [("storage", "Originals"), ("replica", "Replica")])
def test_old_versions_of_originals_are_kept_for_the_days_chosen(full: Synthesised, stack: str, name: str) -> None:
    """A replaced or deleted original can be fetched back for so long, in both regions; then it is no longer paid."""
    properties = full.named(stack, name)["Properties"]
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 20}
    assert rules["old-versions"]["ExpiredObjectDeleteMarker"] is True
    assert "ExpirationInDays" not in rules["old-versions"]


@pytest.mark.parametrize(("stack", "name"), [("storage", "Originals"), ("replica", "Replica")])
def test_unchecked_uploads_are_gone_after_a_day(plain: Synthesised, stack: str, name: str) -> None:
    """The quarantine empties itself, in both regions: S3 does not replicate deletions of a lifecycle rule."""
    rules = {rule["Id"]: rule for rule in plain.named(stack, name)["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["quarantine"]["Prefix"] == ".imagemill/quarantine/"
    assert rules["quarantine"]["ExpirationInDays"] == 1
    assert rules["quarantine"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_only_what_can_be_made_again_expires_among_variants(full: Synthesised) -> None:
    """Variants expire by their tag; records, which lie beside them, have none and stay. Tickets outlive any upload."""
    rules = full.named("storage", "Variants")["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert expiring == [
        {
            "Id": "variants",
            "ExpirationInDays": 10,
            "TagFilters": [{"Key": "imagemill", "Value": "variant"}],
            "Status": "Enabled",
        },
        {"Id": "tickets", "ExpirationInDays": 9, "Prefix": ".imagemill/site/tickets/", "Status": "Enabled"},
    ]


def test_originals_and_their_deletions_are_replicated(plain: Synthesised) -> None:
    """Every creation and deletion goes to the second region, and how far behind it is can be measured."""
    replication = plain.named("storage", "Originals")["Properties"]["ReplicationConfiguration"]
    (rule,) = replication["Rules"]
    assert (rule["Id"], rule["Status"]) == ("everything", "Enabled")
    assert (rule["Filter"], rule["Priority"]) == ({"Prefix": ""}, 1)  # a rule with a filter needs one
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    assert text(rule["Destination"]["Bucket"]) == f"arn:aws:s3:::imagemill-replica-{ACCOUNT}-eu-central-1"
    assert rule["Destination"]["Metrics"] == {"Status": "Enabled"}
    assert text(replication["Role"]) == "<OriginalsReplication>"


def test_replication_may_copy_and_nothing_else(plain: Synthesised) -> None:
    """S3 takes on the role as its guide has it, without a condition; it reads versions here, and writes there."""
    role = plain.named("storage", "OriginalsReplication")["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    (policy,) = role["Policies"]
    rights = {
        action: text(one["Resource"])
        for one in policy["PolicyDocument"]["Statement"]
        for action in listed(one["Action"])
    }
    here = f"arn:aws:s3:::imagemill-originals-{ACCOUNT}-eu-west-1"
    there = f"arn:aws:s3:::imagemill-replica-{ACCOUNT}-eu-central-1"
    assert rights == {
        "s3:GetReplicationConfiguration": here,
        "s3:ListBucket": here,
        "s3:GetObjectVersionForReplication": f"{here}/*",
        "s3:GetObjectVersionAcl": f"{here}/*",
        "s3:GetObjectVersionTagging": f"{here}/*",
        "s3:ReplicateObject": f"{there}/*",
        "s3:ReplicateDelete": f"{there}/*",
        "s3:ReplicateTags": f"{there}/*",
    }


def test_the_edge_reads_variants_of_the_site_and_never_ours(plain: Synthesised) -> None:
    """Only this account's distributions, only `default/`, and never a record or the platform's own documents."""
    reads = statement(plain, "storage", "VariantsPolicy", "EdgeReads")
    assert (reads["Effect"], reads["Action"], text(reads["Resource"])) == (
        "Allow",
        "s3:GetObject",
        "<Variants>/default/*",
    )
    lists = statement(plain, "storage", "VariantsPolicy", "EdgeTellsMissing")
    assert (lists["Effect"], lists["Action"], text(lists["Resource"])) == ("Allow", "s3:ListBucket", "<Variants>")
    never = statement(plain, "storage", "VariantsPolicy", "NeverOurOwn")
    assert (never["Effect"], never["Action"]) == ("Deny", "s3:GetObject")
    assert [text(one) for one in never["Resource"]] == ["<Variants>/*/~/record.json", "<Variants>/.*"]
    for one in (reads, lists, never):
        assert one["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        source = text(one["Condition"]["ArnLike"]["aws:SourceArn"])
        assert source == f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"


def test_nobody_but_our_own_roles_reads_originals(deployment: Synthesised) -> None:
    """The policy of originals grants nothing; the replica's neither."""
    for stack, name in (("storage", "Originals"), ("replica", "Replica")):
        assert {one["Effect"] for one in statements(deployment, stack, f"{name}Policy")} == {"Deny"}


def test_logs_of_the_edge_are_delivered_without_acls(plain: Synthesised) -> None:
    """CloudFront's logging v2 may write below its prefix, for this account's deliveries only."""
    grant = statement(plain, "storage", "LogsPolicy", "EdgeLogs")
    assert grant["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert grant["Action"] == "s3:PutObject"
    assert text(grant["Resource"]) == f"arn:aws:s3:::imagemill-logs-{ACCOUNT}-eu-west-1/cloudfront/*"
    source = text(grant["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source == f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:*"


def test_logs_are_kept_for_the_days_chosen(full: Synthesised) -> None:
    """Each kind of access log expires; the audit trail not before a year."""
    rules = full.named("storage", "Logs")["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule} == {
        "s3/": 14,
        "cloudfront/": 14,
        "cloudtrail/": 365,
    }


def test_pages_that_may_upload_are_named(plain: Synthesised, full: Synthesised) -> None:
    """Without origins no page may; with them these may send a file, and nothing else."""
    assert "CorsConfiguration" not in plain.named("storage", "Originals")["Properties"]
    (rule,) = full.named("storage", "Originals")["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == ["https://www.example.com"]
    assert sorted(rule["AllowedMethods"]) == ["POST", "PUT"]
    assert "*" not in rule["AllowedHeaders"]


def test_creations_and_removals_reach_the_queue(plain: Synthesised) -> None:
    """S3 tells of both, and finds the queue open when it is asked to."""
    originals = plain.named("storage", "Originals")
    told = originals["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert {(one["Event"], text(one["Queue"])) for one in told} == {
        ("s3:ObjectCreated:*", "<NotificationsEvents>"),
        ("s3:ObjectRemoved:*", "<NotificationsEvents>"),
    }
    assert [name[:-8] for name in originals["DependsOn"]] == ["NotificationsEventsPolicy"]
    allowed = statement(plain, "storage", "NotificationsEventsPolicy", "OriginalsTell")
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert (
        text(allowed["Condition"]["ArnLike"]["aws:SourceArn"])
        == f"arn:aws:s3:::imagemill-originals-{ACCOUNT}-eu-west-1"
    )
    assert text(allowed["Condition"]["StringEquals"]["aws:SourceAccount"]) == ACCOUNT


def test_what_fails_again_and_again_is_kept_apart(plain: Synthesised) -> None:
    """After five tries a message is a dead letter for two weeks; only this queue's failures land there."""
    events = plain.one("storage", QUEUE, QueueName="imagemill-events")
    dead = plain.one("storage", QUEUE, QueueName="imagemill-dead-letters")
    assert events["RedrivePolicy"]["maxReceiveCount"] == 5
    assert text(events["RedrivePolicy"]["deadLetterTargetArn"]) == "<NotificationsDeadLetters>"
    assert dead["MessageRetentionPeriod"] == 14 * 86400
    assert dead["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"
    sources = [text(one) for one in dead["RedriveAllowPolicy"]["sourceQueueArns"]]
    assert sources == [f"arn:aws:sqs:REGION:{ACCOUNT}:imagemill-events"]


@pytest.mark.parametrize("name", ["NotificationsEventsPolicy", "NotificationsDeadLettersPolicy"])
def test_queues_are_reached_by_tls_only(plain: Synthesised, name: str) -> None:
    """Plain HTTP is denied to everybody."""
    (denied,) = [one for one in statements(plain, "storage", name) if one["Effect"] == "Deny"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Action"] == "sqs:*"


def test_without_a_key_of_ones_own_aws_encrypts(plain: Synthesised) -> None:
    """Buckets have S3's encryption, queues SQS's, and no key is paid for."""
    assert not plain.resources("storage", "AWS::KMS::Key")
    for bucket in plain.resources("storage", BUCKET).values():
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    for queue in plain.resources("storage", QUEUE).values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_with_a_key_of_ones_own_it_encrypts_what_is_private(full: Synthesised) -> None:
    """Originals, variants and queues have it, the replica its region's; logs cannot, public pages need not."""
    used = {}
    for stack, name in BUCKETS:
        (rule,) = full.named(stack, name)["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        used[name] = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert rule.get("BucketKeyEnabled", used[name] == "AES256") is True
    assert used == {
        "Originals": "aws:kms",
        "Variants": "aws:kms",
        "Replica": "aws:kms",
        "Logs": "AES256",
        "Site": "AES256",
    }
    for queue in full.resources("storage", QUEUE).values():
        assert text(queue["Properties"]["KmsMasterKeyId"]) == "<Key>"
    for stack in ("storage", "replica"):
        key = full.named(stack, "Key")
        assert key["Properties"]["EnableKeyRotation"] is True
        assert key["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_key_serves_the_edge_and_events_for_us_only(full: Synthesised) -> None:
    """CloudFront decrypts for this account's distributions, S3 encrypts messages about originals."""
    edge = {one.get("Sid"): one for one in full.named("storage", "Key")["Properties"]["KeyPolicy"]["Statement"]}
    assert edge["EdgeReadsVariants"]["Action"] == "kms:Decrypt"
    source = edge["EdgeReadsVariants"]["Condition"]["ArnLike"]["aws:SourceArn"]
    assert text(source) == f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"
    assert edge["OriginalsTellTheQueue"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    source = edge["OriginalsTellTheQueue"]["Condition"]["ArnLike"]["aws:SourceArn"]
    assert text(source) == f"arn:aws:s3:::pictures-originals-{ACCOUNT}-eu-north-1"


def test_encrypted_originals_are_replicated_under_the_other_regions_key(full: Synthesised) -> None:
    """S3 replicates no object under a key unless it is told to, and with which key there."""
    (rule,) = full.named("storage", "Originals")["Properties"]["ReplicationConfiguration"]["Rules"]
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    there = text(rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"])
    assert there == f"arn:aws:kms:us-west-2:{ACCOUNT}:alias/pictures-replica"
    (policy,) = full.named("storage", "OriginalsReplication")["Properties"]["Policies"]
    keys = {one["Sid"]: one for one in policy["PolicyDocument"]["Statement"] if one["Sid"].endswith("Key")}
    assert keys["SourceKey"]["Action"] == "kms:Decrypt"
    assert keys["DestinationKey"]["Action"] == ["kms:Encrypt", "kms:GenerateDataKey"]
    assert keys["DestinationKey"]["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": "alias/pictures-replica"
    }
    (alias,) = full.resources("replica", "AWS::KMS::Alias").values()
    assert alias["Properties"]["AliasName"] == "alias/pictures-replica"
