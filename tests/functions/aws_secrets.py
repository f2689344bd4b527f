"""The admin key as Secrets Manager has it: a secret on moto, named by the environment of a function."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.object_store.s3_servers import S3Server

SECRET_TEXT = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3aB4cD5eF"
"""48 letters and digits, as CloudFormation's GenerateSecretString makes them."""
_numbers = itertools.count(1)


@dataclass
class Secret:
    """A secret, and the file in which a function keeps it."""

    client: Any
    arn: str
    file: Path

    def forget(self) -> None:
        """Remove it from Secrets Manager."""
        self.client.delete_secret(SecretId=self.arn, ForceDeleteWithoutRecovery=True)


class SecretOf(Protocol):
    """Makes a secret and names it in the environment."""

    def __call__(self, *, without: str | None = None, there: bool = True) -> Secret:
        """Leave out the variable `without`; not `there`, the name is of no secret."""
        ...


@pytest.fixture
def secret_of(buckets: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretOf]:
    """Put functions into an environment that names a secret of its own."""
    import boto3

    client = boto3.client(
        "secretsmanager",
        endpoint_url=buckets.url,
        aws_access_key_id=buckets.access,
        aws_secret_access_key=buckets.secret,
        region_name="eu-west-1",
    )

    def make(*, without: str | None = None, there: bool = True) -> Secret:
        folder = tmp_path / f"secret-{next(_numbers)}"
        arn = client.create_secret(Name=f"admin-{next(_numbers)}", SecretString=SECRET_TEXT)["ARN"]
        variables = {
            "AWS_ACCESS_KEY_ID": buckets.access,
            "AWS_SECRET_ACCESS_KEY": buckets.secret,
            "AWS_SESSION_TOKEN": "a-session",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": buckets.url,
            "IMAGEMILL_ADMIN_SECRET_ARN": arn if there else arn + "-gone",
            "IMAGEMILL_DATA__DIR": str(folder),
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if without is not None:
            monkeypatch.delenv(without)
        return Secret(client, arn, folder / "admin-secret.key")

    yield make
    client.close()
