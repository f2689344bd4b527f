"""The audit trail: who changed what in AWS, originals included (G7).

CloudTrail signs its digests, so that a changed or missing log file is found (`aws cloudtrail validate-logs`). It
writes into the logs bucket, below a prefix that nobody else may write to: the bucket's policy, which belongs to the
storage stack, lets it in by `writer`.
"""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.names import LOGS_OF_CLOUDTRAIL, bucket_arn

FOLDER = LOGS_OF_CLOUDTRAIL.rstrip("/")


def trail_name(config: Config) -> str:
    """Return the trail's name: the bucket's policy has to know it before there is a trail."""
    return f"{config.name}-audit"


def writer(config: Config) -> list[iam.PolicyStatement]:
    """Return what lets this one trail write (CloudTrail guide, "Amazon S3 bucket policy for CloudTrail")."""
    arn = f"arn:{Aws.PARTITION}:cloudtrail:{config.region}:{Aws.ACCOUNT_ID}:trail/{trail_name(config)}"
    bucket = bucket_arn(config, "logs")

    def statement(sid: str, action: str, resource: str, more: dict[str, str]) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid=sid,
            principals=[iam.ServicePrincipal("cloudtrail.amazonaws.com")],
            actions=[action],
            resources=[resource],
            conditions={"StringEquals": {"aws:SourceArn": arn, **more}},
        )

    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    return [
        statement("AuditChecks", "s3:GetBucketAcl", bucket, {}),
        statement("AuditWrites", "s3:PutObject", f"{bucket}/{FOLDER}/AWSLogs/{Aws.ACCOUNT_ID}/*", owned),
    ]


class AuditTrail(Construct):
    """A trail (`.trail`) of changes, written to the bucket `logs`.

    Data events of the originals bucket that write: who put or deleted which original. Reads are the platform's own
    work, ten cents for each hundred thousand, and stand in the access logs. Management events that write: who
    changed the platform itself.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, originals: s3.IBucket, logs: s3.IBucket
    ) -> None:
        super().__init__(scope, construct_id)
        self.trail = cloudtrail.CfnTrail(
            self,
            "Trail",
            trail_name=trail_name(config),
            s3_bucket_name=logs.bucket_name,
            s3_key_prefix=FOLDER,
            is_logging=True,
            # Roles and the distribution are changed in us-east-1, wherever one works.
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            advanced_event_selectors=[
                _selector("Changed originals", "Data", originals),
                _selector("Changes to the platform", "Management"),
            ],
        )


def _selector(
    name: str, category: str, originals: s3.IBucket | None = None
) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    """Return a selector of what writes, of one category; with `originals` of that bucket's objects only."""
    field = cloudtrail.CfnTrail.AdvancedFieldSelectorProperty
    fields = [field(field="eventCategory", equal_to=[category]), field(field="readOnly", equal_to=["false"])]
    if originals is not None:
        fields.append(field(field="resources.type", equal_to=["AWS::S3::Object"]))
        fields.append(field(field="resources.ARN", starts_with=[originals.arn_for_objects("")]))
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(name=name, field_selectors=fields)
