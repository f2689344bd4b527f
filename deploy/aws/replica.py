"""The second copy of every original, in another region (O6): S3 writes it, the maker reads it in need (E9).

What tells of its lag is here too: S3 publishes that metric in the region of the copy (S3 guide, "Using S3 Replication
metrics"), and CloudWatch raises no alarm on a metric of another region.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from deploy.aws.alarms import AlarmTopic, replication_metric
from deploy.aws.bucket import KEPT, PlatformBucket
from deploy.aws.config import Config
from deploy.aws.names import bucket_arn, bucket_name, key_alias

REPLICATION_LAG = 900
"""Seconds: what S3 promises with replication time control, for which we do not pay."""


class ReplicaStack(Stack):
    """The replica bucket: deployed first, because S3 replicates only to a bucket that is there.

    `.bucket_name` and `.bucket_arn` are literal, for other regions can use nothing else. `.key` is None without
    `config.kms`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        self.bucket_name = bucket_name(config, "replica")
        self.bucket_arn = bucket_arn(config, "replica")
        self.key: kms.Key | None = None
        if config.kms:
            # O2: a key of the replica's own region, so that reading it needs nothing of the region that is away.
            self.key = kms.Key(
                self,
                "Key",
                alias=key_alias(config, "replica"),
                description="Imagemill: encrypts the second copy of originals.",
                enable_key_rotation=True,
                removal_policy=KEPT,
            )
        # O6: creations and deletions arrive here from the originals bucket (its replication is in `storage`).
        self.bucket = PlatformBucket(
            self, "Replica", config=config, role="replica", kept=True, versioned=True, key=self.key
        )
        # O9: S3 replicates no deletion that a lifecycle rule made, so the replica has the same rules itself.
        self.bucket.keep_old_versions(config.old_version_days)
        alarms = AlarmTopic(self, "Alarms", config=config)
        alarms.alarm(
            "ReplicationLate",
            replication_metric(config, "ReplicationLatency", "Maximum"),
            REPLICATION_LAG,
            "Copies of originals in this region are a quarter of an hour behind.",
            periods=3,
        )
        CfnOutput(self, "ReplicaBucket", value=self.bucket.bucket_name, description="The second copy of originals.")
        CfnOutput(self, "AlarmTopic", value=alarms.topic.topic_arn, description="Subscribe who is on duty, here too.")
