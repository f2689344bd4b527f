"""Requests to S3: where they go, how they are signed, what the answers mean."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.object_store.guard import Away, Slow
from imagemill.object_store.s3.address import BadAddress, S3Address, address_of
from imagemill.object_store.s3.credentials import Credentials
from imagemill.object_store.s3.failures import Denied, Full, Missing, Odd, Unmet, of_body, of_status
from imagemill.object_store.s3.listing import read_page
from imagemill.object_store.s3.place import place_of
from imagemill.object_store.s3.settings import S3Settings
from imagemill.object_store.s3.signature import path_of, query_of, signed


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://pictures", S3Address("pictures")),
        ("s3://pictures/", S3Address("pictures")),
        ("S3://pictures/a/b/", S3Address("pictures", "a/b/")),
        ("s3://pictures/my%20photos", S3Address("pictures", "my photos/")),
        (
            "s3://pictures/a?endpoint=http://127.0.0.1:9000&region=eu-west-1",
            S3Address("pictures", "a/", "http://127.0.0.1:9000", "eu-west-1"),
        ),
        ("file:///srv", None),
        ("memory://", None),
        ("", None),
    ],
)
def test_a_url_names_a_bucket_and_a_prefix(url: str, address: S3Address | None) -> None:
    """The path is the prefix, percent-decoded; endpoint and region may stand in the query."""
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        *(
            "s3://",
            "s3:pictures",
            "s3:///a",
            "s3://AB",
            "s3://a",
            "s3://my_pictures",
            "s3://-pictures",
            "s3://" + "a" * 64,
        ),
        *(
            "s3://key:secret@pictures/",
            "s3://pictures/a//b",
            "s3://pictures/..",
            "s3://pictures/~/x",
            "s3://pictures/%00",
        ),
        *("s3://pictures/%ff", "s3://pictures#x", "s3://pictures?x=1", "s3://pictures?region=a&region=b"),
        *("s3://pictures?endpoint=store", "s3://pictures?endpoint=http://u:p@h", "s3://pictures?endpoint=http://h/p"),
        *("s3://pictures?region=", "s3://pictures/" + "a" * 257),
    ],
)
def test_what_names_no_bucket_is_refused(url: str) -> None:
    """A mistyped URL stops the start, and a secret in it is not repeated."""
    with pytest.raises(BadAddress) as caught:
        address_of(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "settings", "environ", "base", "path", "region"),
    [
        ("s3://pictures", {}, {}, "https://pictures.s3.us-east-1.amazonaws.com", "/", "us-east-1"),
        (
            "s3://pictures",
            {},
            {"AWS_REGION": "eu-west-1"},
            "https://pictures.s3.eu-west-1.amazonaws.com",
            "/",
            "eu-west-1",
        ),
        (
            "s3://pictures?region=eu-north-1",
            {"region": "eu-west-1"},
            {},
            "https://pictures.s3.eu-north-1.amazonaws.com",
            "/",
            "eu-north-1",
        ),
        ("s3://my.pictures", {}, {}, "https://s3.us-east-1.amazonaws.com", "/my.pictures/", "us-east-1"),
        (
            "s3://pictures",
            {"region": "cn-north-1"},
            {},
            "https://pictures.s3.cn-north-1.amazonaws.com.cn",
            "/",
            "cn-north-1",
        ),
        (
            "s3://pictures",
            {"endpoint": "https://s3.example.com"},
            {},
            "https://s3.example.com",
            "/pictures/",
            "us-east-1",
        ),
        (
            "s3://pictures",
            {"endpoint": "https://s3.example.com:443", "path_style": "no"},
            {},
            "https://pictures.s3.example.com",
            "/",
            "us-east-1",
        ),
        ("s3://pictures", {"path_style": "yes"}, {}, "https://s3.us-east-1.amazonaws.com", "/pictures/", "us-east-1"),
        (
            "s3://pictures",
            {},
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"},
            "http://127.0.0.1:9000",
            "/pictures/",
            "us-east-1",
        ),
        (
            "s3://pictures?endpoint=http://[::1]:9000",
            {"endpoint": "https://other"},
            {},
            "http://[::1]:9000",
            "/pictures/",
            "us-east-1",
        ),
    ],
)
def test_where_requests_go(
    address: str, settings: dict[str, str], environ: dict[str, str], base: str, path: str, region: str
) -> None:
    """The URL wins over the settings, those over the standard variables; AWS has the bucket in the host name."""
    found = address_of(address)
    assert found is not None
    place = place_of(found, S3Settings(**settings), environ)  # type: ignore[arg-type]  # a table of texts
    assert (place.base, place.path, place.region) == (base, path, region)


KEYS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)


@given(KEYS, st.dictionaries(KEYS, KEYS, max_size=3), st.binary(max_size=50), st.booleans())
def test_signatures_are_those_of_botocore(key: str, query: dict[str, str], body: bytes, temporary: bool) -> None:
    """Any key, query, body and token is signed as AWS's own client signs it."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as BotoCredentials

    now = time.time()
    path, text = "/bucket/" + path_of(key), query_of(query)
    token = "token/with=odd+signs" if temporary else ""
    ours = dict(
        signed(
            *("GET", "s3.example.com", path, text, [("if-match", '"a b"')], body),
            credentials=Credentials("AKID", "secret", token),
            region="eu-west-1",
            now=now,
        )
    )
    request = AWSRequest("GET", f"https://s3.example.com{path}?{text}", data=body, headers={"If-Match": '"a b"'})
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    auth = S3SigV4Auth(BotoCredentials("AKID", "secret", token or None), "s3", "eu-west-1")
    request.context["timestamp"] = ours["x-amz-date"]
    if temporary:
        request.headers["X-Amz-Security-Token"] = token
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert ours["authorization"].endswith(f"Signature={wanted}")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        *((412, "PreconditionFailed", Unmet), (409, "ConditionalRequestConflict", Unmet), (409, "", Unmet)),
        *((409, "OperationAborted", Away), (409, "ObjectParentIsFile", Odd), (404, "NoSuchKey", Missing)),
        *((500, "InternalError", Away), (503, "SlowDown", Away), (429, "", Away), (400, "RequestTimeout", Away)),
        *((403, "AccessDenied", Denied), (403, "RequestTimeTooSkewed", Denied), (400, "ExpiredToken", Denied)),
        *((507, "", Full), (301, "PermanentRedirect", Odd), (501, "NotImplemented", Odd)),
    ],
)
def test_answers_have_their_kind(status: int, code: str, kind: type[Exception]) -> None:
    """What may be repeated, what is a refusal and what nothing mends are told apart by status and code."""
    assert type(of_status(status, code)) is kind
    assert type(of_body(status, f"<Error><Code>{code}</Code></Error>".encode())) is kind
    assert not isinstance(of_status(status, code), Slow)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>"]
)
def test_half_a_listing_is_no_listing(body: bytes) -> None:
    """An answer that cannot be read is asked for again instead of being taken for an empty bucket."""
    with pytest.raises(Away):
        read_page(body)
