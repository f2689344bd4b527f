"""Alarms, dashboard, audit trail and budget (G7, G8)."""

from __future__ import annotations

from aws_cdk import Environment, Stack
from constructs import Construct

from deploy.aws.api import ApiStack
from deploy.aws.config import Config
from deploy.aws.delivery import DeliveryStack
from deploy.aws.functions import FunctionsStack
from deploy.aws.storage import StorageStack


class OperationsStack(Stack):
    """What tells people how the platform is."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        storage: StorageStack,
        delivery: DeliveryStack,
        functions: FunctionsStack,
        api: ApiStack,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
