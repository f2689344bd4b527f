"""Changes of a running deployment that CloudFormation would refuse, or that would change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from deploy.aws.app import synthesise
from deploy.aws.config import Api, Config

Templates = dict[str, Any]

STEPS = {
    "a domain": (Config(), Config(domain="img.example.com", zone_id="Z0123456789ABC")),
    "no authorizer": (Config(api=Api(auth="authorizer")), Config()),
    "signatures": (Config(api=Api(auth="authorizer")), Config(api=Api(auth="iam"))),
    "our own keys": (Config(), Config(kms=True)),
    "no firewall": (Config(), Config(waf=False)),
}
"""What is chosen later: the configuration before and after."""


def templates(config: Config) -> Templates:
    """Return the templates of `config` in the order of deployment."""
    return {written.name: json.loads(written.text) for written in synthesise(config)}


def imported(tree: object) -> Iterator[str]:
    """Yield the names of exports that `tree` imports."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == "Fn::ImportValue":
                yield value
            else:
                yield from imported(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from imported(value)


def exported(template: Templates) -> set[str]:
    """Return the names of the exports of a stack."""
    return {one["Export"]["Name"] for one in template.get("Outputs", {}).values() if "Export" in one}


@pytest.mark.parametrize("step", STEPS)
def test_no_stack_drops_what_another_still_imports(step: str) -> None:
    """Stacks change one after the other: CloudFormation refuses to drop an export while a later stack imports it."""
    before, after = (templates(config) for config in STEPS[step])
    for number, name in enumerate(after):
        dropped = exported(before[name]) - exported(after[name])
        later = list(after)[number + 1 :]
        used = {one for stack in later for one in imported(before[stack])}
        assert not dropped & used, f"{name} drops {dropped & used}"


def test_a_changed_key_is_a_new_version_of_the_functions_that_know_it() -> None:
    """They read it as they start, so a change of the parameter alone must start them: new settings, and new words."""
    resources = templates(Config())["functions"]["Resources"]
    for name in ("Control", "Authorizer"):
        (function,) = [one for key, one in resources.items() if key.startswith(f"{name}Function") and len(key) < 40]
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["IMAGEMILL_ADMIN_VERSION"] == {"Ref": "AdminKeyVersion"}
        (version,) = [one for key, one in resources.items() if key.startswith(f"{name}FunctionCurrentVersion")]
        assert {"Ref": "AdminKeyVersion"} in version["Properties"]["Description"]["Fn::Join"][1]


def test_no_key_of_a_zip_is_too_long_for_a_versions_description() -> None:
    """It is refused as a parameter, before anything is changed; Lambda takes 256 characters."""
    for stack, template in templates(Config()).items():
        longest = {name: one.get("MaxLength", 0) for name, one in template.get("Parameters", {}).items()}
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Version":
                said = resource["Properties"]["Description"]
                parts = said["Fn::Join"][1] if "Fn::Join" in said else [said]
                assert sum(longest[one["Ref"]] if isinstance(one, dict) else len(one) for one in parts) <= 256, stack
