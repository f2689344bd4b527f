"""The names that more than one stack, region or account part has to know before they are made.

Buckets and keys are named instead of asked for: a bucket's notification, its replica in another region and the
policies of both refer to each other, and only a literal name keeps that from being a circle. The account's number
makes a bucket's name unique in the world.
"""

from __future__ import annotations

from aws_cdk import Aws, Fn

from deploy.aws.config import Config
from imagemill.settings import OWN_FOLDER

OWN = f"{OWN_FOLDER}/"
"""The prefix of the platform's own documents, in any bucket; never served."""
LOGS_OF_S3 = "s3/"
LOGS_OF_CLOUDFRONT = "cloudfront/"
LOGS_OF_CLOUDTRAIL = "cloudtrail/"
"""Where each kind of log lies in the logs bucket; its policy lets each writer write there only."""
REPLICATION_RULE = "everything"
"""The id of the rule of replication, by which its lag is measured (a dimension of AWS/S3 ReplicationLatency)."""


def bucket_name(config: Config, role: str) -> str:
    """Return the name of the bucket that is `role` (originals, variants, logs, site, replica)."""
    region = config.replica_region if role == "replica" else config.region
    return Fn.sub(f"{config.name}-{role}-${{AWS::AccountId}}-{region}")


def bucket_arn(config: Config, role: str) -> str:
    """Return the ARN of the bucket that is `role`; made of its name, so that it ties no two resources."""
    return Fn.sub(
        f"arn:${{AWS::Partition}}:s3:::{config.name}-{role}-${{AWS::AccountId}}-"
        + (config.replica_region if role == "replica" else config.region)
    )


def queue_arn(config: Config, role: str) -> str:
    """Return the ARN of the queue that is `role` (events, dead-letters)."""
    return Fn.sub(f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{queue_name(config, role)}")


def queue_url(config: Config, role: str) -> str:
    """Return the URL of the queue that is `role`, as SQS makes it of region, account and name."""
    return Fn.sub(f"https://sqs.${{AWS::Region}}.${{AWS::URLSuffix}}/${{AWS::AccountId}}/{queue_name(config, role)}")


def queue_name(config: Config, role: str) -> str:
    """Return the name of the queue that is `role` (events, dead-letters)."""
    return f"{config.name}-{role}"


def key_alias(config: Config, role: str) -> str:
    """Return the alias of the KMS key of `role` (data, replica), made where config.kms asks for our own."""
    return f"alias/{config.name}-{role}"


def distributions_arn() -> str:
    """Return the pattern of this account's CloudFront distributions.

    Not the one distribution: its stack needs the buckets, whose policies would need it. Nobody else can make a
    distribution in the account.
    """
    return f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/*"
