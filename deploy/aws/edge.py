"""What CloudFront takes from us-east-1 only: the web ACL and the certificate (E3, E8)."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from constructs import Construct

from deploy.aws.config import Config


class EdgeStack(Stack):
    """The web ACL and the certificate; their ARNs are outputs that the delivery stack takes as parameters."""

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
