"""Days of logs as CDK's enumeration: the same days everywhere, whichever service writes the log (G8)."""

from __future__ import annotations

from aws_cdk import aws_logs as logs

from deploy.aws.config import LOG_DAYS, Config

_BY_DAYS = dict(zip(LOG_DAYS, logs.RetentionDays, strict=False))  # the last member, INFINITE, has no days


def retention(config: Config) -> logs.RetentionDays:
    """Return how long CloudWatch keeps a log."""
    return _BY_DAYS[config.log_days]
