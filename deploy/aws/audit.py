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
Field = cloudtrail.CfnTrail.AdvancedFieldSelectorProperty


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
    work, ten cents for each hundred thousand, and stand in the access logs. Every data event of the replica: it has no
    access log, for S3 delivers one within a region only, and beside S3's own copies there are few. Management events
    that write: who changed the platform itself.
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
                _selector("Changed originals", "Data", _writes(), _objects(originals.arn_for_objects(""))),
                _selector("Used copies", "Data", _objects(f"{bucket_arn(config, 'replica')}/")),
                _selector("Changes to the platform", "Management", _writes()),
            ],
        )


def _selector(name: str, category: str, *narrowed: list[Field]) -> cloudtrail.CfnTrail.AdvancedEventSelectorProperty:
    """Return a selector of the events of one category that fit every field."""
    fields = [Field(field="eventCategory", equal_to=[category]), *(field for fields in narrowed for field in fields)]
    return cloudtrail.CfnTrail.AdvancedEventSelectorProperty(name=name, field_selectors=fields)


def _writes() -> list[Field]:
    return [Field(field="readOnly", equal_to=["false"])]


def _objects(arn: str) -> list[Field]:
    """Return the fields of the objects whose ARN begins with `arn`."""
    return [
        Field(field="resources.type", equal_to=["AWS::S3::Object"]),
        Field(field="resources.ARN", starts_with=[arn]),
    ]
