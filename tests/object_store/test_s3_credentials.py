"""Whose credentials requests to S3 are signed with, and that both clients sign with the same."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.object_store.s3_servers import S3Server
from tests.servers.fault_proxy import Fault, FaultProxy, fault_proxy

from imagemill.object_store.s3.address import S3Address
from imagemill.object_store.s3.connection import S3Connection
from imagemill.object_store.s3.credentials import Credentials, CredentialSource
from imagemill.object_store.s3.failures import Denied


class Roles:
    """The services that give credentials, all at one address; each answers with temporary ones."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seconds = 3600.0
        self.told = {"AccessKeyId": "ASIAROLE", "SecretAccessKey": "s", "Token": "t"}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Answer one request."""
        self.asked.append(f"{method} {path}")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.seconds))
        told = self.told | {"Expiration": until}
        if path == "/latest/api/token" and method == "PUT":
            return 200, "imds-token"
        if path.startswith("/latest/meta-data"):
            if headers.get("X-aws-ec2-metadata-token") != "imds-token":
                return 401, ""
            return 200, "the-role\n" if path.endswith("/security-credentials/") else json.dumps(told)
        if path == "/container":
            return (200, json.dumps(told)) if headers.get("Authorization") == "Bearer x" else (401, "")
        if method == "POST" and b"WebIdentityToken=kubernetes" in body and b"RoleArn=arn" in body:
            return 200, (
                "<R><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
                f"<SessionToken>t</SessionToken><Expiration>{until}</Expiration></Credentials></R>"
            )
        return 404, ""


@pytest.fixture
def roles() -> Iterator[tuple[Roles, str]]:
    """A server of roles on loopback."""
    what = Roles()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, text = what.answer(self.command, self.path, self.headers, body)  # type: ignore[arg-type]  # a mapping in all but name
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PUT = do_POST = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield what, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def asked_for(environ: dict[str, str], times: int = 1, given: Credentials | None = None) -> Any:
    """Ask a source for credentials so often and return the last."""

    async def ask() -> Credentials:
        async with httpx.AsyncClient(trust_env=False) as client:
            source = CredentialSource(given, environ, lambda: client)
            for _ in range(times):
                found = await source.get()
            return found

    return asyncio.run(ask())


def test_a_role_is_found_where_the_environment_says(roles: tuple[Roles, str], tmp_path: Path) -> None:
    """A web identity, a container's agent, a machine's IMDSv2: temporary credentials with their token and end."""
    _, url = roles
    (tmp_path / "token").write_text("kubernetes\n")
    (tmp_path / "agent").write_text("Bearer x\n")
    environments: list[dict[str, str]] = [
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/r",
            "AWS_ENDPOINT_URL_STS": url,
        },
        {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/container",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "agent"),
        },
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url},
    ]
    for environ in environments:
        found = asked_for(environ)
        assert (found.key_id, found.secret, found.token) == ("ASIAROLE", "s", "t")
        assert 3500 < found.expires - time.time() < 3700
        assert "secret" not in repr(found).replace("key_id", "")


def test_keys_that_were_given_win_and_nobody_is_asked(roles: tuple[Roles, str]) -> None:
    """Settings before variables, variables before any role."""
    what, url = roles
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s"}
    assert asked_for(environ).key_id == "AKIDENV"
    assert asked_for(environ, given=Credentials("AKIDFILE", "s")).key_id == "AKIDFILE"
    assert what.asked == []


@pytest.mark.parametrize(("seconds", "askings"), [(3600.0, 1), (60.0, 3)])
def test_credentials_are_renewed_before_their_end(roles: tuple[Roles, str], seconds: float, askings: int) -> None:
    """Those that hold for an hour are kept; those that end within minutes are asked for again."""
    what, url = roles
    what.seconds = seconds
    asked_for({"AWS_EC2_METADATA_SERVICE_ENDPOINT": url}, times=3)
    assert len(what.asked) == 3 * askings


@pytest.mark.parametrize(
    "environ",
    [{"AWS_EC2_METADATA_DISABLED": "true"}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/none"}],
)
def test_without_credentials_it_is_said(environ: dict[str, str]) -> None:
    """No keys, no role: a refusal of its own kind, not a failed connection to be repeated."""
    with pytest.raises(Denied, match="NoCredentials"):
        asked_for(environ)


def test_both_clients_sign_with_a_role(roles: tuple[Roles, str], versity_s3: S3Server) -> None:
    """A server that checks signatures takes what obstore sends and what we send, and the role is asked for once."""
    what, url = roles
    what.told = {"AccessKeyId": versity_s3.access, "SecretAccessKey": versity_s3.secret}
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
    settings = versity_s3.settings(access_key_id="", secret_access_key="")
    bucket = versity_s3.bucket()

    async def scenario() -> None:
        connection = S3Connection(S3Address(bucket), settings, environ=environ)
        await connection.place("k", b"x", content_type="image/png")
        assert (await connection.look("k")).size == 1
        assert [one.key for one in (await connection.page()).objects] == ["k"]
        await connection.remove("k")
        await connection.close()

    asyncio.run(scenario())
    assert len(what.asked) == 3


def test_a_role_whose_credentials_end_early_is_asked_again(roles: tuple[Roles, str], versity_s3: S3Server) -> None:
    """The store says that they ended: new ones are fetched and the request is made again, in both clients."""
    what, url = roles
    what.told = {"AccessKeyId": versity_s3.access, "SecretAccessKey": versity_s3.secret}
    bucket = versity_s3.bucket()

    async def scenario(proxy: FaultProxy) -> None:
        settings = versity_s3.settings(endpoint=proxy.url, access_key_id="", secret_access_key="")
        connection = S3Connection(S3Address(bucket), settings, environ={"AWS_EC2_METADATA_SERVICE_ENDPOINT": url})
        await connection.place("k", b"x", content_type="image/png")
        for method in ("PUT", "GET"):
            asked = len(what.asked)
            proxy.fail_next(Fault(status=400, code="ExpiredToken"), method=method)
            if method == "PUT":
                await connection.place("k", b"y", content_type="image/png")
            else:
                await connection.page()
            assert len(what.asked) == asked + 3
        await connection.close()

    with fault_proxy(versity_s3.url) as proxy:
        asyncio.run(scenario(proxy))
