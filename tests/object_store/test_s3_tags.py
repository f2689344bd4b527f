"""Object tags, which lifecycle rules of a bucket go by: both clients write them."""

from __future__ import annotations

import asyncio

import pytest
from tests.object_store.s3_servers import S3Server


@pytest.mark.parametrize("key", ["a/b.webp", "a//b .webp"], ids=["obstore", "raw"])
def test_tags_stand_at_the_object(moto_server: S3Server, key: str) -> None:
    """What is asked for is what the store tells; without tags there are none."""
    bucket = moto_server.bucket()

    async def scenario() -> None:
        connection = moto_server.connection(bucket)
        await connection.place(key, b"x", content_type="image/webp", tags={"imagemill": "variant", "a b": "c=d+e"})
        await connection.place(f"{key}.json", b"x", content_type="application/json")
        await connection.close()

    asyncio.run(scenario())
    client = moto_server.boto()
    told = client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in told} == {"imagemill": "variant", "a b": "c=d+e"}
    assert client.get_object_tagging(Bucket=bucket, Key=f"{key}.json")["TagSet"] == []
