"""The four functions as Lambda runs them: AWS's runtime client, and the code of the unpacked bundle alone."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.functions.http_events import SHAPES, Answered, Event, function_url, gateway_1
from tests.functions.makers import SITE, picture
from tests.object_store.s3_servers import S3Server
from tests.servers import versity as versity_server
from tests.servers.lambda_runtime import LambdaRuntime
from tests.servers.versity import versity

KEY = "a-long-random-text-of-more-than-32-characters"
DELIVERY = "imagemill.functions.delivery.handler"
RunningOf = Callable[..., LambdaRuntime]
WEBP = "/img/w=100,fm=webp/trips/sea.png"


@pytest.fixture(scope="module")
def signing_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that checks signatures, as Amazon's does."""
    folder = tmp_path_factory.mktemp("versity") / "buckets"
    folder.mkdir()
    with versity(folder) as url:
        yield S3Server(url, versity_server.ACCESS, versity_server.SECRET)


@pytest.fixture(scope="module")
def site(signing_s3: S3Server) -> dict[str, str]:
    """The settings of a site with one picture, in fresh buckets; the keys are where Lambda puts a role's."""
    originals, variants = signing_s3.bucket(), signing_s3.bucket()
    signing_s3.boto().put_object(Bucket=originals, Key="trips/sea.png", Body=picture())
    return {
        **SITE,
        "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={signing_s3.url}",
        "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={signing_s3.url}",
        "AWS_ACCESS_KEY_ID": signing_s3.access,
        "AWS_SECRET_ACCESS_KEY": signing_s3.secret,
        "AWS_REGION": "us-east-1",
    }


@pytest.fixture
def running(site: dict[str, str], tmp_path: Path) -> Iterator[RunningOf]:
    """Run functions with the site's settings and more; each has a folder of its own for `/tmp`."""
    made: list[LambdaRuntime] = []

    def run(code: Path, handler: str = DELIVERY, *, timeout: float = 30.0, **env: str) -> LambdaRuntime:
        folder = {"IMAGEMILL_DATA__DIR": str(tmp_path / f"data-{len(made)}")}
        log = tmp_path / f"log-{len(made)}"
        made.append(LambdaRuntime(code, handler, log, env=site | folder | env, timeout=timeout))
        return made[-1]

    yield run
    for one in made:
        one.close()


def answered(function: LambdaRuntime, event: Event) -> Answered:
    """Return the answer to an HTTP event; fails with the function's log where there is none."""
    done = function.invoke(event)
    assert done.error is None, f"{done.error}\n{function.written()[-3000:]}"
    return Answered(done.payload)


def test_a_picture_is_made_once_and_the_process_stays(running: RunningOf, delivery_code: Path) -> None:
    """From nothing but the bundle: made, kept, and found by the warm process and by another one."""
    function = running(delivery_code)
    first = answered(function, function_url(WEBP))
    assert first.status == 200
    assert first.headers["content-type"] == "image/webp"
    assert first.body[8:12] == b"WEBP"
    pid = function.pid
    again = answered(function, function_url(WEBP))
    assert (again.body, again.headers["cache-status"]) == (first.body, "imagemill; hit; detail=store")
    assert function.pid == pid
    other = answered(running(delivery_code), function_url(WEBP))
    assert (other.body, other.headers["cache-status"]) == (first.body, "imagemill; hit; detail=store")


def test_every_kind_of_http_event_is_answered(running: RunningOf, delivery_code: Path) -> None:
    """The function URL's and both of API Gateway's, with the same picture."""
    function = running(delivery_code)
    bodies = {name: answered(function, made(WEBP)).body for name, made in SHAPES.items()}
    assert len(set(bodies.values())) == 1


def test_a_refusal_keeps_its_status_and_document(running: RunningOf, delivery_code: Path) -> None:
    """The client of the runtime adds and loses nothing."""
    function = running(delivery_code)
    for target, status, code in (
        ("/img/w=100/trips/none.png", 404, "no_such_original"),
        ("/img/w=banana/trips/sea.png", 400, "bad_option"),
        ("/v1/originals", 404, "not_found"),
    ):
        answer = answered(function, function_url(target))
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        assert json.loads(answer.body)["code"] == code, target


def test_a_large_answer_goes_round_the_wall(running: RunningOf, delivery_code: Path, signing_s3: S3Server) -> None:
    """More than Lambda would carry becomes a redirect to what is kept, which nobody may keep."""
    originals, variants = signing_s3.bucket(), signing_s3.bucket()
    signing_s3.boto().put_object(Bucket=originals, Key="wall.png", Body=picture(1300))
    function = running(
        delivery_code,
        IMAGEMILL_ORIGINALS__URL=f"s3://{originals}?endpoint={signing_s3.url}",
        IMAGEMILL_VARIANTS__URL=f"s3://{variants}?endpoint={signing_s3.url}",
    )
    answer = answered(function, function_url("/img/w=1299,fm=png/wall.png"))
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert "?v=" in answer.headers["location"]
    kept = signing_s3.boto().list_objects_v2(Bucket=variants, Prefix="default/wall.png/~/")["Contents"]
    assert max(one["Size"] for one in kept) > 4_500_000


def test_a_store_that_never_answers_costs_no_process(running: RunningOf, delivery_code: Path) -> None:
    """The function answers by itself before Lambda would end it, and is there for the next event."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        url = f"s3://bucket?endpoint=http://127.0.0.1:{deaf.getsockname()[1]}"
        slow = running(delivery_code, timeout=20.0, IMAGEMILL_ORIGINALS__URL=url, IMAGEMILL_S3__REQUEST_SECONDS="60")
        assert slow.start() is None, slow.written()
        for _ in range(5):  # half a second is left to hand the answer over: a busy machine may take it, not each time
            pid, slow.timeout = slow.pid, 2.0
            done = slow.invoke(function_url(WEBP))
            slow.timeout = 20.0
            if done.error is None:
                break
            assert slow.start() is None, slow.written()
        answer = Answered(done.answer())
        assert answer.status == 503
        assert json.loads(answer.body)["code"] == "no_time_left"
        assert answered(slow, function_url("/healthz/live")).status == 200
        assert slow.pid == pid


def test_an_event_of_another_kind_is_an_error_without_secrets(running: RunningOf, delivery_code: Path) -> None:
    """What Lambda hands to its caller and writes to the log names the fault, and no setting."""
    function = running(delivery_code, IMAGEMILL_EDGE_SECRET="edge-word-of-the-tests")
    failed = function.invoke({"Records": [{"messageId": "1", "body": "{}"}]})
    assert failed.error is not None
    assert failed.error["errorType"] == "NotHttp"
    assert failed.error["errorMessage"].startswith("Expected an event of a function URL")
    told = json.dumps(failed.error) + function.written()
    for secret in ("edge-word-of-the-tests", versity_server.SECRET):
        assert secret not in told
    assert answered(function, function_url(WEBP)).status == 200


def test_a_wrong_setting_fails_the_start_with_one_sentence(running: RunningOf, delivery_code: Path) -> None:
    """The function takes no request; whoever looks reads the setting's name."""
    function = running(delivery_code, IMAGEMILL_VARIANTS__URL="gopher://bucket")
    refused = function.start()
    assert refused is not None
    assert refused["errorType"] == "SettingsError"
    assert "variants.url" in refused["errorMessage"]
    assert refused["errorMessage"].count("\n") == 0


def test_the_control_api_answers_behind_api_gateway(running: RunningOf, control_code: Path, tmp_path: Path) -> None:
    """With the key it lists the bucket; without it refuses."""
    (tmp_path / "admin.key").write_text(KEY)
    more = {"IMAGEMILL_ADMIN__KEY_FILE": str(tmp_path / "admin.key"), "IMAGEMILL_CDN__KIND": ""}
    function = running(control_code, "imagemill.functions.control.handler", **more)
    answer = answered(function, gateway_1("/v1/originals", headers={"x-api-key": KEY}))
    assert answer.status == 200, answer.body
    assert [one["key"] for one in json.loads(answer.body)["items"]] == ["trips/sea.png"]
    assert answered(function, gateway_1("/v1/originals")).status == 401


def test_a_message_of_s3_is_carried_out(running: RunningOf, control_code: Path, signing_s3: S3Server) -> None:
    """By way of SQS: the picture gets its record; a second delivery harms nothing."""
    originals, variants = signing_s3.bucket(), signing_s3.bucket()
    signing_s3.boto().put_object(Bucket=originals, Key="new.png", Body=picture())
    function = running(
        control_code,
        "imagemill.functions.events.handler",
        IMAGEMILL_CDN__KIND="",
        IMAGEMILL_ORIGINALS__URL=f"s3://{originals}?endpoint={signing_s3.url}",
        IMAGEMILL_VARIANTS__URL=f"s3://{variants}?endpoint={signing_s3.url}",
    )
    entity = {"bucket": {"name": originals}, "object": {"key": "new.png"}}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": entity}
    batch = {"Records": [{"messageId": "1", "body": json.dumps({"Records": [record]})}]}
    for _ in range(2):
        done = function.invoke(batch)
        assert done.answer() == {"batchItemFailures": []}, function.written()
    names = [one["Key"] for one in signing_s3.boto().list_objects_v2(Bucket=variants)["Contents"]]
    assert "default/new.png/~/record.json" in names


def test_the_authorizer_lets_the_key_in(running: RunningOf, control_code: Path, tmp_path: Path) -> None:
    """A policy for the one method that was asked; for another key a denial, not an error."""
    (tmp_path / "admin.key").write_text(KEY)
    function = running(
        control_code,
        "imagemill.functions.authorizer.handler",
        IMAGEMILL_ADMIN__KEY_FILE=str(tmp_path / "admin.key"),
    )
    arn = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/prod/GET/v1/originals"
    for key, effect in ((KEY, "Allow"), (KEY[::-1], "Deny")):
        event = {"type": "REQUEST", "methodArn": arn, "headers": {"x-api-key": key}}
        (statement,) = function.invoke(event).answer()["policyDocument"]["Statement"]
        assert (statement["Effect"], statement["Resource"]) == (effect, arn)
