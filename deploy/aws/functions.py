"""The functions beside the maker: control, events and authorizer."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.environment import environment
from deploy.aws.lambda_function import Code, PlatformFunction, Shape
from deploy.aws.storage import StorageStack


class FunctionsStack(Stack):
    """`.control`, `.events` and `.authorizer` (PlatformFunction), and `.admin_secret`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        storage: StorageStack,
        distribution_id: str,
        public_url: str,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        code = Code.parameters(self, "ControlCodeKey")
        self.admin_secret = secretsmanager.Secret(self, "AdminKey")
        shared = environment(config, {"server.public_url": public_url})
        self.control = PlatformFunction(
            self,
            "Control",
            config=config,
            code=code,
            shape=Shape(
                handler="imagemill.functions.control.handler",
                description="Imagemill: the API of /v1.",
                environment=shared,
            ),
        )
        self.events = PlatformFunction(
            self,
            "Events",
            config=config,
            code=code,
            shape=Shape(
                handler="imagemill.functions.events.handler",
                description="Imagemill: what happens to originals.",
                environment=shared,
            ),
        )
        self.authorizer = PlatformFunction(
            self,
            "Authorizer",
            config=config,
            code=code,
            shape=Shape(
                handler="imagemill.functions.authorizer.handler",
                description="Imagemill: who may call the API.",
            ),
        )
