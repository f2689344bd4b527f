"""Calls to services of AWS: signed as its own library signs, repeated where that helps, refused in words."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.servers.recorder import Recorder, recording

from imagemill.aws_calls.queues import send_message
from imagemill.aws_calls.secrets import region_of, secret_text
from imagemill.aws_calls.service import AwsCallError, AwsService
from imagemill.object_store.s3.credentials import Credentials
from imagemill.object_store.s3.signature import signed

ENVIRON = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:imagemill/admin-AbCdEf"


def service(recorder: Recorder, name: str = "sqs", **environ: str) -> AwsService:
    """Return a service whose answers the recorder gives."""
    return AwsService(name, environ={**ENVIRON, "AWS_ENDPOINT_URL": recorder.url, **environ}, pauses=(0.0, 0.0))


@pytest.mark.parametrize(("name", "token"), [("sqs", ""), ("sqs", "a session/token=="), ("secretsmanager", "t")])
def test_signatures_are_those_of_botocore(name: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any service, permanent and temporary credentials."""
    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as BotoCredentials

    host, now, body = f"{name}.eu-west-1.amazonaws.com", 1_700_000_000.0, b'{"QueueUrl": "x"}'
    headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.SendMessage")]
    ours = signed(
        *("POST", host, "/", "", headers, body),
        credentials=Credentials("AKID", "secret", token),
        region="eu-west-1",
        now=now,
        service=name,
    )
    theirs = AWSRequest("POST", f"https://{host}/", headers=dict(ours[:-1]), data=body)
    signer = botocore.auth.SigV4Auth(BotoCredentials("AKID", "secret", token or None), name, "eu-west-1")
    theirs.context["timestamp"] = dict(ours)["x-amz-date"]
    canonical = signer.canonical_request(theirs)
    text = signer.string_to_sign(theirs, canonical)
    assert dict(ours)["authorization"].endswith(f"Signature={signer.signature(text, theirs)}")


def test_a_message_is_sent_with_its_attributes() -> None:
    """The words of SQS's JSON protocol; what SQS does not take is replaced, never sent."""
    with recording() as recorder:
        recorder.answers = [(200, {}, b'{"MessageId": "m-1"}')]

        async def send() -> str:
            one = service(recorder, AWS_SESSION_TOKEN="t")
            try:
                return await send_message("https://q/1", "a\x00b", one, attributes={"reason": "x" * 2000, "code": ""})
            finally:
                await one.close()

        assert asyncio.run(send()) == "m-1"
    [request] = recorder.requests
    assert request.headers["x-amz-target"] == "AmazonSQS.SendMessage"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-security-token"] == "t"
    assert "/eu-west-1/sqs/aws4_request" in request.headers["authorization"]
    sent = json.loads(request.body)
    assert (sent["QueueUrl"], sent["MessageBody"]) == ("https://q/1", "a�b")
    assert len(sent["MessageAttributes"]["reason"]["StringValue"]) == 1000
    assert sent["MessageAttributes"]["code"]["StringValue"] == "(empty)"


def test_a_secret_is_asked_in_its_own_region() -> None:
    """An ARN says where it is; the environment's region is the function's."""
    assert region_of(ARN) == "eu-central-1"
    assert region_of("imagemill/admin") == ""
    with recording() as recorder:
        recorder.answers = [(200, {}, b'{"SecretString": "word"}'), (200, {}, b'{"SecretBinary": "AA=="}')]
        assert asyncio.run(_secret(recorder)) == "word"
        with pytest.raises(AwsCallError, match="no text"):
            asyncio.run(_secret(recorder))
    assert json.loads(recorder.requests[0].body) == {"SecretId": ARN}
    assert "/eu-central-1/secretsmanager/aws4_request" in recorder.requests[0].headers["authorization"]


async def _secret(recorder: Recorder) -> str:
    environ = {**ENVIRON, "AWS_ENDPOINT_URL_SECRETS_MANAGER": recorder.url}
    one = AwsService("secretsmanager", region=region_of(ARN), environ=environ, pauses=())
    try:
        return await secret_text(ARN, one)
    finally:
        await one.close()


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([(503, {}, b""), (200, {}, b"{}")], 2),
        ([(500, {}, b"nonsense"), (429, {}, b"[]"), (200, {}, b"{}")], 3),
        ([(400, {}, b'{"__type": "com.amazonaws.sqs#ThrottlingException"}'), (200, {}, b"{}")], 2),
    ],
)
def test_what_passes_is_asked_again(answers: list[Any], asked: int) -> None:
    """Overload and throttling, by status or by name."""
    with recording() as recorder:
        recorder.answers = answers
        asyncio.run(_call(service(recorder)))
    assert len(recorder.requests) == asked


@pytest.mark.parametrize(
    ("answer", "word", "lasting", "asked"),
    [
        ((400, {}, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist"}'), "QueueDoesNotExist", True, 1),
        ((403, {}, b'{"__type": "AccessDeniedException", "Message": "the ARN"}'), "AccessDeniedException", True, 1),
        ((400, {}, b"<html>"), "", True, 1),
        ((503, {}, b""), "", False, 3),
    ],
)
def test_what_lasts_is_said(answer: Any, word: str, lasting: bool, asked: int) -> None:
    """The service and its word for why are named, nothing of what was asked or answered beside."""
    with recording() as recorder:
        recorder.answers = [answer]
        with pytest.raises(AwsCallError, match="sqs of AWS refused a call") as raised:
            asyncio.run(_call(service(recorder)))
    assert (raised.value.word, raised.value.lasting, len(recorder.requests)) == (word, lasting, asked)
    assert "ARN" not in raised.value.sentence


def test_nobody_there_and_nobody_known() -> None:
    """No address that answers, and no credentials: both are said, and the second cannot be mended by asking again."""
    with recording() as recorder:
        pass
    with pytest.raises(AwsCallError, match="could not be reached") as away:
        asyncio.run(_call(service(recorder)))
    assert not away.value.lasting
    environ = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": recorder.url}
    with pytest.raises(AwsCallError, match="no credentials") as nobody:
        asyncio.run(_call(AwsService("sqs", environ=environ, pauses=(0.0,))))
    assert nobody.value.lasting


@pytest.mark.parametrize(
    ("name", "region", "host"),
    [
        ("sqs", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com"),
        ("sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_addresses_are_those_of_the_region(name: str, region: str, host: str) -> None:
    """AWS's own, unless a variable names another."""
    assert AwsService(name, region=region, environ=ENVIRON)._endpoint == host


async def _call(one: AwsService) -> None:
    try:
        await one.call("AmazonSQS.SendMessage", {"QueueUrl": "x"}, version="1.0")
    finally:
        await one.close()
