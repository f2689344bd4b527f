"""What tells people how the platform is: alarms, dashboard, audit trail, saved queries (G7, G8, F4).

Alarms that take a new version of a function back live with the function (`lambda_function`); those of the edge, and
the budget, are in us-east-1 (`edge_alarms`); that of copies that lag is where the copies are (`replica`). All others
are here, and every one is told to the same topic.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.aws.alarms import AlarmTopic, metric, replication_metric
from deploy.aws.api import ApiStack
from deploy.aws.audit import AuditTrail
from deploy.aws.config import Config
from deploy.aws.dashboard import Dashboard
from deploy.aws.delivery import DeliveryStack
from deploy.aws.functions import FunctionsStack
from deploy.aws.lambda_function import PlatformFunction
from deploy.aws.storage import StorageStack

OLDEST_EVENT = 900
"""Seconds that an event of an original may wait: a purge that is a quarter of an hour late is a stale picture."""
QUERIES = {
    "slowest": (
        "maker",
        'fields @timestamp, path, ms, bytes, status | filter event = "request" | sort ms desc | limit 50',
    ),
    "refused": (
        "maker",
        (
            'fields @timestamp, path, status, client | filter event = "request" and status >= 400 '
            "| stats count(*) as times by status, path | sort times desc | limit 50"
        ),
    ),
    "callers": (
        "api",
        (
            "stats count(*) as calls, avg(milliseconds) as mean, max(milliseconds) as longest by client, route, status "
            "| sort calls desc | limit 50"
        ),
    ),
}
"""Questions that come up at night, saved for CloudWatch Logs Insights: name → (which log, the query)."""


class OperationsStack(Stack):
    """Alarms on functions, queue, replication and API; `.alarms` is the topic that they tell."""

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
        self.alarms = AlarmTopic(self, "Alarms", config=config)
        every = {
            "maker": delivery.maker,
            "control": functions.control,
            "events": functions.events,
            "authorizer": functions.authorizer,
        }
        called = {name: one for name, one in every.items() if name != "authorizer" or config.api.auth == "authorizer"}
        raised = [alarm for name, one in called.items() for alarm in self._function_alarms(name, one)]
        raised.append(self._internal_errors(config, delivery.maker))
        originals = self._original_metrics(config, storage)
        raised.extend(self._original_alarms(originals))
        api_metrics = _api_metrics(api)
        raised.extend(self._api_alarms(api_metrics))
        Dashboard(
            self,
            "Dashboard",
            config=config,
            distribution_id=delivery.distribution_id,
            functions=every,
            alarms=raised,
            originals=list(originals.values()),
            api=api_metrics,
        )
        AuditTrail(self, "Audit", config=config, originals=storage.originals, logs=storage.logs)
        self._queries(config, delivery.maker, api)
        CfnOutput(self, "AlarmTopic", value=self.alarms.topic.topic_arn, description="Subscribe who is on duty.")

    def _function_alarms(self, name: str, one: PlatformFunction) -> list[cloudwatch.Alarm]:
        """F4: a function that fails, is refused its turn, or comes near its time-out."""
        title = name.capitalize()
        seconds = one.function.timeout.to_seconds() if one.function.timeout else 3
        raised = [
            self.alarms.alarm(
                f"{title}Errors",
                one.function.metric_errors(),
                5,
                f"The {name} function failed five times in five minutes: an exception, a time-out or memory.",
            ),
            self.alarms.alarm(
                f"{title}Slow",
                one.function.metric_duration(statistic="p99"),
                seconds * 1000 * 0.8,
                f"One call in a hundred of the {name} function takes four fifths of its {seconds:g} seconds.",
                periods=3,
            ),
        ]
        if name != "events":  # Lambda's poller tries again by itself; EventsLate tells when that does not help
            raised.append(
                self.alarms.alarm(
                    f"{title}Throttles",
                    one.function.metric_throttles(),
                    5,
                    f"Calls of the {name} function are refused: its own bound, or the account's, is reached.",
                )
            )
        return raised

    def _internal_errors(self, config: Config, maker: PlatformFunction) -> cloudwatch.Alarm:
        """Count answers that say "internal": to Lambda they are successes, so its own metric does not see them."""
        counted = logs.MetricFilter(
            self,
            "InternalErrors",
            log_group=maker.log_group,
            filter_pattern=logs.FilterPattern.literal('{ ($.event = "request") && ($.status = 500) }'),
            metric_namespace=f"Imagemill/{config.name}",
            metric_name="InternalErrors",
            metric_value="1",
        )
        return self.alarms.alarm(
            "MakerInternal",
            counted.metric(statistic="Sum", period=Duration.minutes(5)),
            1,
            "The maker answered 500: a fault of ours. Its log has the request id and the traceback.",
        )

    def _original_metrics(self, config: Config, storage: StorageStack) -> Mapping[str, cloudwatch.IMetric]:
        """Return what is known of the originals' events (O10) and their copies in the other region (O6)."""
        lag = replication_metric(config, "ReplicationLatency", "Maximum", region=config.replica_region)
        five = Duration.minutes(5)
        return {
            "waiting": storage.events_queue.metric_approximate_age_of_oldest_message(
                period=five, label="oldest event, seconds"
            ),
            "given up": storage.dead_letters.metric_approximate_number_of_messages_visible(
                period=five, label="events given up"
            ),
            "lag": lag.with_(label="copies' lag, seconds"),
            "failed": replication_metric(config, "OperationsFailedReplication", "Sum").with_(label="copies failed"),
        }

    def _original_alarms(self, metrics: Mapping[str, cloudwatch.IMetric]) -> list[cloudwatch.Alarm]:
        return [
            self.alarms.alarm(
                "EventsLate",
                metrics["waiting"],
                OLDEST_EVENT,
                "Events of originals wait: new pictures are not checked, replaced ones not purged.",
            ),
            self.alarms.alarm(
                "EventsGivenUp",
                metrics["given up"],
                1,
                "Events could not be handled and lie in the dead-letter queue with their reason; mend it and redrive.",
            ),
            self.alarms.alarm(
                "ReplicationFailed",
                metrics["failed"],
                1,
                "Originals could not be copied to the other region; their replication status is FAILED.",
            ),
        ]

    def _api_alarms(self, metrics: Mapping[str, cloudwatch.IMetric]) -> list[cloudwatch.Alarm]:
        return [
            self.alarms.alarm(
                "ApiErrors",
                metrics["5xx"],
                5,
                "The API answered five requests with a 5xx in five minutes. See the control function's log.",
            ),
            self.alarms.alarm(
                "ApiRefusals",
                metrics["4xx"],
                100,
                "The API refused a hundred requests in five minutes: a broken client, or somebody who tries keys.",
            ),
        ]

    def _queries(self, config: Config, maker: PlatformFunction, api: ApiStack) -> None:
        groups = {"maker": maker.log_group.log_group_name, "api": api.access_log.log_group_name}
        for name, (log, text) in QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                f"Query{name.capitalize()}",
                name=f"{config.name}/{name}",
                query_string=text,
                log_group_names=[groups[log]],
            )


def _api_metrics(api: ApiStack) -> dict[str, cloudwatch.IMetric]:
    """Return the API's metrics by what a person calls them."""
    where = {"ApiName": api.api_name, "Stage": api.stage_name}
    return {
        "requests": metric("AWS/ApiGateway", "Count", where, "Sum").with_(label="requests"),
        "4xx": metric("AWS/ApiGateway", "4XXError", where, "Sum").with_(label="4xx"),
        "5xx": metric("AWS/ApiGateway", "5XXError", where, "Sum").with_(label="5xx"),
        "p99": metric("AWS/ApiGateway", "Latency", where, "p99").with_(label="p99, milliseconds"),
    }
