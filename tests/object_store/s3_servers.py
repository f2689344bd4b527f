"""The S3 servers of the tests of stores, and a fresh bucket on one."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from imagemill.object_store.s3.address import S3Address
from imagemill.object_store.s3.connection import S3Connection
from imagemill.object_store.s3.settings import S3Settings

_numbers = itertools.count(1)


@dataclass(frozen=True)
class S3Server:
    """A server that is running, and who may use it."""

    url: str
    access: str
    secret: str

    def settings(self, **changes: Any) -> S3Settings:
        """Return the settings that reach it."""
        given: dict[str, Any] = {"endpoint": self.url, "access_key_id": self.access, "secret_access_key": self.secret}
        return S3Settings(**(given | {"region": "us-east-1", "request_seconds": 20.0} | changes))

    def boto(self) -> Any:
        """Return somebody else's client."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}),
        )

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"pictures-{next(_numbers)}"
        self.boto().create_bucket(Bucket=name)
        return name

    def connection(self, bucket: str, prefix: str = "", **changes: Any) -> S3Connection:
        """Return a connection of ours to a bucket of it."""
        return S3Connection(S3Address(bucket, prefix), self.settings(**changes), environ={})
