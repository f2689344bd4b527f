"""Originals in a bucket: the bytes of one request go there without us, and are checked before anybody sees them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from tests.journeys.uploading import BYTES, SMALL, content, shown, ticket
from tests.object_store.s3_servers import S3Server
from tests.servers.versity import ACCESS, SECRET, versity
from tests.serving import RunningServer, serving


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Any, str]]:
    """A server over a bucket of a server that checks signatures."""
    folder = tmp_path_factory.mktemp("bucket")
    (folder / "s3").mkdir()
    with versity(folder / "s3") as url:
        s3 = S3Server(url, ACCESS, SECRET)
        name = s3.bucket()
        env = {
            "IMAGEMILL_ORIGINALS__URL": f"s3://{name}/pictures?endpoint={url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": ACCESS,
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": SECRET,
        }
        with serving(folder / "data", env=env) as server:
            yield server, s3.boto(), name


def complete(server: RunningServer, told: dict[str, Any]) -> httpx.Response:
    """Tell the server that the bytes are there, as the browser does."""
    return httpx.post(server.url + told["complete_url"], trust_env=False, timeout=60)


def names(boto: Any, name: str) -> list[str]:
    """Return the keys of pictures in the bucket, and what waits in quarantine."""
    found = boto.list_objects_v2(Bucket=name).get("Contents", [])
    return [one["Key"] for one in found if not re.search("/[.]imagemill/(site|variants)/", one["Key"])]


def test_a_presigned_put(bucket: tuple[RunningServer, Any, str]) -> None:
    """The bytes wait under no key of a picture until the check, then they are the original and gone from there."""
    server, boto, name = bucket
    told = ticket(server, "a.jpg", content_type="image/jpeg")
    assert "X-Amz-Signature" in told["url"]
    assert complete(server, told).json()["code"] == "nothing_received"
    assert httpx.put(told["url"], content=SMALL, headers=told["headers"], trust_env=False).status_code == 200
    assert shown(server, told)["state"] == "received"
    assert names(boto, name) == [f"pictures/.imagemill/quarantine/{told['id']}"]
    done = complete(server, told)
    assert done.json()["state"] == "done", done.text
    assert content(server, "a.jpg") == SMALL
    assert names(boto, name) == ["pictures/a.jpg"]
    again = complete(server, told)
    assert (again.status_code, again.json()["version"]) == (200, done.json()["version"])


def test_a_presigned_put_of_a_known_length(bucket: tuple[RunningServer, Any, str]) -> None:
    """Whoever says the file's length gets a link for exactly so many bytes: the store itself refuses any more."""
    server, boto, name = bucket
    told = ticket(server, "exact.jpg", length=len(SMALL))
    assert told["headers"]["content-length"] == str(len(SMALL))
    assert shown(server, told)["length"] == told["max_bytes"] == len(SMALL)
    for data in (SMALL + bytes(1_000_000), SMALL[:-1]):
        assert httpx.put(told["url"], content=data, trust_env=False).status_code == 403
    assert names(boto, name).count(f"pictures/.imagemill/quarantine/{told['id']}") == 0
    assert httpx.put(told["url"], content=SMALL, headers=told["headers"], trust_env=False).status_code == 200
    assert complete(server, told).json()["size"] == len(SMALL)


def test_a_presigned_form(bucket: tuple[RunningServer, Any, str]) -> None:
    """The store itself refuses what is too long; a good form becomes the original."""
    server, _boto, _name = bucket
    told = ticket(server, "b.jpg", method="post", max_bytes=len(SMALL))
    too_long = {"file": ("b", SMALL + b"1")}
    assert requests.post(told["url"], data=told["fields"], files=too_long, timeout=60).status_code in (
        400,
        403,
        413,
    )
    good = requests.post(told["url"], data=told["fields"], files={"file": ("b", SMALL)}, timeout=60)
    assert good.status_code in (200, 204), good.text
    with server.client() as client:
        done = client.post(f"/v1/uploads/{told['id']}/complete")
    assert done.status_code == 201, done.text
    assert "tags" not in done.json(), "a browser learns no more than its page needs"
    assert shown(server, told)["original"]["sha256"] == hashlib.sha256(SMALL).hexdigest()


@pytest.mark.parametrize(
    ("data", "wanted", "status", "code"),
    [
        (b"<script>alert(1)</script>", {}, 415, "not_an_image"),
        (SMALL, {"content_type": "image/png"}, 415, "other_content_type"),
        (SMALL, {"max_bytes": 1000}, 413, "too_large"),
    ],
    ids=["no picture", "another type", "too long"],
)
def test_what_the_check_refuses(
    bucket: tuple[RunningServer, Any, str], data: bytes, wanted: dict[str, Any], status: int, code: str
) -> None:
    """A link without a length binds none, so the check does: the bytes are removed, and the ticket says why."""
    server, boto, name = bucket
    told = ticket(server, "bad.jpg", **wanted)
    assert httpx.put(told["url"], content=data, headers=told["headers"], trust_env=False).status_code == 200
    refused = complete(server, told)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert shown(server, told)["problem"]["code"] == code
    assert f"pictures/.imagemill/quarantine/{told['id']}" not in names(boto, name)
    assert content(server, "bad.jpg") is None


def test_a_resumable_upload_waits_on_the_node(bucket: tuple[RunningServer, Any, str]) -> None:
    """Tus bytes lie in the data folder until they are whole; the original lies in the bucket."""
    server, boto, name = bucket
    told = ticket(server, "t.jpg", method="tus")
    assert told["url"].startswith(server.url)
    headers = {**BYTES, "Upload-Offset": "0", "Upload-Length": str(len(SMALL))}
    assert httpx.patch(told["url"], content=SMALL, headers=headers, trust_env=False, timeout=60).status_code == 204
    assert boto.get_object(Bucket=name, Key="pictures/t.jpg")["Body"].read() == SMALL
