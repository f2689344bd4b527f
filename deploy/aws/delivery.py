"""The distribution and the maker behind it (E1, E9, F1)."""

from __future__ import annotations

from aws_cdk import CfnParameter, Environment, Stack
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.environment import environment
from deploy.aws.lambda_function import Code, PlatformFunction, Shape
from deploy.aws.storage import StorageStack


class DeliveryStack(Stack):
    """`.maker` (PlatformFunction), `.distribution_id` and `.public_url`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        storage: StorageStack,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        code = Code.parameters(self, "DeliveryCodeKey")
        CfnParameter(self, "WebAclArn", default="", description="The output WebAclArn of the edge stack; empty: none.")
        self.distribution_id = "E0000000000000"
        self.public_url = "https://d0000000000000.cloudfront.net"
        self.maker = PlatformFunction(
            self,
            "Maker",
            config=config,
            code=code,
            shape=Shape(
                handler="imagemill.functions.delivery.handler",
                description="Imagemill: makes a variant that is not there yet.",
                memory=config.memory,
                reserved=config.reserved_concurrency,
                environment=environment(config),
            ),
        )
