"""The buckets and the queue of their events (O1, O2, O3, O4, O6, O7, O8, O9, O10).

Originals are what cannot be made again: versioned, replicated, kept when the stack goes. Variants can be made again:
neither, and removed by age. Whoever may read what stands in the buckets' policies and, for our own functions, in
their roles.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.audit import writer as audit_writer
from deploy.aws.bucket import KEPT, PlatformBucket
from deploy.aws.config import EDGE_REGION, Config
from deploy.aws.names import (
    LOGS_OF_CLOUDFRONT,
    LOGS_OF_CLOUDTRAIL,
    LOGS_OF_S3,
    bucket_arn,
    distributions_arn,
    key_alias,
)
from deploy.aws.notifications import Notifications
from deploy.aws.replication import replicate
from imagemill.assembly.home import SITE
from imagemill.assembly.stores import DOCUMENTS
from imagemill.uploads.tickets import FOLDER
from imagemill.variants.remote_names import TRIMMED

AUDIT_DAYS = 365
"""How long the audit trail is kept at least, however short other logs are (G7); a year is what most rules ask."""

TICKETS = f"{DOCUMENTS}{FOLDER}"
"""Where tickets of uploads lie among our own documents."""
TICKET_DAYS = 9
"""A link of S3 lasts seven days at most (SigV4), and `uploads.remember` tells of the outcome for one more."""


class StorageStack(Stack):
    """`.originals`, `.variants`, `.logs`, `.site` (buckets), `.events_queue`, `.dead_letters`, `.key` (None: S3's)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        replica_bucket_arn: str,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        self.key = _key(self, config) if config.kms else None
        self.logs = self._logs(config)
        self.originals = self._originals(config, replica_bucket_arn)
        self.variants = self._variants(config)
        self.site = self._site(config)
        # O10: created and removed originals, at least once and none lost.
        notifications = Notifications(self, "Notifications", config=config, key=self.key)
        notifications.attach(self.originals)
        self.events_queue = notifications.queue
        self.dead_letters = notifications.dead_letters
        for bucket, name in ((self.originals, "Originals"), (self.variants, "Variants"), (self.site, "Site")):
            CfnOutput(self, f"{name}Bucket", value=bucket.bucket_name)

    def _logs(self, config: Config) -> PlatformBucket:
        """E5, G7: access logs of buckets and edge, and the audit trail, each below its prefix.

        Always S3's own key: S3 delivers its access logs to no bucket with another one. No ACLs: S3, CloudFront
        (standard logging v2) and CloudTrail are let in by the policy.
        """
        bucket = PlatformBucket(self, "Logs", config=config, role="logs", kept=True)
        for name, prefix, days in (
            ("s3-logs", LOGS_OF_S3, config.log_days),
            ("edge-logs", LOGS_OF_CLOUDFRONT, config.log_days),
            ("audit-trail", LOGS_OF_CLOUDTRAIL, max(config.log_days, AUDIT_DAYS)),
        ):
            bucket.add_lifecycle_rule(id=name, prefix=prefix, expiration=Duration.days(days))
        bucket.add_to_resource_policy(_edge_log_writer(config))
        for statement in audit_writer(config):
            bucket.add_to_resource_policy(statement)
        return bucket

    def _originals(self, config: Config, replica_bucket_arn: str) -> PlatformBucket:
        """O1, O4: any number of originals, each with its old versions."""
        bucket = PlatformBucket(
            self,
            "Originals",
            config=config,
            role="originals",
            kept=True,
            versioned=True,
            key=self.key,
            log_to=self.logs,
        )
        # O4, O9: a replaced or deleted original can be fetched back for so long.
        bucket.keep_old_versions(config.old_version_days)
        # O6: each creation and deletion goes to the second region.
        replicate(bucket, config=config, replica_bucket_arn=replica_bucket_arn, key=self.key)
        if config.upload_origins:
            # O3: pages of these origins may send a file straight into the quarantine, with a presigned link.
            bucket.add_cors_rule(
                allowed_origins=list(config.upload_origins),
                allowed_methods=[s3.HttpMethods.PUT, s3.HttpMethods.POST],
                allowed_headers=["content-type", "content-md5", "x-amz-checksum-sha256"],
                exposed_headers=["ETag"],
                max_age=3600,
            )
        return bucket

    def _variants(self, config: Config) -> PlatformBucket:
        """What was made: removed by age, made again when asked for."""
        bucket = PlatformBucket(
            self, "Variants", config=config, role="variants", kept=False, key=self.key, log_to=self.logs
        )
        # O9: by tag, because an original's record, which nobody can make again, lies beside its variants.
        bucket.add_lifecycle_rule(
            id="variants",
            tag_filters=dict(TRIMMED),
            expiration=Duration.days(config.variant_days),
        )
        # O9: the tickets of uploads, when nobody can ask for their outcome any more; no function lives to tidy up.
        bucket.add_lifecycle_rule(id="tickets", prefix=TICKETS, expiration=Duration.days(TICKET_DAYS))
        _let_edge_read(bucket, f"{SITE}/*")
        # E1, E9: without the right to list, S3 answers 403 for what is not there; so the edge tells a miss from a no.
        bucket.add_to_resource_policy(_edge(iam.Effect.ALLOW, "EdgeTellsMissing", "s3:ListBucket", bucket.bucket_arn))
        # O7: records and our own documents (signing keys among them) are never the edge's, whatever path it builds.
        bucket.add_to_resource_policy(
            _edge(
                iam.Effect.DENY,
                "NeverOurOwn",
                "s3:GetObject",
                bucket.arn_for_objects("*/~/record.json"),
                bucket.arn_for_objects(".*"),
            )
        )
        return bucket

    def _site(self, config: Config) -> PlatformBucket:
        """O8: the pages of the site (index.html, error pages), served by the edge's default behaviour."""
        bucket = PlatformBucket(self, "Site", config=config, role="site", kept=False, log_to=self.logs)
        _let_edge_read(bucket, "*")
        return bucket


def _key(stack: StorageStack, config: Config) -> kms.Key:
    """Return the key of originals, variants and queues (O2); CloudFront and S3's events may use it for us."""
    key = kms.Key(
        stack,
        "Key",
        alias=key_alias(config, "data"),
        description="Imagemill: encrypts originals, variants and the queues of events.",
        enable_key_rotation=True,
        removal_policy=KEPT,
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EdgeReadsVariants",
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            actions=["kms:Decrypt"],
            resources=["*"],  # in a key's policy: this key
            conditions={"ArnLike": {"aws:SourceArn": distributions_arn()}},
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="OriginalsTellTheQueue",
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            actions=["kms:GenerateDataKey", "kms:Decrypt"],
            resources=["*"],  # in a key's policy: this key
            conditions={
                "ArnLike": {"aws:SourceArn": bucket_arn(config, "originals")},
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            },
        )
    )
    return key


def _edge(effect: iam.Effect, sid: str, action: str, *resources: str) -> iam.PolicyStatement:
    """Return a statement about CloudFront in the name of this account's distributions (OAC)."""
    return iam.PolicyStatement(
        sid=sid,
        effect=effect,
        principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
        actions=[action],
        resources=list(resources),
        conditions={"ArnLike": {"aws:SourceArn": distributions_arn()}},
    )


def _let_edge_read(bucket: PlatformBucket, objects: str) -> None:
    """O7: the edge reads these objects through its origin access control, and nobody else does."""
    bucket.add_to_resource_policy(_edge(iam.Effect.ALLOW, "EdgeReads", "s3:GetObject", bucket.arn_for_objects(objects)))


def _edge_log_writer(config: Config) -> iam.PolicyStatement:
    """E5: CloudFront's standard logging v2 (CloudWatch vended logs, which for CloudFront live in us-east-1)."""
    return iam.PolicyStatement(
        sid="EdgeLogs",
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=["s3:PutObject"],
        resources=[f"{bucket_arn(config, 'logs')}/{LOGS_OF_CLOUDFRONT}*"],
        conditions={
            "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:logs:{EDGE_REGION}:{Aws.ACCOUNT_ID}:delivery-source:*"},
        },
    )
