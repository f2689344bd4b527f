"""The second copy of every original, in another region (O6)."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.names import bucket_name


class ReplicaStack(Stack):
    """The replica bucket; `.bucket_name` and `.bucket_arn` are literal, so that other regions can use them."""

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
        self.bucket = s3.Bucket(self, "Replica", bucket_name=self.bucket_name)
