"""The app as a whole: the same texts each time, no secret in them, and the command that writes them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.aws.__main__ import HERE, main
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised

BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
STACKS = ("replica", "storage", "edge", "delivery", "functions", "api", "operations")


def test_equal_configurations_give_equal_templates(plain: Synthesised) -> None:
    """What a reviewer compares changes only when something changed."""
    from deploy.aws.app import synthesise

    again = {written.name: written.text for written in synthesise(Config())}
    for name, text in plain.texts.items():
        assert again[name] == text, name


def test_every_stack_is_there_in_the_order_of_deployment(plain: Synthesised) -> None:
    """Each comes after those it needs."""
    found = [name for name in plain.texts if name in STACKS]
    assert found == list(STACKS)
    assert all(plain.templates[name]["Resources"] for name in STACKS)


@pytest.mark.parametrize("which", ["plain", "full"])
def test_a_template_deploys_without_cdk(which: str, request: pytest.FixtureRequest) -> None:
    """No assets, no bootstrap, no function that CDK adds for itself."""
    deployment: Synthesised = request.getfixturevalue(which)
    for name, text in deployment.texts.items():
        assert "cdk-hnb659fds" not in text, name
        assert "BootstrapVersion" not in text, name
        assert "Custom::" not in text, name
        assert "AWS::CloudFormation::CustomResource" not in text, name


@pytest.mark.parametrize("which", ["plain", "full"])
def test_a_stack_asks_only_earlier_stacks_of_its_region(which: str, request: pytest.FixtureRequest) -> None:
    """CloudFormation imports nothing from another region, and nothing that is not yet there."""
    deployment: Synthesised = request.getfixturevalue(which)
    home = {"storage", "delivery", "functions", "api", "operations"}
    earlier: set[str] = set()
    for name, text in deployment.texts.items():
        asked = {one.split("-")[-1] for one in re.findall(r'"Fn::ImportValue": "([^":]+):', text)}
        assert asked <= earlier, name
        if name in home:
            earlier.add(name)


@pytest.mark.parametrize("which", ["plain", "full"])
def test_templates_are_within_cloudformations_limits(which: str, request: pytest.FixtureRequest) -> None:
    """1 MB from a bucket and 500 resources (CloudFormation quotas)."""
    deployment: Synthesised = request.getfixturevalue(which)
    for name, text in deployment.texts.items():
        assert len(text.encode()) < 1_000_000, name
        assert len(deployment.templates[name]["Resources"]) < 500, name


@pytest.mark.parametrize("which", ["plain", "full"])
def test_no_stack_has_a_bucket_or_a_function_of_another_kind(which: str, request: pytest.FixtureRequest) -> None:
    """Whoever adds a bucket, a queue or a function to any stack gives it what all of them have."""
    from aws_cdk.assertions import Match, Template  # after the fixture, which starts CDK

    deployment: Synthesised = request.getfixturevalue(which)
    retention = deployment.config.log_days
    wanted = {
        "AWS::S3::Bucket": {
            "PublicAccessBlockConfiguration": dict.fromkeys(BLOCKS, True),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "BucketEncryption": Match.any_value(),
            "LifecycleConfiguration": Match.any_value(),
        },
        "AWS::Lambda::Function": {
            "Runtime": "python3.13",
            "TracingConfig": {"Mode": "Active"},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Match.any_value()},
            "Timeout": Match.any_value(),
        },
        "AWS::Logs::LogGroup": {"RetentionInDays": retention},
        "AWS::SQS::Queue": {"MessageRetentionPeriod": 14 * 86400},
    }
    for template in deployment.templates.values():
        stack = Template.from_json(template)
        for kind, properties in wanted.items():
            if stack.find_resources(kind):
                stack.all_resources_properties(kind, properties)


def test_everything_is_tagged_for_the_bill(full: Synthesised) -> None:
    """Whose and which part's a cost is, stands on each thing that costs."""
    for stack, kind in (("storage", "AWS::S3::Bucket"), ("functions", "AWS::Lambda::Function")):
        for resource in full.resources(stack, kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
            assert tags == {"application": "pictures", "stack": stack, "team": "pictures"}


def test_the_command_writes_templates_and_says_what_they_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file and one line for each stack; files of stacks that are no more are removed."""
    (tmp_path / "gone.template.json").write_text("{}", "utf-8")
    assert main(["--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["stack", "resources", "bytes", "region"]
    for stack in STACKS:
        file = tmp_path / f"{stack}.template.json"
        (line,) = [line for line in lines if line.startswith(f"{stack} ")]
        resources = len(json.loads(file.read_text("utf-8"))["Resources"])
        assert line.split()[:3] == [stack, str(resources), str(file.stat().st_size)]
    assert not (tmp_path / "gone.template.json").exists()


def test_the_command_tells_what_is_wrong_with_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fault is a sentence and exit code 2; nothing is written."""
    file = tmp_path / "config.toml"
    file.write_text('architecture = "arm"\n', "utf-8")
    assert main(["--config", str(file), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "architecture: expected 'arm64' or 'x86_64', received 'arm'.\n"
    assert not (tmp_path / "out").exists()


def test_without_node_one_sentence_says_so(tmp_path: Path) -> None:
    """CDK's own words for it are a stack trace."""
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.aws", "--out", str(tmp_path)],
        env={"PATH": str(tmp_path)},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    assert ran.stderr == "make aws-synth needs node (22 or newer) on the PATH: AWS CDK runs on it.\n"
