"""Alarms and the topic that tells people of them (G8).

An alarm can only notify a topic of its own region and look at metrics of it. CloudFront's are in us-east-1, the lag of
replication is told in the second region: so there is an `AlarmTopic` in each of the three, and `edge_alarms` is a stack
of its own.
"""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from deploy.aws.config import EDGE_REGION, Config
from deploy.aws.names import REPLICATION_RULE, bucket_name

ALARMS, BUDGETS = "cloudwatch.amazonaws.com", "budgets.amazonaws.com"
"""The services that may speak to a topic."""
NEVER = cloudwatch.TreatMissingData.NOT_BREACHING
"""A platform at rest reports nothing, and that is well."""


class AlarmTopic(Construct):
    """A topic for alarms: `.topic`. TLS only, for the account's own `speakers` only, with the mail address.

    With `config.kms` it is encrypted with a key of its own; SNS's AWS-managed key is no choice, CloudWatch may not use
    it (CloudWatch guide, "Amazon SNS encryption").
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, speakers: tuple[str, ...] = (ALARMS,)
    ) -> None:
        super().__init__(scope, construct_id)
        key = self._key(speakers) if config.kms else None
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        for service in speakers:
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sns:Publish"],
                    principals=[iam.ServicePrincipal(service)],
                    resources=[self.topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                )
            )
        if config.alarm_email:
            sns.CfnSubscription(
                self, "Mail", protocol="email", endpoint=config.alarm_email, topic_arn=self.topic.topic_arn
            )

    def _key(self, speakers: tuple[str, ...]) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description="Imagemill: alarms on their way.",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                principals=[iam.ServicePrincipal(service) for service in speakers],
                resources=["*"],  # in a key's own policy this is the key
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return key

    def alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        sentence: str,
        *,
        periods: int = 1,
    ) -> cloudwatch.Alarm:
        """Add an alarm beside the topic that tells it when `metric` is at or over `threshold`, and when no longer.

        `periods` of the metric must be over it. `sentence` says what it means and where to look first.
        """
        stack = Stack.of(self)
        alarm = cloudwatch.Alarm(
            stack,
            name,
            alarm_name=f"{stack.stack_name}-{_dashed(name)}",
            alarm_description=sentence,
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=NEVER,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        return alarm


def _dashed(name: str) -> str:
    """Return `MakerErrors` as `maker-errors`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def metric(
    namespace: str,
    name: str,
    dimensions: dict[str, str],
    statistic: str,
    *,
    minutes: int = 5,
    region: str | None = None,
) -> cloudwatch.Metric:
    """Return a metric of AWS; `region` where it is another than the stack's (CloudFront: us-east-1)."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=Duration.minutes(minutes),
        region=region,
    )


def edge_metric(name: str, distribution_id: str, statistic: str, *, minutes: int = 5) -> cloudwatch.Metric:
    """Return a metric of the distribution; all of CloudFront's are in us-east-1."""
    dimensions = {"DistributionId": distribution_id, "Region": "Global"}
    return metric("AWS/CloudFront", name, dimensions, statistic, minutes=minutes, region=EDGE_REGION)


def replication_metric(config: Config, name: str, statistic: str, *, region: str | None = None) -> cloudwatch.Metric:
    """Return a metric of the rule of replication; `region` where a page draws it from another than its own.

    What is pending and how late it is, S3 publishes in the region of the copy; what failed, in that of the original (S3
    guide, "Using S3 Replication metrics").
    """
    rule = {
        "SourceBucket": bucket_name(config, "originals"),
        "DestinationBucket": bucket_name(config, "replica"),
        "RuleId": REPLICATION_RULE,
    }
    return metric("AWS/S3", name, rule, statistic, region=region)
