"""The functions beside the maker: control, events and authorizer (F1, F4, G1, G3, O10)."""

from __future__ import annotations

from aws_cdk import CfnOutput, CfnParameter, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.environment import environment
from deploy.aws.lambda_function import Code, PlatformFunction, Shape
from deploy.aws.names import queue_arn, queue_url
from deploy.aws.notifications import EVENTS_SECONDS
from deploy.aws.openapi import SECONDS
from deploy.aws.rights import control_rights, events_rights
from deploy.aws.storage import StorageStack
from imagemill.functions.variables import ADMIN_SECRET_ARN, DEAD_LETTERS_URL, EVENTS_URL

ADMIN_VERSION = "IMAGEMILL_ADMIN_VERSION"
"""Read by nobody: where it changes, Lambda takes the function for a new one, and every environment starts anew."""
CONTROL_AT_ONCE = 20
EVENTS_AT_ONCE = 10
"""Invocations at once: the bound on what a flood of calls or of uploads costs, and takes from the maker."""
BATCH = 5
"""Messages of one invocation: so many originals are checked, and their eager variants made, in EVENTS_SECONDS."""


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
        self.add_stack_dependency(storage)  # its buckets and queues are named, not asked for
        self._config = config
        self._code = Code.parameters(self, "ControlCodeKey")
        # G3: the administrator's key, made up by CloudFormation and known to nobody until somebody reads it.
        self.admin_secret = secretsmanager.Secret(
            self,
            "AdminKey",
            description="Imagemill: the key of the API; API Gateway's usage plan knows the same one.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._key_version = CfnParameter(
            self,
            "AdminKeyVersion",
            default="",
            max_length=64,
            description="After the secret was changed: its new version's id, or running functions keep the old key.",
        ).value_as_string
        edge = {
            "server.public_url": public_url,
            "cdn.kind": "cloudfront",  # E2: what changes is dropped from the edge
            "cdn.zone": distribution_id,
        }
        if config.api_domain:
            edge["server.api_url"] = f"https://{config.api_domain}"
        self.control = self._control(edge, distribution_id)
        self.events = self._events(edge, distribution_id)
        self.authorizer = self._authorizer()
        # Exported whether asked for or not: the API imports it only with `api.auth = "authorizer"`, and CloudFormation
        # would refuse to drop it here, when that is taken back, while the API still does.
        self.export_value(self.authorizer.alias.function_arn)
        CfnOutput(
            self, "AdminKeySecret", value=self.admin_secret.secret_arn, description="The secret with the API's key."
        )

    def _control(self, edge: dict[str, str], distribution_id: str) -> PlatformFunction:
        """G1, F1: the API of /v1, the same code as on one machine."""
        return self._function(
            "Control",
            Shape(
                handler="imagemill.functions.control.handler",
                description="Imagemill: the API of /v1.",
                memory=1024,
                seconds=SECONDS,
                scratch=1024,
                reserved=self._at_once(CONTROL_AT_ONCE),
                edition=self._key_version,
                environment={
                    **environment(self._config, edge),
                    **self._admin_key(),
                    EVENTS_URL: queue_url(self._config, "events"),
                },
                statements=[*control_rights(self._config, distribution_id=distribution_id), self._read_admin_key()],
            ),
        )

    def _events(self, edge: dict[str, str], distribution_id: str) -> PlatformFunction:
        """O10, F4: what S3 tells of originals, from the queue; what fails is tried again and at last a dead letter."""
        events = self._function(
            "Events",
            Shape(
                handler="imagemill.functions.events.handler",
                description="Imagemill: checks and records what came, removes what is gone, purges the edge.",
                memory=self._config.memory,
                seconds=EVENTS_SECONDS,
                scratch=1024,
                reserved=self._at_once(EVENTS_AT_ONCE),
                environment={
                    **environment(self._config, edge),
                    DEAD_LETTERS_URL: queue_url(self._config, "dead-letters"),
                },
                statements=events_rights(self._config, distribution_id=distribution_id),
            ),
        )
        source = lambda_.CfnEventSourceMapping(
            self,
            "Arrivals",
            event_source_arn=queue_arn(self._config, "events"),
            function_name=events.alias.function_arn,
            batch_size=BATCH,
            function_response_types=["ReportBatchItemFailures"],  # F4: one bad message does not repeat the others
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=EVENTS_AT_ONCE),
        )
        source.node.add_dependency(events.alias)
        return events

    def _authorizer(self) -> PlatformFunction:
        """G3: asked by API Gateway who may call, where `api.auth` is authorizer; tokens of Cognito come in here."""
        return self._function(
            "Authorizer",
            Shape(
                handler="imagemill.functions.authorizer.handler",
                description="Imagemill: says who may call the API.",
                memory=512,
                seconds=10,
                edition=self._key_version,
                environment=self._admin_key(),
                statements=[self._read_admin_key()],
            ),
        )

    def _function(self, construct_id: str, shape: Shape) -> PlatformFunction:
        return PlatformFunction(self, construct_id, config=self._config, code=self._code, shape=shape)

    def _admin_key(self) -> dict[str, str]:
        """Return where the key is, and which one: a function reads it as it starts."""
        return {ADMIN_SECRET_ARN: self.admin_secret.secret_arn, ADMIN_VERSION: self._key_version}

    def _read_admin_key(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="AdminKey", actions=["secretsmanager:GetSecretValue"], resources=[self.admin_secret.secret_arn]
        )

    def _at_once(self, most: int) -> int:
        """Return a reservation, none where the account is too small for any (`reserved_concurrency = 0`)."""
        return most if self._config.reserved_concurrency else 0
