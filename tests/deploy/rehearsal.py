"""Both deployments in one played account, as their deployer made them, and what a test asks of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy.aws.config import Config
from deploy.aws.steps import OUTPUTS, steps
from tests.deploy.deployments import Synthesised
from tests.servers.cloudformation.resource import Recorded
from tests.servers.moto_cloudformation import CloudFormation, cloudformation

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Deployed:
    """One configuration in the account, as its deployer sees it."""

    cloud: CloudFormation
    config: Config
    templates: dict[str, Any]

    def client(self, service: str, region: str = "") -> Any:
        """Return a client in the home region, or in another."""
        return self.cloud.client(service, region or self.config.region)

    def all(self, kind: str) -> list[Recorded]:
        """Return this configuration's resources of a type, in every region."""
        stacks = {f":stack/{self.config.name}-{name}/" for name in self.templates}
        return [one for one in self.cloud.account.of_type(kind) if any(stack in one.stack for stack in stacks)]

    def name(self, role: str) -> str:
        """Return the name of a bucket."""
        region = self.config.replica_region if role == "replica" else self.config.region
        return f"{self.config.name}-{role}-{ACCOUNT}-{region}"

    def policy(self, role: str) -> dict[str, Any]:
        """Return the policy of a bucket, as S3 has it."""
        region = self.config.replica_region if role == "replica" else ""
        found: dict[str, Any] = json.loads(
            self.client("s3", region).get_bucket_policy(Bucket=self.name(role))["Policy"]
        )
        return found


def deploy(cloud: CloudFormation, synthesised: Synthesised) -> Deployed:
    """Do what the script of `python -m deploy.aws.steps` does: upload, then stack after stack with its parameters."""
    config = synthesised.config
    code = f"{config.name}-code"
    s3 = cloud.client("s3", config.region)
    s3.create_bucket(Bucket=code, CreateBucketConfiguration={"LocationConstraint": config.region})
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("imagemill/__init__.py", "")
    for key in ("delivery.zip", "control.zip"):
        s3.put_object(Bucket=code, Key=key, Body=body.getvalue())
    variables = {"$CODE": code, "$DELIVERY_KEY": "delivery.zip", "$CONTROL_KEY": "control.zip"}
    for step in steps(config):
        parameters = {name: variables[variable] for name, variable in step.parameters.items()}
        stack = f"{config.name}-{step.stack}"
        cloud.create(stack, step.region, synthesised.templates[step.stack], parameters)
        said = cloud.outputs(stack, step.region)
        variables |= {variable: said[one] for one, variable in OUTPUTS.get(step.stack, {}).items() if one in said}
    return Deployed(cloud, config, synthesised.templates)


@contextmanager
def played(*deployments: Synthesised) -> Iterator[list[Deployed]]:
    """Play an account with these deployments in it until the block ends."""
    with cloudformation() as cloud:
        yield [deploy(cloud, one) for one in deployments]
