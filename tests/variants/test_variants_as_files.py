"""Variants in a bucket as files that somebody else sends: their headers, and links that the bucket gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.moto import moto
from tests.servers.versity import versity

from imagemill.testing.contracts.variant_store import KEY, LEAF, NEW, OLD, SITE, name
from imagemill.variants.port import FileHeaders
from imagemill.variants.remote import RemoteVariants

HEADERS = FileHeaders(
    cache_control="public, max-age=31536000, immutable",
    content_disposition="inline; filename=\"h_he.webp\"; filename*=UTF-8''h%C3%B6he.webp",
    cache_tag="default/a%2C%20b.jpg,default/,tag:summer",
)


@pytest.fixture(scope="module", params=["moto", "versity"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that looks at no signature, and one that checks each."""
    folder = tmp_path_factory.mktemp(str(request.param))
    if request.param == "moto":
        with moto(folder) as url:
            yield S3Server(url, "AKIDMOTO", "secret")
    else:
        (folder / "buckets").mkdir()
        with versity(folder / "buckets") as url:
            yield S3Server(url, versity_server.ACCESS, versity_server.SECRET)


def on(server: S3Server, bucket: str, scenario: Callable[[RemoteVariants], Awaitable[None]]) -> None:
    """Run a scenario with a store of variants in a bucket."""

    async def run() -> None:
        connection = server.connection(bucket, "v/")
        store = RemoteVariants(connection, max_bytes=1_000_000, max_per_original=9, room=2)
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("key", [KEY, "odd//key with\ttab.jpg"])
def test_a_file_carries_the_headers_it_was_kept_with(server: S3Server, key: str) -> None:
    """As the server sends them; what the store itself reads of it is the same as ever."""
    if key != KEY and server.access == versity_server.ACCESS:
        key = "odd key with\ttab.jpg"  # its folders cannot hold an empty name
    bucket = server.bucket()

    async def scenario(store: RemoteVariants) -> None:
        await store.publish(SITE, key, OLD)
        assert await store.keep(name(key=key), b"bytes", modified=1_700_000_000.0, headers=HEADERS)
        kept = await store.fetch(name(key=key))
        assert kept is not None
        assert (kept.data, kept.modified) == (b"bytes", 1_700_000_000.0)

    on(server, bucket, scenario)
    found = server.boto().head_object(Bucket=bucket, Key=f"v/{SITE}/{key}/~/{OLD}/{LEAF}")
    assert found["CacheControl"] == HEADERS.cache_control
    assert found["ContentDisposition"] == HEADERS.content_disposition
    assert found["ContentType"] == "image/webp"
    assert found["Metadata"]["cache-tag"] == HEADERS.cache_tag


def test_files_of_before_are_read_and_replaced(server: S3Server) -> None:
    """A variant that was kept without these headers is served, and counts as one of the original's."""
    bucket = server.bucket()

    async def before(store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        assert await store.keep(name(), b"old words")

    async def after(store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        kept = await store.fetch(name())
        assert kept is not None
        assert kept.data == b"old words"
        assert await store.keep(name(), b"new words", headers=HEADERS)
        await store.publish(SITE, KEY, NEW)
        assert await store.fetch(name()) is None

    on(server, bucket, before)
    on(server, bucket, after)


def test_a_link_gives_the_file_with_the_words_of_the_answer(server: S3Server) -> None:
    """To whoever has it, by GET alone, with other words where they are asked; a changed one gives nothing."""
    bucket = server.bucket()
    links: list[str] = []

    async def scenario(store: RemoteVariants) -> None:
        await store.publish(SITE, KEY, OLD)
        assert await store.keep(name(), b"bytes", headers=HEADERS)
        links.append(await store.link(name(), expires_in=60, answer={}))
        attached = HEADERS.content_disposition.replace("inline", "attachment")
        said = {"cache-control": "private, no-cache", "content-disposition": attached}
        links.append(await store.link(name(), expires_in=60, answer=said))

    on(server, bucket, scenario)
    plain, other = (httpx.get(link, trust_env=False) for link in links)
    assert (plain.status_code, plain.content) == (200, b"bytes")
    assert plain.headers["cache-control"] == HEADERS.cache_control
    assert (other.status_code, other.content) == (200, b"bytes")
    assert other.headers["cache-control"] == "private, no-cache"
    assert other.headers["content-disposition"].startswith("attachment;")
    if server.access == versity_server.ACCESS:  # the other looks at no signature
        assert httpx.get(links[0].replace("cat.jpg", "dog.jpg"), trust_env=False).status_code == 403
        assert httpx.put(links[0], content=b"x", trust_env=False).status_code == 403
