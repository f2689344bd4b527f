"""What watches the edge, where its metrics and log deliveries are: us-east-1 (E5, G8).

A stack of its own, because CloudWatch raises no alarm on a metric of another region, and the edge stack, which is
there too, is deployed before there is a distribution to watch.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, CfnParameter, Environment, Stack
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from deploy.aws.alarms import ALARMS, BUDGETS, AlarmTopic, edge_metric
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
        alarms = AlarmTopic(self, "Alarms", config=config, speakers=(ALARMS, BUDGETS))
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
        if config.monthly_budget:
            self._budget(config, alarms)
        CfnOutput(self, "AlarmTopic", value=alarms.topic.topic_arn, description="Subscribe who is on duty, here too.")

    def _budget(self, config: Config, alarms: AlarmTopic) -> None:
        """Tell of money before it is spent: at four fifths, and when the month is forecast to go over.

        It counts the whole account: a budget of one tag counts nothing until somebody activates the tag.
        """
        told = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=alarms.topic.topic_arn)

        def at(kind: str, per_cent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=per_cent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[told],
            )

        budget = budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{config.name}-monthly",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=config.monthly_budget, unit="USD"),
            ),
            notifications_with_subscribers=[at("ACTUAL", 80), at("FORECASTED", 100)],
        )
        budget.node.add_dependency(alarms.topic)  # its policy too: Budgets asks whether it may publish
