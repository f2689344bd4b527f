"""What cdk-nag finds in a deployment, in names that no configuration changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from deploy.aws.app import build
from deploy.aws.config import Config

BUCKET = re.compile(r"arn:<AWS::Partition>:s3:::[a-z0-9-]+?-([a-z]+)-<AWS::AccountId>-[a-z0-9-]+?(?=[/\]])")
KEYS = re.compile(r"arn:<AWS::Partition>:kms:[a-z0-9-]+:<AWS::AccountId>:key/")
"""The ARNs of one of our buckets and of the account's keys, as cdk-nag writes them."""


def findings(config: Config, folder: Path) -> set[tuple[str, str]]:
    """Return (rule, construct) of everything that the rules AwsSolutions object to, warnings too.

    Acknowledgements are not given to cdk-nag: the table of them is compared with what it says, in both directions.
    """
    platform = build(config, folder)
    cdk.Validations.of(platform.app).add_plugins(AwsSolutionsChecks())
    try:
        platform.app.synth()
    except RuntimeError:
        if not (folder / "validation-report.json").exists():
            raise  # it was no finding that ended the synthesis
    (report,) = json.loads((folder / "validation-report.json").read_text())["pluginReports"][:1]
    assert report["pluginName"] == "AwsSolutions"
    return {
        (short(violation["ruleName"]), construct["constructPath"].removeprefix(f"{config.name}-"))
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    }


def short(rule: str) -> str:
    """Return a rule without the parts that say the account, the region and the deployment's name."""
    return KEYS.sub("<keys>/", BUCKET.sub(r"<\1>", rule.removeprefix("AwsSolutions-")))
