"""What a CDN may keep for ever, it can find by every tag that the answer has."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import play

from imagemill import assembly

FOREVER = "public, max-age=31536000, immutable"
TEN_MINUTES = "public, max-age=600"


@pytest.mark.parametrize(("words", "lifetime"), [(48, FOREVER), (49, TEN_MINUTES)])
def test_more_tags_than_cloudfront_counts_shorten_the_life_of_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: int, lifetime: str
) -> None:
    """It counts fifty, those of key and site among them; a purge by one of the others would miss what it keeps."""

    async def scene(client: httpx.AsyncClient, _: assembly.Platform) -> None:
        key = (tmp_path / "admin.key").read_text().strip()
        tags = {"tags": [f"word-{number}" for number in range(words)]}
        told = (await client.patch("/v1/originals/a.png", json=tags, headers={"x-api-key": key})).json()
        for address in ("/img/w=16/a.png", "/info/a.png"):
            answer = await client.get(address, params={"v": told["version"]})
            assert answer.headers["cache-control"] == lifetime
            assert len(answer.headers["x-amz-meta-cache-tag"].split(",")) == words + 2
            assert (await client.get(address)).headers["cache-control"].startswith("public, max-age=600, stale-while")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody = "http://127.0.0.1:9"  # what is purged here matters to nobody
    play(tmp_path, scene, **{"cdn.kind": "cloudfront", "cdn.zone": "E2EXAMPLE", "cdn.url": nobody})
