"""What the roles of control and events on AWS allow, beside what both really ask of S3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deploy.aws.config import Config
from tests.functions.aws_secrets import SECRET_TEXT, SecretOf, secret_of
from tests.functions.http_events import Answered, Context, gateway_1
from tests.functions.queues import Queue
from tests.functions.s3_use import Json, allowing, plain, uses
from tests.object_store.s3_servers import S3Server
from tests.originals.library_kit import picture
from tests.servers.fault_proxy import fault_proxy
from tests.tools import need

from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.functions import control
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.warm import Warm
from imagemill.settings import Settings

__all__ = ["secret_of"]

RED, BLUE = picture("red"), picture("blue", (64, 48))
KEY = {"x-api-key": SECRET_TEXT, "content-type": "application/json"}


def rights(role: str) -> list[Json]:
    """Return the statements of a role about S3, with made-up numbers for what CloudFormation puts in."""
    need("node", "nodejs")
    from deploy.aws.__main__ import quiet_cdk

    quiet_cdk()
    from aws_cdk import App, Stack
    from deploy.aws.rights import control_rights, events_rights

    stack = Stack(App())
    made = {"control": control_rights, "events": events_rights}[role](Config(), distribution_id="E1")
    found = [plain(stack.resolve(one.to_statement_json())) for one in made]
    return [one for one in found if "s3:" in json.dumps(one["Action"])]


def names(originals: str, variants: str) -> dict[str, str]:
    """Return the names on AWS of a test's buckets."""
    home = Config().region
    return {originals: f"imagemill-originals-1-{home}", variants: f"imagemill-variants-1-{home}"}


def use_the_api(function: HttpFunction, server: S3Server, originals: str) -> None:
    """Have the control function do all that it does to the buckets."""

    def ask(target: str, method: str = "GET", body: bytes = b"") -> Answered:
        return Answered(function(gateway_1(target, method, KEY, body=body), Context()))

    def say(target: str, method: str, said: dict[str, Any]) -> Answered:
        return ask(target, method, json.dumps(said).encode())

    assert ask("/v1/originals/a.png", "PUT", RED).status == 201
    assert ask(f"/v1/originals/long/{'x' * 900}.png", "PUT", RED).status == 201
    assert ask("/v1/originals").status == 200
    assert ask("/v1/content/a.png").status == 200
    assert say("/v1/originals/a.png", "PATCH", {"tags": ["b"]}).status == 200
    assert say("/v1/presets/card", "PUT", {"options": "w=20"}).status in (200, 201)
    assert say("/v1/purges", "POST", {"key": "a.png"}).status in (200, 202)
    issued = say("/v1/uploads", "POST", {"key": "b.png", "method": "put"})
    assert issued.status == 201
    told = json.loads(issued.body)
    server.boto().put_object(Bucket=originals, Key=f".imagemill/quarantine/{told['id']}", Body=BLUE)
    assert ask(told["complete_url"], "POST").status in (200, 201)
    assert ask("/v1/originals/a.png", "DELETE").status == 204


def test_the_api_asks_for_nothing_that_its_role_refuses(
    buckets: S3Server, tmp_path: Path, secret_of: SecretOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Originals put, listed, described, uploaded past us and deleted; presets; purges; and each right is used."""
    secret_of()
    originals, variants = buckets.bucket(), buckets.bucket()
    with fault_proxy(buckets.url) as proxy:
        monkeypatch.setenv("IMAGEMILL_ORIGINALS__URL", f"s3://{originals}?endpoint={proxy.url}")
        monkeypatch.setenv("IMAGEMILL_VARIANTS__URL", f"s3://{variants}?endpoint={proxy.url}")
        function = HttpFunction(Warm(control.start), control.admitted)
        try:
            use_the_api(function, buckets, originals)
        finally:
            function.warm.close()
        asked = uses(proxy.seen, names(originals, variants))
    allowed = rights("control")
    assert {use for use in asked if not allowing(allowed, use)} == set()
    assert {allowing(allowed, use) for use in asked} == {one["Sid"] for one in allowed}


def test_the_handler_of_events_asks_for_nothing_that_its_role_refuses(buckets: S3Server, tmp_path: Path) -> None:
    """An original came, changed and went, an upload was finished, another refused; and each right is used."""
    originals, variants = buckets.bucket(), buckets.bucket()
    with fault_proxy(buckets.url) as proxy:
        settings = Settings.load(
            environ={
                "IMAGEMILL_DATA__DIR": str(tmp_path / "data"),
                "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={proxy.url}",
                "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={proxy.url}",
                "IMAGEMILL_S3__ACCESS_KEY_ID": buckets.access,
                "IMAGEMILL_S3__SECRET_ACCESS_KEY": buckets.secret,
                "IMAGEMILL_ORIGINALS__EAGER": "w=20",
            }
        )

        async def start() -> FunctionPlatform:
            return await build(settings)

        queue = Queue(buckets, start, originals, variants)
        try:
            uploads = [queue.ticket("up/a.png"), queue.ticket("up/bad.png")]
            proxy.seen.clear()  # tickets are the API's work
            quarantine = [f".imagemill/quarantine/{upload}" for upload in uploads]
            bodies = [queue.put(quarantine[0], RED), queue.put(quarantine[1], b"no picture")]
            assert queue.send(queue.put("a.png", RED), *bodies) == []
            assert queue.send(queue.put("a.png", BLUE)) == []
            assert queue.send(queue.delete("a.png")) == []
        finally:
            queue.function.warm.close()
        asked = uses(proxy.seen, names(originals, variants))
    allowed = rights("events")
    assert {use for use in asked if not allowing(allowed, use)} == set()
    assert {allowing(allowed, use) for use in asked} == {one["Sid"] for one in allowed if one["Effect"] == "Allow"}


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("events", "s3:DeleteObject", "originals/a.png"),
        ("events", "s3:DeleteObject", "replica/a.png"),
        ("events", "s3:PutObject", "variants/.imagemill/site/signing-keys.json"),
        ("events", "s3:DeleteObject", "variants/.imagemill/site/signing-keys.json"),
        ("events", "s3:PutObject", "variants/.imagemill/site/presets.json"),
        ("control", "s3:PutObject", "replica/a.png"),
        ("control", "s3:DeleteObject", "replica/a.png"),
        ("control", "s3:DeleteObjectVersion", "originals/a.png"),
        ("control", "s3:PutObject", "variants/other/a.png"),
        ("control", "s3:PutObject", "site/index.html"),
        ("control", "s3:GetObject", "logs/cloudtrail/a.gz"),
        ("control", "s3:PutBucketPolicy", "originals"),
    ],
)
def test_the_roles_allow_nothing_that_is_not_theirs(role: str, action: str, resource: str) -> None:
    """Events deletes no original and writes no key; nobody touches second copies, old versions, logs or pages."""
    bucket, slash, key = resource.partition("/")
    region = Config().replica_region if bucket == "replica" else Config().region
    assert allowing(rights(role), (action, f"arn:aws:s3:::imagemill-{bucket}-1-{region}{slash}{key}")) == ""
