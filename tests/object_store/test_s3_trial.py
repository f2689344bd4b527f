"""The trial of a bucket tells servers that keep conditions from those that only take them."""

from __future__ import annotations

import asyncio

import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers.fault_proxy import fault_proxy

from imagemill.object_store.s3.connection import S3Connection
from imagemill.object_store.s3.trial import try_bucket


@pytest.mark.parametrize("name", ["moto_server", "versity_s3"])
def test_a_server_that_keeps_conditions_passes(name: str, request: pytest.FixtureRequest) -> None:
    """Nothing is ignored, and nothing stays in the bucket."""
    server: S3Server = request.getfixturevalue(name)
    bucket = server.bucket()

    async def scenario() -> None:
        tried = await try_bucket(server.connection(bucket))
        assert tried.writable
        assert tried.ignored == ()
        assert tried.seconds > 0

    asyncio.run(scenario())
    assert "Contents" not in server.boto().list_objects_v2(Bucket=bucket)


def test_a_server_that_ignores_conditions_is_found_out(moto_server: S3Server) -> None:
    """Where the conditions get lost on the way, each is named, and nothing stays in the bucket."""
    bucket = moto_server.bucket()
    with fault_proxy(moto_server.url) as proxy:
        proxy.drop = ("if-match", "if-none-match")
        through = S3Server(proxy.url, moto_server.access, moto_server.secret)

        async def trial(connection: S3Connection) -> tuple[str, ...]:
            return (await try_bucket(connection)).ignored

        found = asyncio.run(trial(through.connection(bucket)))
    assert found == ("If-None-Match", "If-Match", "If-Match of a delete")
    assert "Contents" not in moto_server.boto().list_objects_v2(Bucket=bucket)
