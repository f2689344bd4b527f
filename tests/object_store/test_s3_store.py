"""What is particular to a bucket: objects of others, odd keys, rights, encryption."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.fault_proxy import fault_proxy
from tests.servers.versity import versity

from imagemill.errors import ImagemillError, Overloaded, Refused, Unprocessable
from imagemill.object_store.naming import check_existing_key
from imagemill.object_store.port import Condition, ObjectStore
from imagemill.object_store.s3 import fetching
from imagemill.object_store.s3.rights import PROBE
from imagemill.object_store.s3.store import S3Objects

ODD_KEYS = [
    "a//b",
    "/lead",
    "trail/",
    "tab\there",
    "del\x7fete",
    "a\\b",
    "\u202egnp.jpg",
    "a b+c%2Fd",
    "e\u0301",
    "é",
    "😀.png",
]
"""Keys that a bucket may have and that obstore's paths or our own rules for new keys refuse."""


def run(connected: S3Objects, scenario: Callable[[S3Objects], Awaitable[None]]) -> None:
    """Run `scenario` and close the store."""

    async def whole() -> None:
        try:
            await scenario(connected)
        finally:
            await connected.close()

    asyncio.run(whole())


async def put(store: ObjectStore, key: str, data: bytes, condition: Condition | None = None) -> Any:
    """Upload in one piece."""
    upload = await store.begin()
    await upload.write(data)
    return await upload.commit(key, content_type="image/png", condition=condition or Condition())


async def read(store: ObjectStore, key: str) -> bytes | None:
    """Return the bytes of `key`."""
    opened = await store.open(key)
    if opened is None:
        return None
    try:
        return os.pread(opened.fileno(), opened.info.size + 1, 0)
    finally:
        opened.close()


@pytest.fixture
def connect(tmp_path: Path) -> Callable[..., S3Objects]:
    """Return a store for a bucket."""
    return lambda server, bucket, prefix="", **settings: S3Objects(
        server.connection(bucket, prefix, **settings), tmp_path / "spool"
    )


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_of_a_bucket_are_found_read_written_and_removed(
    moto_server: S3Server, connect: Callable[..., S3Objects], key: str
) -> None:
    """What lies under an odd key is that object and no other, for reading, listing, replacing and deleting."""
    bucket, boto = moto_server.bucket(), moto_server.boto()
    check_existing_key(key)
    boto.put_object(Bucket=bucket, Key=key, Body=b"theirs", ContentType="image/gif")

    async def scenario(store: S3Objects) -> None:
        assert [one.key for one in (await store.list()).objects] == [key]
        assert await read(store, key) == b"theirs"
        info = await store.head(key)
        assert info is not None
        assert info.content_type == "image/gif"
        mine = await put(store, key, b"ours", Condition(if_match=(info.etag,)))
        assert boto.get_object(Bucket=bucket, Key=key)["Body"].read() == b"ours"
        assert await store.head(key) == mine
        assert await store.delete(key, condition=Condition(if_match=(mine.etag,))) is True
        assert "Contents" not in boto.list_objects_v2(Bucket=bucket)

    run(connect(moto_server, bucket), scenario)


def test_what_nothing_can_address_is_not_listed(moto_server: S3Server, connect: Callable[..., S3Objects]) -> None:
    """Our own objects, a console's folders and keys that lead out of the place are no originals; paging goes on."""
    bucket, boto = moto_server.bucket(), moto_server.boto()
    hidden = [
        ".imagemill/site/presets.json",
        *(f".imagemill/variants/{number}" for number in range(30)),
        "folder/",
        "admin.key",
    ]
    for key in [*hidden, "folder/a.jpg", "z.jpg"]:
        boto.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"x")

    async def scenario(store: S3Objects) -> None:
        for limit in (1, 2, 1000):
            found: list[str] = []
            after: str | None = ""
            while after is not None:
                page = await store.list(after=after, limit=limit)
                found += [one.key for one in page.objects]
                after = page.next_after
            assert found == ["folder/a.jpg", "z.jpg"]
        page = await store.list(delimiter="/")
        assert (page.prefixes, [one.key for one in page.objects]) == (("folder/",), ["z.jpg"])

    run(connect(moto_server, bucket), scenario)


def test_an_object_of_others_has_a_steady_identity(versity_s3: S3Server, connect: Callable[..., S3Objects]) -> None:
    """No byte is read to know it; another object has another; its digest is not told, for nobody knows it."""
    bucket, boto = versity_s3.bucket(), versity_s3.boto()
    boto.put_object(Bucket=bucket, Key="k", Body=b"theirs")
    tag = boto.head_object(Bucket=bucket, Key="k")["ETag"]

    async def scenario(store: S3Objects) -> None:
        info = await store.head("k")
        assert info is not None
        assert info.etag == hashlib.sha256(f"s3\n{tag}\n6".encode()).hexdigest()
        assert info.sha256 is None
        assert await store.head("k") == info
        assert (await store.list()).objects[0].stamp == info.stamp
        boto.put_object(Bucket=bucket, Key="k", Body=b"others")
        other = await store.head("k")
        assert other is not None
        assert other.etag != info.etag
        assert other.stamp != info.stamp
        ours = await put(store, "k", b"theirs", Condition(if_match=(other.etag,)))
        assert ours.sha256 == ours.etag == hashlib.sha256(b"theirs").hexdigest()

    run(connect(versity_s3, bucket), scenario)


def test_a_long_object_is_held_on_the_disk_and_cannot_be_written(
    versity_s3: S3Server, connect: Callable[..., S3Objects], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beyond some size an open object is a nameless file: whole, for reading only, gone when it is closed."""
    monkeypatch.setattr(fetching, "IN_MEMORY", 1000)
    body = os.urandom(3_000_000)

    async def scenario(store: S3Objects) -> None:
        await put(store, "k", body)
        opened = await store.open("k")
        assert opened is not None
        assert os.pread(opened.fileno(), len(body) + 1, 0) == body
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(opened.fileno(), b"x")
        assert list((tmp_path / "spool").iterdir()) == []
        opened.close()

    run(connect(versity_s3, versity_s3.bucket()), scenario)


@pytest.fixture(scope="module")
def readonly_s3(versity_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, str]]:
    """A server that refuses every write, with one object in a bucket of it."""
    folder = tmp_path_factory.mktemp("readonly") / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        server = S3Server(url, versity_server.ACCESS, versity_server.SECRET)
        bucket = server.bucket()
        server.boto().put_object(Bucket=bucket, Key="k", Body=b"theirs")
    with versity(folder, readonly=True) as url:
        yield S3Server(url, versity_server.ACCESS, versity_server.SECRET), bucket


def test_a_bucket_that_can_only_be_read_says_so(
    readonly_s3: tuple[S3Server, str], connect: Callable[..., S3Objects]
) -> None:
    """That nothing may be written is found out without writing; what is there is served; uploads are refused first."""
    server, bucket = readonly_s3

    async def scenario(store: S3Objects) -> None:
        await store.check()
        assert store.writable is False
        assert await read(store, "k") == b"theirs"
        for refused in (store.begin, partial(store.delete, "k")):
            with pytest.raises(Refused) as caught:
                await refused()
            assert caught.value.code == "read_only"

    run(connect(server, bucket), scenario)


def test_finding_out_whether_we_may_write_writes_nothing(
    versity_s3: S3Server, moto_server: S3Server, connect: Callable[..., S3Objects]
) -> None:
    """After the look the bucket is as empty as before, and known to be writable."""
    for server in (versity_s3, moto_server):
        bucket = server.bucket()

        async def scenario(store: S3Objects) -> None:
            await store.check()
            assert store.writable is True

        run(connect(server, bucket), scenario)
        assert "Contents" not in server.boto().list_objects_v2(Bucket=bucket)
    assert PROBE.startswith(".imagemill")


@pytest.mark.parametrize(
    ("changes", "bucket", "words"),
    [
        ({"secret_access_key": "wrong"}, "", "does not accept our credentials"),
        ({"access_key_id": "AKIDNOBODY"}, "", "does not accept our credentials"),
        ({"access_key_id": "", "secret_access_key": ""}, "", "no credentials"),
        ({}, "no-such-bucket", "no such bucket"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(
    versity_s3: S3Server,
    connect: Callable[..., S3Objects],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    bucket: str,
    words: str,
) -> None:
    """Each verb says what is wrong: never the key, the secret, the endpoint or the bucket; none says "not found"."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async def scenario(store: S3Objects) -> None:
        asks: tuple[Callable[[], Awaitable[object]], ...] = (
            store.check,
            partial(store.head, "k"),
            partial(store.stamp, "k"),
            partial(store.open, "k"),
            store.list,
            store.begin,
        )
        for ask in asks:
            with pytest.raises(Overloaded) as caught:
                await ask()
            assert words in caught.value.sentence
            for secret in (versity_s3.url, "127.0.0.1", versity_s3.access, versity_s3.secret, "wrong", "NOBODY"):
                assert secret not in caught.value.sentence

    connected = connect(versity_s3, bucket or versity_s3.bucket(), **changes)
    run(connected, scenario)


def test_a_store_that_is_not_there_is_away(connect: Callable[..., S3Objects]) -> None:
    """Nobody listens: an error with a time to come back, soon, and without the address."""
    nobody = S3Server("http://127.0.0.1:9", "AKID", "secret")

    async def scenario(store: S3Objects) -> None:
        with pytest.raises(ImagemillError) as caught:
            await store.head("k")
        assert caught.value.code == "store_away"
        assert "127.0.0.1" not in caught.value.sentence

    run(connect(nobody, "pictures"), scenario)


def test_what_is_written_is_encrypted_as_asked(moto_server: S3Server, connect: Callable[..., S3Objects]) -> None:
    """`s3.sse` goes with each object, also under a key that takes the other way, with the key of KMS."""
    for sse, kms in (("AES256", ""), ("aws:kms", "arn:aws:kms:us-east-1:123456789012:key/abc")):
        bucket, boto = moto_server.bucket(), moto_server.boto()

        async def scenario(store: S3Objects) -> None:
            for key in ("plain", "odd//key"):
                await put(store, key, b"x")

        run(connect(moto_server, bucket, sse=sse, kms_key_id=kms), scenario)
        for key in ("plain", "odd//key"):
            head = boto.head_object(Bucket=bucket, Key=key)
            assert head["ServerSideEncryption"] == sse
            assert head.get("SSEKMSKeyId", "") == kms
            assert head["ContentType"] == "image/png"


def test_metadata_of_others_may_be_anything(moto_server: S3Server, connect: Callable[..., S3Objects]) -> None:
    """A picture whose metadata are no UTF-8 (consoles write Latin-1) is served like any other."""
    bucket = moto_server.bucket()
    moto_server.boto().put_object(Bucket=bucket, Key="k", Body=b"theirs")

    async def scenario(store: S3Objects) -> None:
        assert await read(store, "k") == b"theirs"
        assert (await store.stamp("k")) is not None

    with fault_proxy(moto_server.url) as proxy:
        proxy.add = (b"x-amz-meta-name: caf\xe9",)
        run(connect(S3Server(proxy.url, "AKID", "secret"), bucket), scenario)


def test_what_is_too_long_is_not_fetched(versity_s3: S3Server, tmp_path: Path) -> None:
    """An object beyond the bound is refused from its header, in words, with no byte of it on our disk."""
    bucket = versity_s3.bucket()
    versity_s3.boto().put_object(Bucket=bucket, Key="k", Body=b"x" * 5000)

    async def scenario(store: S3Objects) -> None:
        with pytest.raises(Unprocessable, match="5000 bytes; at most 4999"):
            await store.open("k")

    run(S3Objects(versity_s3.connection(bucket), tmp_path / "spool", most=4999), scenario)


def test_a_server_on_files_imports_nothing_of_s3() -> None:
    """Whoever has a folder of pictures does not wait for clients of buckets."""
    code = (
        "import sys, imagemill.assembly, imagemill.settings as s; s.Settings.load({}, {});"
        "print([name for name in sys.modules if name.split('.')[0] in ('obstore', 'boto3')"
        " or name in ('imagemill.object_store.s3.connection', 'imagemill.object_store.s3.store')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
