"""API Gateway in front of the control function (G4, G5, G8)."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.functions import FunctionsStack


class ApiStack(Stack):
    """The REST API of /v1."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: FunctionsStack,
        logs: s3.IBucket,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
