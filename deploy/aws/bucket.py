"""A bucket as every one of ours is: named, private, encrypted, reached by TLS only, and its first lifecycle rule (O2).

Separate from the stacks, so that no bucket can be made without one of these properties.
"""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.names import bucket_name
from imagemill.assembly.stores import QUARANTINE

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""Outlives its stack, except one that was never finished: else the next try would find the name taken."""


class PlatformBucket(s3.Bucket):
    """The bucket that is `role` (originals, variants, logs, site, replica).

    `key` encrypts it; without one S3's own does. `kept` buckets outlive their stack: what they hold cannot be made
    again. The others must be empty when their stack is deleted. `log_to` takes its access log, below `s3/<role>/`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        role: str,
        kept: bool,
        versioned: bool = False,
        key: kms.IKey | None = None,
        log_to: s3.IBucket | None = None,
        ownership: s3.ObjectOwnership = s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            bucket_name=bucket_name(config, role),
            # O2: private whatever a policy or an ACL may say, encrypted at rest and on the way.
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=ownership,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            encryption=s3.BucketEncryption.S3_MANAGED if key is None else s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=None if key is None else True,  # one call of KMS for many objects
            versioned=versioned,
            removal_policy=KEPT if kept else RemovalPolicy.DESTROY,
            server_access_logs_bucket=log_to,
            server_access_logs_prefix=None if log_to is None else f"s3/{role}/",
            target_object_key_format=None
            if log_to is None
            else s3.TargetObjectKeyFormat.partitioned_prefix(s3.PartitionDateSource.EVENT_TIME),
        )
        # O9: what an interrupted upload left is paid for and cannot be seen.
        self.add_lifecycle_rule(id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(1))

    @property
    def resource(self) -> s3.CfnBucket:
        """The CloudFormation resource, for what CDK would make a function of its own for."""
        resource = self.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        return resource

    def keep_old_versions(self, days: int) -> None:
        """Remove replaced and deleted objects `days` after, and unchecked uploads after a day (O4, O9)."""
        self.add_lifecycle_rule(
            id="old-versions",
            noncurrent_version_expiration=Duration.days(days),
            expired_object_delete_marker=True,  # a marker with nothing behind it
        )
        self.add_lifecycle_rule(
            id="quarantine",
            prefix=QUARANTINE,
            expiration=Duration.days(1),
            noncurrent_version_expiration=Duration.days(1),
        )
