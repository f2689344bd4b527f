"""A log of CloudWatch as we keep every one of them: by name, for the configuration's days, gone with its stack (G8)."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.aws.config import LOG_DAYS, Config

_BY_DAYS = dict(zip(LOG_DAYS, logs.RetentionDays, strict=False))  # the last member, INFINITE, has no days


def log_group(scope: Construct, construct_id: str, name: str, *, config: Config) -> logs.LogGroup:
    """Return the log called `name`, made in `scope`."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_BY_DAYS[config.log_days],
        removal_policy=RemovalPolicy.DESTROY,
    )
