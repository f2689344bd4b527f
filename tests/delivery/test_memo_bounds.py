"""What is remembered of URLs has an end, whoever asks (threats A5, O6)."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.gateway.platforms import play

from imagemill import assembly
from imagemill.delivery import memo


def test_queries_that_mean_nothing_fill_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hits cost a client nothing, and each long query is a URL of its own: in the end all are forgotten."""
    monkeypatch.setattr(memo, "MAX_BYTES", 20_000)
    made: list[memo.Memo] = []
    learn = memo.Memo.learn

    def watched(self: memo.Memo, *arguments: object) -> None:
        learn(self, *arguments)  # type: ignore[arg-type]  # passed on as they come
        made.append(self)

    monkeypatch.setattr(memo.Memo, "learn", watched)

    async def scene(client: httpx.AsyncClient, platform: assembly.Platform) -> None:
        url = "/img/w=8,fm=png/a.png"
        assert (await client.get(url)).status_code == 200
        sizes = []
        for number in range(60):
            assert (await client.get(f"{url}?x={number:04d}{'y' * 2000}")).status_code == 200
            sizes.append(made[-1].remembered_bytes)
        assert max(sizes) <= 20_000 + 8192
        assert min(sizes[10:]) < max(sizes)  # it was forgotten, and goes on
        hit = await client.get(f"{url}?x=0059{'y' * 2000}")
        assert "detail=memory" in hit.headers["cache-status"]
        before = made[-1].remembered_bytes
        for _ in range(20):  # a condition takes the long way, and is learned again
            answer = await client.get(url, headers={"if-none-match": hit.headers["etag"]})
            assert answer.status_code == 304
        assert made[-1].remembered_bytes - before <= 2 * len(url)

    play(tmp_path, scene)
