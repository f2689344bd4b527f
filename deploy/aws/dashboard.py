"""The dashboard: one page from which a person sees how the platform is and what it costs (G8, D6).

From the top: is something wrong; what viewers ask and how much of it had to be made; how long that takes; what
happens to originals; the API; money. Metrics of the edge are drawn from us-east-1, the others from the home region.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from deploy.aws.alarms import edge_metric
from deploy.aws.config import EDGE_REGION, Config
from deploy.aws.cost import GB, Prices
from deploy.aws.lambda_function import PlatformFunction

GB_SECOND = {"arm64": Prices().lambda_gb_second, "x86_64": 0.0000166667}
"""Dollars for a GB of memory over a second (Lambda prices, Europe (Ireland), first tier)."""
HALF = 12
Functions = Mapping[str, PlatformFunction]
"""By the name that a person knows."""


class Dashboard(Construct):
    """The page; `originals` and `api` are the metrics that count them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        distribution_id: str,
        functions: Functions,
        alarms: Sequence[cloudwatch.Alarm],
        originals: Sequence[cloudwatch.IMetric],
        api: Mapping[str, cloudwatch.IMetric],
    ) -> None:
        super().__init__(scope, construct_id)
        page = cloudwatch.Dashboard(
            self, "Page", dashboard_name=config.name, default_interval=Duration.hours(12), period_override=None
        )
        page.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3))
        page.add_widgets(*_traffic(functions, distribution_id))
        page.add_widgets(*_errors(functions, distribution_id))
        page.add_widgets(*_speed(functions))
        page.add_widgets(
            _graph("Originals: events waiting, given up, and copies that lag", *originals),
            _graph("API", *api.values()),
        )
        page.add_widgets(
            _graph("Dollars in an hour, about", _lambda_dollars(config, functions), _edge_dollars(distribution_id)),
            cloudwatch.TextWidget(markdown=_words(config), width=HALF, height=6),
        )


def _traffic(functions: Functions, distribution_id: str) -> Iterator[cloudwatch.GraphWidget]:
    yield _graph(
        "Requests, and how many of them had to be answered by the maker (the rest are hits)",
        edge_metric("Requests", distribution_id, "Sum").with_(label="requests at the edge"),
        functions["maker"].function.metric_invocations(label="by the maker"),
    )
    yield _graph(
        "Bytes to viewers",
        edge_metric("BytesDownloaded", distribution_id, "Sum").with_(label="bytes"),
    )


def _errors(functions: Functions, distribution_id: str) -> Iterator[cloudwatch.GraphWidget]:
    yield _graph(
        "Errors at the edge, per cent",
        edge_metric("5xxErrorRate", distribution_id, "Average").with_(label="5xx"),
        edge_metric("4xxErrorRate", distribution_id, "Average").with_(label="4xx"),
    )
    yield _graph(
        "Errors and throttles of functions",
        *(one.function.metric_errors(label=f"{name}: errors") for name, one in functions.items()),
        *(one.function.metric_throttles(label=f"{name}: throttles") for name, one in functions.items()),
    )


def _speed(functions: Functions) -> Iterator[cloudwatch.GraphWidget]:
    maker = functions["maker"].function
    yield _graph(
        "Duration of functions, milliseconds",
        maker.metric_duration(statistic="p50", label="maker: half are faster"),
        *(one.function.metric_duration(statistic="p99", label=f"{name}: p99") for name, one in functions.items()),
    )
    yield _graph(
        "Makers at once",
        maker.metric("ConcurrentExecutions", statistic="Maximum", label="makers at once"),
    )


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        width=HALF,
        height=6,
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
    )


def _lambda_dollars(config: Config, functions: Functions) -> cloudwatch.MathExpression:
    """Return what the maker costs: its milliseconds times its memory. The other functions do not show beside it."""
    duration = functions["maker"].function.metric_duration(statistic="Sum", period=Duration.hours(1))
    price = config.memory / 1024 * GB_SECOND[config.architecture] / 1000
    return cloudwatch.MathExpression(
        expression=f"milliseconds * {price:.12f}",
        using_metrics={"milliseconds": duration},
        label="making variants (Lambda)",
        period=Duration.hours(1),
    )


def _edge_dollars(distribution_id: str) -> cloudwatch.MathExpression:
    downloaded = edge_metric("BytesDownloaded", distribution_id, "Sum", minutes=60)
    return cloudwatch.MathExpression(
        expression=f"bytes * {Prices().cloudfront_gb / GB:.14f}",
        using_metrics={"bytes": downloaded},
        label="bytes to viewers (CloudFront)",
        period=Duration.hours(1),
        search_region=EDGE_REGION,
    )


def _words(config: Config) -> str:
    budget = (
        f"The budget is {config.monthly_budget} dollars a month." if config.monthly_budget else "There is no budget."
    )
    return (
        "### Reading the costs\n"
        "Prices are those of Europe without the free tiers; the bill decides. "
        "Most of the bill is bytes to viewers: smaller formats and longer lifetimes lower it. "
        "Next comes making variants: each is made once, so a steady curve means that new sizes keep being asked; "
        "bound them with presets or `delivery.access`.\n\n"
        f"{budget} Everything carries the tag `application = {config.name}`: activate it as a cost-allocation tag, "
        "and Cost Explorer divides the bill by `stack`.\n"
    )
