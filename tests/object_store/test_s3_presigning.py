"""Presigned links and forms: the same as botocore's, and what a server that checks signatures takes and refuses."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.object_store.s3_servers import S3Server

from imagemill.object_store.s3.address import S3Address
from imagemill.object_store.s3.credentials import Credentials
from imagemill.object_store.s3.place import place_of
from imagemill.object_store.s3.presigning import Link, get_link, post_form, put_link
from imagemill.object_store.s3.settings import S3Settings

WHO = Credentials("AKIDEXAMPLE", "a secret+of/the=tests", "a/token+with=signs")
KEYS = ["plain.jpg", "a b/c+d&e=f.png", "päivä/日本.webp", "~a'(b)*!.gif"]


def theirs(**changes: Any) -> Any:
    """Return botocore's client."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        aws_access_key_id=WHO.key_id,
        aws_secret_access_key=WHO.secret,
        aws_session_token=WHO.token,
        region_name="eu-west-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        endpoint_url="https://s3.example.com",
        **changes,
    )


PLACE = place_of(S3Address("pictures"), S3Settings(endpoint="https://s3.example.com", region="eu-west-1"), {})


def when(stamp: str) -> float:
    """Return the time that a signature names."""
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("media", [None, "image/png"])
def test_a_link_is_the_one_that_botocore_makes(key: str, media: str | None) -> None:
    """Address, parameters and signature are the same, whatever stands in the key."""
    said = {} if media is None else {"ContentType": media, "ContentLength": 1234}
    params = {"Bucket": "pictures", "Key": key, **said}
    expected = urlsplit(theirs().generate_presigned_url("put_object", Params=params, ExpiresIn=600))
    asked = parse_qs(expected.query)
    headers = {} if media is None else {"content-type": media, "content-length": "1234"}
    now = when(asked["X-Amz-Date"][0])
    link = put_link(PLACE, key, credentials=WHO, now=now, expires_in=600, headers=headers)
    ours = urlsplit(link.url)
    assert (ours.netloc, ours.path) == (expected.netloc, expected.path)
    assert parse_qs(ours.query) == asked
    assert link.headers == headers


@pytest.mark.parametrize("key", KEYS)
def test_a_link_to_read_is_the_one_that_botocore_makes(key: str) -> None:
    """With other words for the answer, whatever stands in them."""
    said = {"cache-control": "private, max-age=9", "content-disposition": 'attachment; filename="a+b c.png"'}
    params = {
        "Bucket": "pictures",
        "Key": key,
        "ResponseCacheControl": said["cache-control"],
        "ResponseContentDisposition": said["content-disposition"],
    }
    expected = urlsplit(theirs().generate_presigned_url("get_object", Params=params, ExpiresIn=300))
    asked = parse_qs(expected.query)
    link = get_link(PLACE, key, credentials=WHO, now=when(asked["X-Amz-Date"][0]), expires_in=300, answer=said)
    ours = urlsplit(link.url)
    assert (ours.netloc, ours.path) == (expected.netloc, expected.path)
    assert parse_qs(ours.query) == asked


@pytest.mark.parametrize("key", KEYS)
def test_a_form_is_the_one_that_botocore_makes(key: str) -> None:
    """The same fields and the same demands; the policy's own text may differ, so its signature is checked by theirs."""
    expected = theirs().generate_presigned_post(
        "pictures",
        key,
        Fields={"Content-Type": "image/png"},
        Conditions=[["content-length-range", 1, 5000], {"Content-Type": "image/png"}],
        ExpiresIn=600,
    )
    fields = expected["fields"]
    now = when(fields["x-amz-date"])
    form = post_form(
        PLACE, "pictures", key, credentials=WHO, now=now, expires_in=600, most_bytes=5000, content_type="image/png"
    )
    assert form.url == expected["url"]
    assert form.fields.keys() == fields.keys()
    policies = [json.loads(base64.b64decode(one["policy"])) for one in (form.fields, fields)]
    ours, others = (sorted(json.dumps(one) for one in policy["conditions"]) for policy in policies)
    assert ours == others
    ends = [datetime.fromisoformat(policy["expiration"]).timestamp() for policy in policies]
    assert abs(ends[0] - ends[1]) <= 1
    assert {name: form.fields[name] for name in fields if name not in ("policy", "x-amz-signature")} == {
        name: text for name, text in fields.items() if name not in ("policy", "x-amz-signature")
    }


@pytest.fixture(params=["versity_s3", "moto_server"])
def server(request: pytest.FixtureRequest) -> S3Server:
    """A server that checks signatures, and moto, which does not."""
    found: S3Server = request.getfixturevalue(request.param)
    return found


def link_of(server: S3Server, bucket: str, **wanted: Any) -> Link:
    """Return a link or a form for `bucket`, made by our connection."""

    async def run() -> Link:
        connection = server.connection(bucket, "q/")
        try:
            if "most_bytes" in wanted:
                return await connection.post_form("one", expires_in=60, **wanted)
            return await connection.put_link("one", expires_in=60, **wanted)
        finally:
            await connection.close()

    return asyncio.run(run())


def yesterday(server: S3Server, bucket: str) -> dict[str, Any]:
    """Return what `presigning` takes to sign something that is over since yesterday."""
    place = place_of(S3Address(bucket), server.settings(), {})
    who = Credentials(server.access, server.secret)
    return {"place": place, "credentials": who, "now": time.time() - 86_400, "expires_in": 60}


def stored(server: S3Server, bucket: str) -> bytes | None:
    """Return what lies in the bucket now."""
    client = server.boto()
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    if not listed:
        return None
    assert [one["Key"] for one in listed] == ["q/one"]
    data: bytes = client.get_object(Bucket=bucket, Key="q/one")["Body"].read()
    return data


def test_a_server_takes_what_is_signed(server: S3Server) -> None:
    """Link and form write the object; the form with a type, and with one of any picture."""
    bucket = server.bucket()
    link = link_of(server, bucket, headers={"content-type": "image/png", "content-length": "7"})
    assert httpx.put(link.url, content=b"by link", headers=dict(link.headers)).status_code == 200
    assert stored(server, bucket) == b"by link"
    form = link_of(server, bucket, most_bytes=100, content_type="image/png")
    posted = httpx.post(form.url, data=dict(form.fields), files={"file": ("a.png", b"by form", "image/png")})
    assert posted.status_code in (200, 204), posted.text
    assert stored(server, bucket) == b"by form"
    form = link_of(server, bucket, most_bytes=100, content_type="image/*")
    fields = {**form.fields, "Content-Type": "image/webp"}
    posted = httpx.post(form.url, data=fields, files={"file": ("a.png", b"by any", "image/webp")})
    assert posted.status_code in (200, 204), posted.text
    assert stored(server, bucket) == b"by any"


@pytest.mark.parametrize("sent", [0, 9, 11, 1000])
def test_a_link_for_a_length_takes_no_other(versity_s3: S3Server, sent: int) -> None:
    """The length is signed: neither more bytes than were announced are stored, nor fewer; exactly these are."""
    bucket = versity_s3.bucket()
    link = link_of(versity_s3, bucket, headers={"content-length": "10"})
    assert httpx.put(link.url, content=b"x" * sent).status_code == 403
    assert stored(versity_s3, bucket) is None
    assert httpx.put(link.url, content=b"x" * 10, headers=dict(link.headers)).status_code == 200
    assert stored(versity_s3, bucket) == b"x" * 10


@pytest.mark.parametrize("how", ["changed key", "other type", "expired", "another's signature"])
def test_a_server_refuses_a_link_that_was_changed(versity_s3: S3Server, how: str) -> None:
    """A signature is for one key, one type and one time."""
    bucket = versity_s3.bucket()
    link = link_of(versity_s3, bucket, headers={"content-type": "image/png"})
    url, media = link.url, "image/png"
    if how == "changed key":
        url = url.replace("/q/one?", "/q/two?")
    elif how == "other type":
        media = "text/html"
    elif how == "expired":
        url = put_link(key="q/one", headers={"content-type": media}, **yesterday(versity_s3, bucket)).url
    else:
        url = url[:-4] + ("0000" if url[-4:] != "0000" else "1111")
    assert httpx.put(url, content=b"x", headers={"content-type": media}).status_code in (400, 403)
    assert stored(versity_s3, bucket) is None


@pytest.mark.parametrize("how", ["too long", "empty", "changed key", "other type", "expired"])
def test_a_server_refuses_a_form_that_was_changed(versity_s3: S3Server, how: str) -> None:
    """The policy binds key, size, type and time."""
    bucket = versity_s3.bucket()
    form = link_of(versity_s3, bucket, most_bytes=10, content_type="image/png")
    fields, data = dict(form.fields), b"1234567890"
    if how == "too long":
        data += b"1"
    elif how == "empty":
        data = b""
    elif how == "changed key":
        fields["key"] = "q/two"
    elif how == "other type":
        fields["Content-Type"] = "text/html"
    else:
        bound: dict[str, Any] = {"most_bytes": 10, "content_type": "image/png"}
        fields = dict(post_form(bucket=bucket, key="q/one", **bound, **yesterday(versity_s3, bucket)).fields)
    posted = httpx.post(form.url, data=fields, files={"file": ("a", data, "image/png")})
    assert 400 <= posted.status_code < 500, posted.text
    assert stored(versity_s3, bucket) is None
