"""CloudFormation as moto plays it, made strict: every type known, every reference resolved, nothing dropped.

`tests/servers/cloudformation/` adds the types. What moto itself only logs (a type that it does not know, an
attribute that it cannot give) is an error here.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto import mock_aws
from moto.cloudformation import parsing
from tests.servers.cloudformation.resource import ACCOUNT, Account, client, learned

FAMILIES = ("storage", "identity", "functions", "gateway", "watch", "edge")


class Complaints(logging.Handler):
    """Keeps what moto warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.append(record.getMessage())


class CloudFormation:
    """An account in which stacks are created and deleted."""

    def __init__(self, complaints: Complaints) -> None:
        self.account: Account = ACCOUNT
        self._complaints = complaints

    def create(self, name: str, region: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        """Create a stack from a template and give it these parameters.

        Raises AssertionError where a resource, reference or property cannot be carried out.
        """
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        check_parameters(name, template.get("Parameters", {}), parameters)
        cloudformation = client("cloudformation", region)
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
        # moto knows Retain only; the two differ where a creation fails, which fails the test.
        text = json.dumps(template).replace('"RetainExceptOnCreate"', '"Retain"')
        cloudformation.create_stack(StackName=name, TemplateBody=text, Parameters=given, Capabilities=capabilities)
        while self.account.later:
            self.account.later.pop(0)()
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        assert not self._complaints.lines, f"{name}: {self._complaints.lines}"

    def outputs(self, name: str, region: str) -> dict[str, str]:
        """Return the outputs of a stack."""
        stack = client("cloudformation", region).describe_stacks(StackName=name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def delete(self, name: str, region: str) -> None:
        """Delete a stack; what its template retains stays."""
        client("cloudformation", region).delete_stack(StackName=name)
        assert not self._complaints.lines, f"{name}: {self._complaints.lines}"

    def client(self, service: str, region: str) -> Any:
        """Return a boto3 client that sees what was created."""
        return client(service, region)


def check_parameters(stack: str, declared: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Refuse parameters as CloudFormation does: unknown, missing, or not of the shape that the template asks for."""
    assert given.keys() <= declared.keys(), f"{stack} has no parameters {sorted(given.keys() - declared.keys())}"
    for name, rules in declared.items():
        assert name in given or "Default" in rules, f"{stack} needs the parameter {name}"
        value = given.get(name, rules.get("Default"))
        pattern, allowed = rules.get("AllowedPattern"), rules.get("AllowedValues", [value])
        assert pattern is None or re.fullmatch(pattern, value), f"{stack}: {name}={value!r} is not like {pattern}"
        assert value in allowed, f"{stack}: {name}={value!r} is none of {allowed}"
        assert rules.get("MinLength", 0) <= len(value) <= rules.get("MaxLength", 4096), f"{stack}: length of {name}"


def after_its_dependencies(
    logical_id: str, resource_json: dict[str, Any], resources_map: Any, account_id: str, region_name: str
) -> Any:
    """Create a resource once those that it depends on are there.

    moto follows DependsOn in its own order only, not where an output or a reference asks for a resource before.
    """
    needed = resource_json.get("DependsOn", [])
    for one in [needed] if isinstance(needed, str) else needed:
        resources_map[one]
    return MOTOS_CREATE(logical_id, resource_json, resources_map, account_id, region_name)


MOTOS_CREATE = parsing.parse_and_create_resource


@contextmanager
def cloudformation() -> Iterator[CloudFormation]:
    """Play an empty account in this process until the block ends."""
    complaints = Complaints()
    log = logging.getLogger("moto")
    log.addHandler(complaints)
    patched = patch.object(parsing, "parse_and_create_resource", after_its_dependencies)
    with patched, mock_aws(config={"lambda": {"use_docker": False}, "iam": {"load_aws_managed_policies": True}}):
        for family in FAMILIES:
            importlib.import_module(f"tests.servers.cloudformation.{family}")
        list(learned())
        ACCOUNT.resources.clear()
        ACCOUNT.later.clear()
        try:
            yield CloudFormation(complaints)
        finally:
            log.removeHandler(complaints)
            client.cache_clear()
