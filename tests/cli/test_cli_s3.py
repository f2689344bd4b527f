"""Day-to-day work from the shell on a bucket, with no server running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.programs import imagemill
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.versity import versity

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "imagemill" / "demo" / "photos" / "rocket.jpg"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server with a folder of buckets."""
    folder = tmp_path_factory.mktemp("s3") / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        yield S3Server(url, versity_server.ACCESS, versity_server.SECRET)


@pytest.fixture
def env(s3: S3Server, tmp_path: Path) -> dict[str, str]:
    """The settings of a fresh bucket, the secret from a file."""
    (tmp_path / "secret").write_text(s3.secret + "\n")
    return {
        "IMAGEMILL_ORIGINALS__URL": f"s3://{s3.bucket()}/photos",
        "IMAGEMILL_S3__ENDPOINT": s3.url,
        "IMAGEMILL_S3__ACCESS_KEY_ID": s3.access,
        "IMAGEMILL_S3__SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
    }


def test_a_picture_goes_into_a_bucket_and_back(s3: S3Server, env: dict[str, str], tmp_path: Path) -> None:
    """put, ls, info, url, get, purge and rm work on the bucket itself; after rm nothing of the picture is there."""
    bucket = env["IMAGEMILL_ORIGINALS__URL"].split("/")[2]
    assert imagemill("put", SAMPLE, cwd=tmp_path, env=env).code == 0
    theirs = s3.boto().get_object(Bucket=bucket, Key="photos/rocket.jpg")
    assert theirs["Body"].read() == SAMPLE.read_bytes()
    assert imagemill("ls", cwd=tmp_path, env=env).out == "rocket.jpg\n"
    assert "640×427" in imagemill("info", "rocket.jpg", cwd=tmp_path, env=env).out
    assert "rocket.jpg?v=" in imagemill("url", "rocket.jpg", "w=300", cwd=tmp_path, env=env).out
    assert imagemill("get", "rocket.jpg", "-o", "back.jpg", cwd=tmp_path, env=env).code == 0
    assert (tmp_path / "back.jpg").read_bytes() == SAMPLE.read_bytes()
    assert imagemill("purge", "rocket.jpg", cwd=tmp_path, env=env).code == 0
    assert imagemill("rm", "rocket.jpg", cwd=tmp_path, env=env).code == 0
    left = [one["Key"] for one in s3.boto().list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert [key for key in left if "rocket" in key] == []


def test_doctor_tries_the_bucket_and_leaves_nothing(s3: S3Server, env: dict[str, str], tmp_path: Path) -> None:
    """It says that originals and variants can be kept there; a wrong secret and a wrong bucket are named as such."""
    bucket = env["IMAGEMILL_ORIGINALS__URL"].split("/")[2]
    said = {one["check"]: one for one in imagemill("doctor", "--json", cwd=tmp_path, env=env).lines}
    assert (said["originals"]["state"], said["variants"]["state"]) == ("ok", "ok")
    assert "Contents" not in s3.boto().list_objects_v2(Bucket=bucket)
    (tmp_path / "secret").write_text("wrong")
    ended = imagemill("doctor", "--json", cwd=tmp_path, env=env)
    assert "does not accept our credentials" in ended.out
    assert ended.code == 1
    assert "wrong" not in ended.out + ended.err
    (tmp_path / "secret").write_text(s3.secret)
    missing = imagemill("doctor", cwd=tmp_path, env=env | {"IMAGEMILL_ORIGINALS__URL": "s3://no-such-bucket"})
    assert "no such bucket" in missing.out


def test_the_secret_is_not_shown(env: dict[str, str], tmp_path: Path) -> None:
    """`settings` says that there is a secret and where it came from, and not what it is."""
    shown = imagemill("settings", "--json", cwd=tmp_path, env=env)
    row = next(one for one in shown.lines if one["name"] == "s3.secret_access_key")
    assert (row["value"], row["source"]) == ('"***"', "IMAGEMILL_S3__SECRET_ACCESS_KEY_FILE")
    assert versity_server.SECRET not in shown.out
