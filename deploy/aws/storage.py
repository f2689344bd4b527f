"""The buckets and the queue of their events (O1, O2, O4, O6, O9, O10)."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.names import bucket_name


class StorageStack(Stack):
    """Originals, variants, logs and site buckets, and the queue of the originals' events."""

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
        self.originals = s3.Bucket(self, "Originals", bucket_name=bucket_name(config, "originals"))
        self.variants = s3.Bucket(self, "Variants", bucket_name=bucket_name(config, "variants"))
        self.logs = s3.Bucket(self, "Logs", bucket_name=bucket_name(config, "logs"))
        self.site = s3.Bucket(self, "Site", bucket_name=bucket_name(config, "site"))
        self.dead_letters = sqs.Queue(self, "DeadLetters")
        self.events_queue = sqs.Queue(self, "Events")
