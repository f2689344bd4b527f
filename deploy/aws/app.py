"""The CDK app: every stack of one deployment, connected, and the templates it becomes.

The only place that knows all stacks and in which region each is made. What crosses a region goes by name or by a
template's parameter (CloudFormation has no reference across regions), so each template stands alone.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import aws_cdk as cdk

from deploy.aws.api import ApiStack
from deploy.aws.config import EDGE_REGION, Config
from deploy.aws.delivery import DeliveryStack
from deploy.aws.edge import EdgeStack
from deploy.aws.edge_alarms import EdgeAlarmsStack
from deploy.aws.functions import FunctionsStack
from deploy.aws.names import bucket_arn
from deploy.aws.operations import OperationsStack
from deploy.aws.replica import ReplicaStack
from deploy.aws.storage import StorageStack

FLAGS = {
    "@aws-cdk/aws-iam:minimizePolicies": True,  # one statement where two say the same: what a reviewer reads
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,  # access logs by a bucket policy, not by an ACL
    "@aws-cdk/aws-s3:publicAccessBlockedByDefault": True,
    "@aws-cdk/aws-apigateway:disableCloudWatchRole": True,  # the API stack makes the account's role for logs itself
    "@aws-cdk/aws-lambda:useCdkManagedLogGroup": True,
    "aws:cdk:disable-asset-staging": True,  # there are no assets
}
"""CDK's feature flags; the library's defaults are those of its first version."""
PURPOSES = {
    "replica": "the second copy of every original.",
    "storage": "buckets and the events of originals.",
    "edge": "web ACL and certificate of CloudFront.",
    "delivery": "CloudFront, static first, and the maker behind it.",
    "functions": "API, events and authorizer functions.",
    "api": "API Gateway of /v1.",
    "operations": "alarms, dashboard, audit trail.",
    "edge-alarms": "the log and alarms of CloudFront, whose metrics are there, and the budget.",
}
"""Each stack in a line, as CloudFormation shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One deployment's app and its stacks, in the order in which they are deployed."""

    app: cdk.App
    replica: ReplicaStack
    storage: StorageStack
    edge: EdgeStack
    delivery: DeliveryStack
    functions: FunctionsStack
    api: ApiStack
    operations: OperationsStack
    edge_alarms: EdgeAlarmsStack

    @property
    def stacks(self) -> tuple[cdk.Stack, ...]:
        """Every stack, each after those it needs."""
        return (
            *(self.replica, self.storage, self.edge, self.delivery),
            *(self.functions, self.api, self.operations, self.edge_alarms),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One synthesised template: its stack's short name (`storage`), region, number of resources, and text.

    `notes` are sentences that whoever deploys it should read first.
    """

    name: str
    region: str
    resources: int
    text: str
    notes: tuple[str, ...] = ()


class Common(TypedDict):
    """What every stack is given."""

    config: Config
    env: cdk.Environment
    description: str


def build(config: Config, outdir: Path) -> Platform:
    """Return the app of `config`; CDK writes its assembly into `outdir`, which must be empty or an earlier one."""
    app = cdk.App(
        outdir=str(outdir),
        analytics_reporting=False,
        tree_metadata=False,
        post_cli_context=FLAGS,
        default_stack_synthesizer=cdk.BootstraplessSynthesizer(),
    )
    platform = _stacks(app, config)
    for stack in platform.stacks:
        # D5: tags that the bill can be divided by (cost-allocation tags).
        cdk.Tags.of(stack).add("application", config.name)
        cdk.Tags.of(stack).add("stack", _short(config, stack))
        for name, text in config.tags.items():
            cdk.Tags.of(stack).add(name, text)
    return platform


def _stacks(app: cdk.App, config: Config) -> Platform:
    """Return the stacks, connected."""
    regions = {"replica": config.replica_region, "edge": EDGE_REGION, "edge-alarms": EDGE_REGION}

    def common(stack: str) -> Common:
        region = cdk.Environment(region=regions.get(stack, config.region))
        return {"config": config, "env": region, "description": f"Imagemill: {PURPOSES[stack]}"}

    def named(stack: str) -> str:
        return f"{config.name}-{stack}"

    replica = ReplicaStack(app, named("replica"), **common("replica"))
    storage = StorageStack(app, named("storage"), replica_bucket_arn=bucket_arn(config, "replica"), **common("storage"))
    storage.add_stack_dependency(replica)  # S3 replicates only to a bucket that is there
    edge = EdgeStack(app, named("edge"), **common("edge"))
    delivery = DeliveryStack(app, named("delivery"), storage=storage, **common("delivery"))
    functions = FunctionsStack(
        app,
        named("functions"),
        storage=storage,
        distribution_id=delivery.distribution_id,
        public_url=delivery.public_url,
        **common("functions"),
    )
    api = ApiStack(app, named("api"), functions=functions, **common("api"))
    operations = OperationsStack(
        app,
        named("operations"),
        storage=storage,
        delivery=delivery,
        functions=functions,
        api=api,
        **common("operations"),
    )
    return Platform(
        app=app,
        replica=replica,
        storage=storage,
        edge=edge,
        delivery=delivery,
        functions=functions,
        api=api,
        operations=operations,
        edge_alarms=EdgeAlarmsStack(app, named("edge-alarms"), **common("edge-alarms")),
    )


def synthesise(config: Config) -> list[Written]:
    """Return every template of `config`, in the order of deployment; equal configurations give equal texts."""
    with tempfile.TemporaryDirectory() as folder:
        platform = build(config, Path(folder))
        assembly = platform.app.synth()
        return [
            _written(config, stack, assembly, platform.delivery.dynamic if stack is platform.delivery else ())
            for stack in platform.stacks
        ]


def _written(config: Config, stack: cdk.Stack, assembly: cdk.cx_api.CloudAssembly, notes: tuple[str, ...]) -> Written:
    template = assembly.get_stack_by_name(stack.stack_name).template
    return Written(
        name=_short(config, stack),
        region=stack.region,
        resources=len(template.get("Resources", {})),
        text=json.dumps(template, indent=1, ensure_ascii=False) + "\n",
        notes=notes,
    )


def _short(config: Config, stack: cdk.Stack) -> str:
    return stack.stack_name.removeprefix(f"{config.name}-")
