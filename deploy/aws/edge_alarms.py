"""What watches the edge, where its metrics and log deliveries are: us-east-1 (E5, G8).

A stack of its own, because CloudWatch raises no alarm on a metric of another region, and the edge stack, which is
there too, is deployed before there is a distribution to watch.
"""

from __future__ import annotations

from aws_cdk import CfnParameter, Environment, Stack
from constructs import Construct

from deploy.aws.alarms import AlarmTopic, edge_metric
from deploy.aws.config import Config
from deploy.aws.edge_logs import EdgeLog


class EdgeAlarmsStack(Stack):
    """Alarms on errors of the distribution, and its log; its id is a parameter, as regions share no references."""

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
        distribution = CfnParameter(
            self,
            "DistributionId",
            description="The output DistributionId of the delivery stack.",
            allowed_pattern="E[A-Z0-9]{5,31}",
        ).value_as_string
        EdgeLog(self, "AccessLog", config=config, distribution=distribution)
        alarms = AlarmTopic(self, "Alarms", config=config)
        alarms.alarm(
            "EdgeErrors",
            edge_metric("5xxErrorRate", distribution, "Average"),
            1,
            "A hundredth of what viewers ask is answered with a 5xx. Look at the maker's alarms and log first.",
            periods=3,
        )
        alarms.alarm(
            "EdgeRefusals",
            edge_metric("4xxErrorRate", distribution, "Average", minutes=15),
            50,
            "Half of what viewers ask is answered with a 4xx: a page with wrong addresses, or somebody who tries them.",
            periods=2,
        )
