"""Replication of originals to the second region (O6): the rule, and the role that S3 takes on for it."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from deploy.aws.bucket import PlatformBucket
from deploy.aws.config import Config
from deploy.aws.names import REPLICATION_RULE, bucket_arn, key_alias


def replicate(bucket: PlatformBucket, *, config: Config, replica_bucket_arn: str, key: kms.Key | None) -> None:
    """Let S3 copy every creation and deletion of `bucket` to the replica, and measure how far behind it is.

    The stack of the replica must be there. Uploads that wait in the quarantine are copied too (a rule can leave nothing
    out) and expire there as here. No time is guaranteed (Replication Time Control costs 1.5 cents a GB);
    an alarm watches the lag instead.
    """
    role = _role(bucket, config, replica_bucket_arn, key)
    destination = s3.CfnBucket.ReplicationDestinationProperty(
        bucket=replica_bucket_arn,
        metrics=s3.CfnBucket.MetricsProperty(status="Enabled"),
        encryption_configuration=None
        if key is None
        else s3.CfnBucket.EncryptionConfigurationProperty(replica_kms_key_id=_replica_key_alias(config)),
    )
    chosen = None
    if key is not None:
        chosen = s3.CfnBucket.SourceSelectionCriteriaProperty(
            sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
        )
    bucket.resource.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
        role=role.role_arn,
        rules=[
            s3.CfnBucket.ReplicationRuleProperty(
                id=REPLICATION_RULE,
                status="Enabled",
                priority=1,
                filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                # A deletion is a marker on a version: it goes over, and so can be taken back on both sides.
                delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
                destination=destination,
                source_selection_criteria=chosen,
            )
        ],
    )


def _role(bucket: PlatformBucket, config: Config, replica_bucket_arn: str, key: kms.Key | None) -> iam.Role:
    """Return the role; the bucket is named in it by its literal name, for the bucket names the role."""
    source = bucket_arn(config, "originals")
    statements = [
        iam.PolicyStatement(
            sid="Source", actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[source]
        ),
        iam.PolicyStatement(
            sid="SourceVersions",
            actions=["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"],
            resources=[f"{source}/*"],  # every key is an original
        ),
        iam.PolicyStatement(
            sid="Destination",
            actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            resources=[f"{replica_bucket_arn}/*"],
        ),
    ]
    if key is not None:
        statements += _keys(config, key)
    return iam.Role(
        bucket,
        "Replication",
        # Without a condition, as S3's guide has it ("Setting up permissions for live replication"): that S3 names the
        # bucket as it takes a role on is written nowhere, and a bucket can name roles of its own account only.
        assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
        inline_policies={"replicate": iam.PolicyDocument(statements=statements)},
    )


def _keys(config: Config, key: kms.Key) -> list[iam.PolicyStatement]:
    """Return the use of both keys, through S3 alone; the replica's by its alias, for it is another region's."""
    return [
        iam.PolicyStatement(
            sid="SourceKey",
            actions=["kms:Decrypt"],
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{config.region}.{Aws.URL_SUFFIX}"}},
        ),
        iam.PolicyStatement(
            sid="DestinationKey",
            actions=["kms:Encrypt", "kms:GenerateDataKey"],  # the second makes the bucket's key there
            resources=[f"arn:{Aws.PARTITION}:kms:{config.replica_region}:{Aws.ACCOUNT_ID}:key/*"],  # see the condition
            conditions={
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": key_alias(config, "replica")},
                "StringEquals": {"kms:ViaService": f"s3.{config.replica_region}.{Aws.URL_SUFFIX}"},
            },
        ),
    ]


def _replica_key_alias(config: Config) -> str:
    return f"arn:{Aws.PARTITION}:kms:{config.replica_region}:{Aws.ACCOUNT_ID}:{key_alias(config, 'replica')}"
