"""What the control and events functions may do to the buckets, the distribution and the queues: exact and no more (O7).

Separate from the functions, so that a reviewer reads all rights on one page. The maker's stand with the maker. Buckets
and queues are named, not asked for, so that no stack holds on to another one's outputs.
"""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from deploy.aws.config import Config
from deploy.aws.names import OWN, bucket_arn, key_alias, queue_arn
from imagemill.assembly.home import SITE
from imagemill.assembly.stores import QUARANTINE
from imagemill.delivery.preset_book import KEY as PRESETS
from imagemill.signing.key_book import KEY as KEYS
from imagemill.variants.paths import ODD


def control_rights(config: Config, *, distribution_id: str) -> list[iam.PolicyStatement]:
    """Return what the API does: originals and all that is made of them, our documents, purges of the edge."""
    originals = bucket_arn(config, "originals")
    return [
        *_both(config),
        iam.PolicyStatement(
            sid="ChangeOriginals",
            actions=["s3:PutObject", "s3:DeleteObject"],
            resources=[f"{originals}/*"],  # any key is an original; presigned uploads are signed with this right
        ),
        purge(distribution_id),
        iam.PolicyStatement(
            sid="LeaveToEvents",  # E2: what CloudFront did not take, or may not hear of, is asked from there
            actions=["sqs:SendMessage"],
            resources=[queue_arn(config, "events")],
        ),
        *keys(config, "s3", "sqs"),
    ]


def events_rights(config: Config, *, distribution_id: str) -> list[iam.PolicyStatement]:
    """Return what the handler of events does: it removes nothing but what is in the quarantine."""
    originals = bucket_arn(config, "originals")
    return [
        *_both(config),
        iam.PolicyStatement(
            sid="FinishUploads",
            actions=["s3:PutObject"],
            resources=[f"{originals}/*"],  # a checked upload is copied to its key, which is any
        ),
        iam.PolicyStatement(
            sid="EmptyQuarantine", actions=["s3:DeleteObject"], resources=[f"{originals}/{QUARANTINE}*"]
        ),
        # It decodes what strangers sent: whoever takes that over makes no key, and no preset that opens things.
        iam.PolicyStatement(
            sid="NotItsToSay",
            effect=iam.Effect.DENY,
            actions=["s3:PutObject", "s3:DeleteObject"],
            resources=[f"{bucket_arn(config, 'variants')}/{OWN}site/{name}" for name in (KEYS, PRESETS)],
        ),
        iam.PolicyStatement(
            sid="TakeEvents",  # what Lambda's poller does in the role's name
            actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            resources=[queue_arn(config, "events")],
        ),
        iam.PolicyStatement(
            sid="GiveUp",  # F4: a message that nobody can understand, with the reason
            actions=["sqs:SendMessage"],
            resources=[queue_arn(config, "dead-letters")],
        ),
        purge(distribution_id),
        *keys(config, "s3", "sqs"),
    ]


def purge(distribution_id: str) -> iam.PolicyStatement:
    """Return the right to drop answers from one distribution (E2)."""
    return iam.PolicyStatement(
        sid="PurgeEdge",
        actions=["cloudfront:CreateInvalidation"],
        resources=[f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/{distribution_id}"],
    )


def _both(config: Config) -> list[iam.PolicyStatement]:
    """Return what both do: read originals, here or in the replica, and change all that is made of them."""
    originals, variants, replica = (bucket_arn(config, role) for role in ("originals", "variants", "replica"))
    return [
        # Without the right to list, S3 answers 403 and not 404 for what is not there.
        iam.PolicyStatement(sid="List", actions=["s3:ListBucket"], resources=[originals, replica, variants]),
        iam.PolicyStatement(
            sid="ReadOriginals", actions=["s3:GetObject"], resources=[f"{originals}/*", f"{replica}/*"]
        ),
        iam.PolicyStatement(
            sid="Variants",
            actions=["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"],
            resources=[f"{variants}/{prefix}*" for prefix in (f"{SITE}/", f"{ODD}/", OWN)],
        ),
    ]


def keys(config: Config, *services: str) -> list[iam.PolicyStatement]:
    """Return the use of our own keys, through these services alone; by alias, for the keys are other stacks'."""
    if not config.kms:
        return []
    regions = (config.region, config.replica_region)
    return [
        iam.PolicyStatement(
            sid="Keys",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=[f"arn:{Aws.PARTITION}:kms:{region}:{Aws.ACCOUNT_ID}:key/*" for region in regions],
            conditions={
                "ForAnyValue:StringEquals": {
                    "kms:ResourceAliases": [key_alias(config, one) for one in ("data", "replica")]
                },
                "StringEquals": {
                    "kms:ViaService": [f"{name}.{region}.{Aws.URL_SUFFIX}" for name in services for region in regions]
                },
            },
        )
    ]
