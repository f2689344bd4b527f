"""The printed commands deploy what was synthesised: each stack, in its order, with the parameters that it asks for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from deploy.aws import steps
from deploy.aws.config import Config
from tests.deploy.deployments import Synthesised

AWS = """#!/bin/sh
echo "aws $*" >> "$AWS_LOG"
case "$*" in
    *head-bucket*|*" mb "*) test -z "${SQUATTED:-}" ;;
    *get-caller-identity*) echo 123456789012 ;;
    *describe-stacks*) echo "$*" | sed "s/.*OutputKey=='\\([A-Za-z]*\\)'.*/the-\\1/" ;;
esac
"""
"""An `aws` that writes down how it was called, and answers what a query asks for with the output's name."""


@pytest.fixture(params=["plain", "full"])
def deployment(request: pytest.FixtureRequest) -> Synthesised:
    """Both deployments."""
    found: Synthesised = request.getfixturevalue(request.param)
    return found


def calls(script: str, folder: Path) -> list[str]:
    """Run a script with an `aws` that only writes down its calls; return them."""
    program = folder / "aws"
    program.write_text(AWS)
    program.chmod(0o755)
    for bundle in ("delivery", "control"):
        for architecture in ("arm64", "x86_64"):
            zip_ = folder / f"build/aws/imagemill-{bundle}-{architecture}.zip"
            zip_.parent.mkdir(parents=True, exist_ok=True)
            zip_.write_bytes(bundle.encode())
    log = folder / "calls"
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "AWS_LOG": str(log)}
    subprocess.run(["sh"], input=script, text=True, cwd=folder, env=environment, check=True)
    return log.read_text().splitlines()


def test_every_stack_is_deployed_in_order(deployment: Synthesised) -> None:
    """The steps are the app's stacks in the app's order, but for one that holds nothing."""
    holding = [name for name, template in deployment.templates.items() if template.get("Resources")]
    assert [step.stack for step in steps.steps(deployment.config)] == holding


def test_a_firewall_that_was_given_up_is_removed_with_its_stack() -> None:
    """Without firewall and certificate the edge stack is still deployed, and so removed: it may have held them."""
    config = Config(waf=False)
    assert "edge" in [step.stack for step in steps.steps(config)]
    assert f"{config.name}-edge\n" in steps.removal(config)


@pytest.mark.parametrize(
    ("config", "first"),
    [
        (Config(), "edge"),
        (Config(domain="img.example.com", zone_id="Z0123456789ABC", waf=False), "edge"),
        (Config(waf=False), "delivery"),
    ],
    ids=["firewall", "certificate", "nothing"],
)
def test_what_the_edge_gives_up_cloudfront_lets_go_of_first(config: Config, first: str) -> None:
    """WAF removes no web ACL that a distribution has: delivery goes first where it is given nothing by edge."""
    order = [step.stack for step in steps.steps(config) if step.stack in {"edge", "delivery"}]
    assert order == sorted(order, key=lambda stack: stack != first)


def test_each_template_is_given_its_parameters(deployment: Synthesised) -> None:
    """No parameter without a default is left out, and none is given that the template does not have."""
    for step in steps.steps(deployment.config):
        asked = deployment.templates[step.stack].get("Parameters", {})
        wanted = {name for name, one in asked.items() if "Default" not in one}
        assert wanted <= step.parameters.keys() <= asked.keys(), step.stack


def test_templates_ask_for_no_more_rights_than_the_commands_give(deployment: Synthesised) -> None:
    """CAPABILITY_IAM is not enough for a role or policy with a name of its own."""
    for name, template in deployment.templates.items():
        for resource in template.get("Resources", {}).values():
            named = {"RoleName", "UserName", "GroupName", "ManagedPolicyName"} & resource.get("Properties", {}).keys()
            assert not (resource["Type"].startswith("AWS::IAM::") and named), name


def test_large_templates_go_through_a_bucket(deployment: Synthesised) -> None:
    """CloudFormation takes 51,200 bytes in a request; more come from a bucket of the same region."""
    for step in steps.steps(deployment.config):
        if step.region != deployment.config.region:
            assert len(deployment.texts[step.stack].encode()) <= 51_200, step.stack


def test_the_script_runs(deployment: Synthesised, tmp_path: Path) -> None:
    """A shell carries it out: what one stack says is given to the next."""
    made = calls(steps.script(deployment.config), tmp_path)
    delivery = next(call for call in made if "stack-name" in call and "-delivery " in call and " deploy " in call)
    assert "WebAclArn=the-WebAclArn" in delivery
    assert ("CertificateArn=the-CertificateArn" in delivery) == bool(deployment.config.domain)
    alarms = next(call for call in made if "-edge-alarms " in call)
    assert "DistributionId=the-DistributionId" in alarms


def test_a_folder_of_templates_deploys_itself(tmp_path: Path) -> None:
    """The script that lies with the templates finds them from anywhere, and the zips where it is told."""
    folder = tmp_path / "released"
    folder.mkdir()
    script = folder / "deploy.sh"
    script.write_text(steps.script(Config(), steps.BESIDE))
    made = calls(f"ZIPS=build/aws sh {script}", tmp_path)
    used = {part for call in made for part in call.split() if part.endswith(".template.json")}
    assert used == {f"{folder}/{step.stack}.template.json" for step in steps.steps(Config())}


def test_new_code_is_a_new_key(tmp_path: Path) -> None:
    """A zip is named after its bytes, or CloudFormation would see no change and deploy nothing."""
    made = calls(steps.script(Config()), tmp_path)
    keys = [call.rsplit("/", 1)[1].split()[0] for call in made if " s3 cp " in call]
    assert [key.split("-")[0] for key in keys] == ["delivery", "control"]
    assert len({key.split("-")[1] for key in keys}) == 2


def test_code_goes_into_no_bucket_of_a_stranger(tmp_path: Path) -> None:
    """The name can be guessed: a bucket of another account ends the script before anything is put there."""
    script = steps.script(Config())
    looked = next(call for call in calls(script, tmp_path) if " head-bucket " in call)
    assert looked.endswith("--expected-bucket-owner 123456789012")
    (tmp_path / "calls").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        calls(f"export SQUATTED=1\n{script}", tmp_path)
    assert not [call for call in (tmp_path / "calls").read_text().splitlines() if " s3 cp " in call]


@pytest.mark.parametrize(
    ("settings", "tags"),
    [
        ({}, None),
        ({"delivery.private": "users/,staff/my trips/x"}, "#default/staff/my%20trips/ #default/users/"),
        ({"delivery.access": "signed", "delivery.private": "users/"}, "#default/"),
    ],
)
def test_what_became_private_is_dropped_from_the_edge(
    settings: dict[str, str], tags: str | None, tmp_path: Path
) -> None:
    """Once the new functions are at the edge, nothing is left there that was kept when anybody might see it (G8)."""
    made = calls(steps.script(Config(settings=settings)), tmp_path)
    dropped = [place for place, call in enumerate(made) if " create-invalidation " in call]
    assert [made[place].split("--paths ", 1)[1] for place in dropped] == ([] if tags is None else [tags])
    if dropped:
        assert "--distribution-id the-DistributionId" in made[dropped[0]]
        assert any("-delivery " in call and " deploy " in call for call in made[: dropped[0]])


def test_what_was_deployed_last_is_removed_first(deployment: Synthesised, tmp_path: Path) -> None:
    """Each stack is gone before the one that it needs is asked to go."""
    made = calls(steps.removal(deployment.config), tmp_path)
    order = [step.stack for step in reversed(steps.steps(deployment.config))]
    named = [call.rsplit("--stack-name ", 1)[1].removeprefix(f"{deployment.config.name}-") for call in made]
    assert named == [name for name in order for _ in range(2)]
    assert [call.split()[2] for call in made] == ["delete-stack", "wait"] * len(order)


def test_the_edge_is_removed_after_what_may_have_its_firewall() -> None:
    """Also where the firewall was given up in the file and not yet in the deployment."""
    for config in (Config(), Config(waf=False)):
        lines = steps.removal(config).splitlines()
        gone = [line.rsplit("-", 1)[1] for line in lines if "delete-stack" in line]
        assert gone.index("delivery") < gone.index("edge")
        assert len(gone) == len(steps.steps(config))


def test_a_wrong_configuration_is_told_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key, what was expected, what was received; exit code 2."""
    wrong = tmp_path / "config.toml"
    wrong.write_text("memory = 1\n")
    assert steps.main(["--config", str(wrong)]) == 2
    assert capsys.readouterr().err.startswith("memory: expected a whole number of MB of memory from 512")
