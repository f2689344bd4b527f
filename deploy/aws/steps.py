"""The commands that deploy a configuration, and those that remove it: `python -m deploy.aws.steps`.

Separate from the app: whoever deploys has templates, zips and the `aws` command, and needs neither node nor CDK for it.
What is printed is a script to be read first and then run; each step waits for the one before, and each can be repeated.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.aws.config import EDGE_REGION, Config, ConfigError
from deploy.aws.config_file import FILE, load
from deploy.aws.settings import read
from imagemill.assembly.home import SITE
from imagemill.delivery.access import Access
from imagemill.delivery.cache_tags import tag_that_covers

TEMPLATES = "build/aws/templates"
BESIDE = '$(dirname "$0")'
"""Where the templates are for a script that lies in their folder."""
OUTPUTS = {
    "edge": {"WebAclArn": "$WEB_ACL_ARN", "CertificateArn": "$CERTIFICATE_ARN"},
    "delivery": {"DistributionId": "$DISTRIBUTION_ID"},
}
"""What one stack says and another in a different region is given: stack → output → variable of the script."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stack: its short name, its region, and its template's parameters with what they are given."""

    stack: str
    region: str
    parameters: dict[str, str] = field(default_factory=dict)


def steps(config: Config) -> tuple[Step, ...]:
    """Return the stacks in the order in which they are deployed; a value in `$` is a variable of the script.

    Edge goes before delivery, which is given what it made; after it where it is given nothing: WAF removes no web ACL
    that a distribution still has, and CloudFormation would leave it behind, paid for, where nobody looks.
    """
    home = config.region
    given: dict[str, str] = {}
    if config.waf:
        given["WebAclArn"] = "$WEB_ACL_ARN"
    if config.domain and not config.certificate:
        given["CertificateArn"] = "$CERTIFICATE_ARN"
    edge = Step("edge", EDGE_REGION)
    return (
        Step("replica", config.replica_region),
        Step("storage", home),
        *([edge] if given else []),
        Step("delivery", home, {"CodeBucket": "$CODE", "DeliveryCodeKey": "$DELIVERY_KEY", **given}),
        *([] if given else [edge]),
        Step("functions", home, {"CodeBucket": "$CODE", "ControlCodeKey": "$CONTROL_KEY"}),
        Step("api", home),
        Step("operations", home),
        Step("edge-alarms", EDGE_REGION, {"DistributionId": "$DISTRIBUTION_ID"}),
    )


def script(config: Config, templates: str = TEMPLATES) -> str:
    """Return the script that deploys the folder `templates`, or brings a new version to what is deployed.

    The variables TEMPLATES, ZIPS (the folder of the bundles) and CODE (the bucket for them) have a say when it runs.
    """
    return "\n".join(_up(config, templates)) + "\n"


def removal(config: Config) -> str:
    """Return the script that removes every stack; what cannot be made again stays (originals, their copies, logs)."""
    return "\n".join(_down(config)) + "\n"


def _up(config: Config, templates: str) -> Iterator[str]:
    yield "set -eu"
    yield f'TEMPLATES="${{TEMPLATES:-{templates}}}"'
    yield 'ZIPS="${ZIPS:-build/aws}"'
    yield "# The functions' zips and the large templates go through a bucket of yours in this region. A bucket of"
    yield "# that name in another account ends this: whoever owns it could change what the functions run."
    yield 'ACCOUNT="$(aws sts get-caller-identity --query Account --output text)"'
    yield f'CODE="${{CODE:-{config.name}-code-$ACCOUNT}}"'
    yield 'aws s3api head-bucket --bucket "$CODE" --expected-bucket-owner "$ACCOUNT" \\'
    yield f'  || aws s3 mb "s3://$CODE" --region {config.region}'
    yield "# A zip is named after its content: new code is a new name, and so a new version of its functions."
    for bundle in ("delivery", "control"):
        path = f'"$ZIPS/imagemill-{bundle}-{config.architecture}.zip"'
        key = f"{bundle.upper()}_KEY"
        yield f'{key}="{bundle}-$(sha256sum {path} | cut -c1-16).zip"'
        yield f'aws s3 cp {path} "s3://$CODE/${key}" --region {config.region}'
    for step in steps(config):
        yield f"# {step.stack}"
        yield from _deploy(config, step)
        yield from _read_outputs(config, step)
        if step.stack == "delivery":
            yield from _forget_private(config)


def _forget_private(config: Config) -> Iterator[str]:
    """Drop from the edge what may have been public until now: no function starts to do it, as a server does.

    Tags are written as `cdn.cloudfront` writes them. What the bucket holds of it the edge names no more.
    """
    settings = read(config.settings)
    access = Access.of(settings.delivery, settings.sizes)
    prefixes = ("",) if access.mode == "signed" else access.private
    tags = sorted({f"#{tag_that_covers(SITE, prefix)}" for prefix in prefixes})
    if tags:
        yield "# private: what was cached before it became so is dropped"
        yield 'aws cloudfront create-invalidation --distribution-id "$DISTRIBUTION_ID" \\'
        yield f"  --paths {' '.join(map(shlex.quote, tags))}"


def _deploy(config: Config, step: Step) -> Iterator[str]:
    yield f"aws cloudformation deploy --region {step.region} --stack-name {config.name}-{step.stack} \\"
    if step.parameters:
        given = " ".join(f'{name}="{value}"' for name, value in step.parameters.items())
        yield f"  --parameter-overrides {given} \\"
    # Templates over 51,200 bytes are read from a bucket of the same region; those of other regions are small.
    bucket = ' --s3-bucket "$CODE"' if step.region == config.region else ""
    yield f'  --template-file "$TEMPLATES/{step.stack}.template.json"{bucket} \\'
    yield "  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset"


def _read_outputs(config: Config, step: Step) -> Iterator[str]:
    used = {value for one in steps(config) for value in one.parameters.values()}
    for stack, output in OUTPUTS.items():
        for name, variable in output.items():
            if stack == step.stack and variable in used:
                query = f"Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue"
                yield f'{variable[1:]}="$(aws cloudformation describe-stacks --region {step.region} \\'
                yield f'  --stack-name {config.name}-{step.stack} --query "{query}" --output text)"'


def _down(config: Config) -> Iterator[str]:
    yield "set -eu"
    # As with a firewall, whatever is chosen now: the edge goes after what may still have its web ACL.
    for step in reversed(steps(replace(config, waf=True))):
        of = f"--region {step.region} --stack-name {config.name}-{step.stack}"
        yield f"aws cloudformation delete-stack {of}"
        yield f"aws cloudformation wait stack-delete-complete {of}"


def main(arguments: list[str] | None = None) -> int:
    """Print one of the scripts; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.aws.steps", description="Print the commands that deploy.")
    parser.add_argument("--config", type=Path, default=FILE, help="the configuration to read")
    parser.add_argument("--down", action="store_true", help="print the commands that remove everything instead")
    chosen = parser.parse_args(arguments)
    try:
        config = load(chosen.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    print(removal(config) if chosen.down else script(config), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
