"""How a stack's functions are rolled out: CodeDeploy's application, pace and role, once for a stack.

Separate from the function, which has a deployment group of its own: groups share the rest.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from deploy.aws.config import Config

ID = "Rollout"


class Rollout(Construct):
    """CodeDeploy for the functions of one stack (D3): `.application`, `.pace` (both names) and `.role`."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        canary = config.canary
        self.application = codedeploy.CfnApplication(self, "Application", compute_platform="Lambda").ref
        self.pace = codedeploy.CfnDeploymentConfig(
            self,
            "Pace",
            compute_platform="Lambda",
            traffic_routing_config=codedeploy.CfnDeploymentConfig.TrafficRoutingConfigProperty(
                type="TimeBasedCanary",
                time_based_canary=codedeploy.CfnDeploymentConfig.TimeBasedCanaryProperty(
                    canary_interval=canary.minutes, canary_percentage=canary.percent
                ),
            ),
        ).ref
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"))
        self.role.add_to_policy(
            iam.PolicyStatement(
                sid="Alarms",
                actions=["cloudwatch:DescribeAlarms"],
                resources=["*"],  # the action knows no resource (Service Authorization Reference, CloudWatch)
            )
        )

    @classmethod
    def of(cls, stack: Stack, config: Config) -> Rollout:
        """Return the one of `stack`, made at the first question."""
        there = stack.node.try_find_child(ID)
        return there if isinstance(there, cls) else cls(stack, ID, config=config)
