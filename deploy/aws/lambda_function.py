"""One function of the platform as we want every one of them: its code, log, alias, gradual shift and way back.

The code comes from CloudFormation parameters, not from CDK assets, so that a template deploys with plain
`aws cloudformation deploy` and no bootstrap. A version's description is the code's key: a new key is then a new version
(the logical id alone changes with the configuration only), and `live` moves to it step by step.

Versions go with the update that replaces them, or that is rolled back. Lambda publishes nothing where code and
configuration are those of its newest version (Developer Guide, "Lambda function versions"), which CloudFormation takes
for a failure. A roll-back gives the function its old code again, but were the new version kept, it would still be the
newest, and the same zip could never be tried once more. `live` has left a version before it is removed; an older zip
is deployed like a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import (
    CfnCodeDeployLambdaAliasUpdate,
    CfnParameter,
    CfnUpdatePolicy,
    Duration,
    RemovalPolicy,
    Size,
    Stack,
)
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.log_group import log_group
from deploy.aws.rollout import Rollout

RUNTIME = lambda_.Runtime.PYTHON_3_13
"""Amazon Linux 2023, whose glibc is newer than the 2.28 that libvips needs; supported until June 2029. Not 3.14: what
is in the zips was run on 3.11 and 3.13 only."""
MOST_OF_A_KEY = 191
"""Characters of a zip's key: with a shape's edition (64) it is a version's description, of which Lambda takes 256."""
LIVE = "live"
"""The alias that everything calls; what it points to has been watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where the stack's functions find their zip: two parameters of the template."""

    bucket: CfnParameter
    key: CfnParameter

    @classmethod
    def parameters(cls, stack: Stack, key_name: str) -> Code:
        """Return the parameters of `stack`: CodeBucket and the one called `key_name` (DeliveryCodeKey, …)."""
        return cls(
            bucket=CfnParameter(
                stack,
                "CodeBucket",
                description="The bucket, in this region, that the functions' zips were put into.",
                min_length=3,
                max_length=63,
            ),
            key=CfnParameter(
                stack,
                key_name,
                description="The zip's key in CodeBucket; a new key for every new zip, or no new version is made.",
                min_length=1,
                max_length=MOST_OF_A_KEY,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one function is beside its code: handler, MB of memory and of /tmp, seconds, how many may run at once."""

    handler: str
    description: str
    memory: int = 512
    seconds: int = 29
    scratch: int = 512
    reserved: int = 0
    """Invocations at once that are kept for it and are its bound; 0: shares the account's."""
    edition: str = ""
    """What beside the code makes a new version, such as a parameter of the template; part of its description."""
    environment: Mapping[str, str] = field(default_factory=dict)
    statements: Sequence[iam.PolicyStatement] = ()


class PlatformFunction(Construct):
    """A Lambda function (F1) with least privilege, JSON log, trace, and alias `live` that moves gradually.

    `.function` is the function, `.alias` what others call, `.role` its role, `.log_group` its log, `.alarm` the alarm
    that takes a bad version back.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, code: Code, shape: Shape) -> None:
        super().__init__(scope, construct_id)
        name = f"{config.name}-{construct_id.lower()}"
        # G8: execution logs, kept as long as the configuration says.
        self.log_group = log_group(self, "Log", f"/aws/lambda/{name}", config=config)
        self.role = self._role(shape)
        self.function = self._function(config, name, code, shape)
        self.alias = lambda_.Alias(self, "Live", alias_name=LIVE, version=self.function.current_version)
        self.alarm = self._alarm(config, name)
        self._shift(config)

    def _role(self, shape: Shape) -> iam.Role:
        """Return the role: the log of this one function and what `shape` asks for; CDK adds the trace's two actions."""
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_policy(
            iam.PolicyStatement(
                sid="Log",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            )
        )
        for statement in shape.statements:
            role.add_to_policy(statement)
        return role

    def _function(self, config: Config, name: str, code: Code, shape: Shape) -> lambda_.Function:
        arm = config.architecture == "arm64"
        return lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=shape.description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64,
            code=lambda_.Code.from_cfn_parameters(bucket_name_param=code.bucket, object_key_param=code.key),
            handler=shape.handler,
            role=self.role,
            memory_size=shape.memory,
            ephemeral_storage_size=Size.mebibytes(shape.scratch),
            timeout=Duration.seconds(shape.seconds),
            # F2: the bound on how much a flood can cost, and what no other function can take.
            reserved_concurrent_executions=shape.reserved or None,
            environment=dict(shape.environment),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            current_version_options=lambda_.VersionOptions(
                description=" ".join(filter(None, (code.key.value_as_string, shape.edition))),
                removal_policy=RemovalPolicy.DESTROY,  # see above: one kept after a roll-back would stop the next try
            ),
        )

    def _alarm(self, config: Config, name: str) -> cloudwatch.Alarm:
        """Return the alarm that takes a new version back (D3).

        Half the canary's share: a version that fails every time fails in `canary.percent` of all invocations.
        """
        errors = self.alias.metric_errors(period=Duration.minutes(1), statistic="Sum")
        invocations = self.alias.metric_invocations(period=Duration.minutes(1), statistic="Sum")
        share = cloudwatch.MathExpression(
            expression="100 * errors / MAX([errors, invocations])",
            using_metrics={"errors": errors, "invocations": invocations},
            label="failed invocations, per cent",
            period=Duration.minutes(1),
        )
        return cloudwatch.Alarm(
            self,
            "Failing",
            alarm_name=f"{name}-failing",
            alarm_description=f"Invocations of {name}:{LIVE} fail; a new version being rolled out is taken back.",
            metric=share,
            threshold=max(1.0, config.canary.percent / 2),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _shift(self, config: Config) -> None:
        """Let CodeDeploy move `live`: a share first, all of it if the alarm stays quiet, else back (F1, D3)."""
        rollout = Rollout.of(Stack.of(self), config)
        group = codedeploy.CfnDeploymentGroup(
            self,
            "Shift",
            application_name=rollout.application,
            service_role_arn=rollout.role.role_arn,
            deployment_config_name=rollout.pace,
            deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(
                deployment_type="BLUE_GREEN", deployment_option="WITH_TRAFFIC_CONTROL"
            ),
            alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
                enabled=True,
                alarms=[codedeploy.CfnDeploymentGroup.AlarmProperty(name=self.alarm.alarm_name)],
            ),
            auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
                enabled=True, events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
            ),
        )
        rollout.role.add_to_policy(
            iam.PolicyStatement(
                actions=["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"],
                resources=[self.function.function_arn, f"{self.function.function_arn}:{LIVE}"],
            )
        )
        alias = self.alias.node.default_child
        assert isinstance(alias, lambda_.CfnAlias)
        alias.cfn_options.update_policy = CfnUpdatePolicy(
            code_deploy_lambda_alias_update=CfnCodeDeployLambdaAliasUpdate(
                application_name=rollout.application, deployment_group_name=group.ref
            )
        )
