"""CloudFormation as moto plays it, made strict: every type known, every reference resolved, nothing dropped.

`tests/servers/cloudformation/` adds the types. What moto itself only logs (a type that it does not know, an
attribute that it cannot give) is an error here.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto import mock_aws
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
        unknown = parameters.keys() - template.get("Parameters", {}).keys()
        assert not unknown, f"{name} has no parameters {sorted(unknown)}"
        cloudformation = client("cloudformation", region)
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
        cloudformation.create_stack(
            StackName=name, TemplateBody=json.dumps(template), Parameters=given, Capabilities=capabilities
        )
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


@contextmanager
def cloudformation() -> Iterator[CloudFormation]:
    """Play an empty account in this process until the block ends."""
    complaints = Complaints()
    log = logging.getLogger("moto")
    log.addHandler(complaints)
    with mock_aws(config={"lambda": {"use_docker": False}}):
        for family in FAMILIES:
            importlib.import_module(f"tests.servers.cloudformation.{family}")
        list(learned())
        ACCOUNT.resources.clear()
        try:
            yield CloudFormation(complaints)
        finally:
            log.removeHandler(complaints)
            client.cache_clear()
