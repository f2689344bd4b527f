"""The authorizer: the key opens one method and path, and everything odd is denied without a trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.functions.aws_secrets import SECRET_TEXT, SecretOf, secret_of

from imagemill.functions import authorizer

__all__ = ["secret_of"]

METHOD = "arn:aws:execute-api:eu-west-1:123456789012:abcdef123/live/PUT/v1/originals/photos/cat.jpg"


def request(headers: Mapping[str, str], *, arn: str = METHOD, **more: Any) -> dict[str, Any]:
    """A request for a REQUEST authorizer (API Gateway guide, "Input to a Lambda authorizer")."""
    return {
        "type": "REQUEST",
        "methodArn": arn,
        "resource": "/v1/originals/{key+}",
        "path": "/v1/originals/photos/cat.jpg",
        "httpMethod": "PUT",
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {},
        "pathParameters": {"key": "photos/cat.jpg"},
        "requestContext": {"accountId": "123456789012", "apiId": "abcdef123", "stage": "live"},
        **more,
    }


@pytest.fixture(autouse=True)
def _admin_secret(secret_of: SecretOf) -> None:
    """The secret is there, and this environment has not read it yet."""
    secret_of()
    authorizer._admin_key.cache_clear()


def effect(answer: Mapping[str, Any]) -> str:
    """Return the one word of a policy."""
    [statement] = answer["policyDocument"]["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    return str(statement["Effect"])


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": SECRET_TEXT},
        {"X-Api-Key": SECRET_TEXT},
        {"Authorization": f"Bearer {SECRET_TEXT}"},
        {"authorization": f"bearer {SECRET_TEXT}"},
    ],
    ids=["x-api-key", "spelled otherwise", "bearer", "bearer, spelled otherwise"],
)
def test_the_key_opens_what_was_asked_and_no_more(headers: Mapping[str, str]) -> None:
    """The policy names this method and path; the principal and the usage plan's key go with it."""
    answer = authorizer.handler(request(headers), None)
    assert effect(answer) == "Allow"
    assert answer["policyDocument"]["Statement"][0]["Resource"] == METHOD
    assert answer["principalId"] == answer["context"]["principal"] == "admin"
    assert answer["usageIdentifierKey"] == SECRET_TEXT


def test_a_token_authorizer_does_as_well() -> None:
    """An authorizer of kind TOKEN is given the header's value alone."""
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {SECRET_TEXT}", "methodArn": METHOD}
    assert effect(authorizer.handler(event, None)) == "Allow"
    assert effect(authorizer.handler({**event, "authorizationToken": SECRET_TEXT}, None)) == "Deny"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (request({}), "unauthenticated"),
        (request({"x-api-key": ""}), "bad_api_key"),
        (request({"x-api-key": "x" * 48}), "bad_api_key"),
        (request({"x-api-key": SECRET_TEXT[:-1]}), "bad_api_key"),
        (request({"x-api-key": SECRET_TEXT + "\n"}), "bad_api_key"),
        (request({"authorization": f"Basic {SECRET_TEXT}"}), "unauthenticated"),
        (request({"x-api-key": "Schlüssel"}), "bad_api_key"),
        (
            request({"x-api-key": SECRET_TEXT}, multiValueHeaders={"x-api-key": [SECRET_TEXT, "another"]}),
            "unauthenticated",
        ),
        (request({"x-api-key": SECRET_TEXT}, type="WEBSOCKET"), "internal"),
        ({"type": "REQUEST", "methodArn": METHOD, "multiValueHeaders": 7}, "internal"),
        ({"type": "TOKEN", "methodArn": METHOD}, "internal"),
        ({}, "internal"),
        ([], "internal"),
        (None, "internal"),
        ("text", "internal"),
    ],
)
def test_everything_else_is_denied(event: Any, code: str) -> None:
    """Never an exception, never a key or a trace in the answer; the code says which refusal it is."""
    answer = authorizer.handler(event, None)
    assert effect(answer) == "Deny"
    assert (answer["principalId"], answer["context"]["code"]) == ("nobody", code)
    assert "usageIdentifierKey" not in answer
    assert SECRET_TEXT not in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)


def test_an_address_that_is_none_opens_nothing() -> None:
    """With the right key and an odd address, everything is denied."""
    for arn in ("*", "arn:aws:s3:::bucket", "", 7, None):
        answer = authorizer.handler(request({"x-api-key": SECRET_TEXT}) | {"methodArn": arn}, None)
        assert (effect(answer), answer["policyDocument"]["Statement"][0]["Resource"]) == ("Deny", "*")


def test_a_key_with_wild_cards_opens_no_others() -> None:
    """`*`, `?` and `$` of a picture's key stand for themselves in the policy (IAM, "Policy variables")."""
    answer = authorizer.handler(request({"x-api-key": SECRET_TEXT}, arn=METHOD + "/*?${aws:username}"), None)
    assert answer["policyDocument"]["Statement"][0]["Resource"] == METHOD + "/${*}${?}${$}{aws:username}"


def test_without_its_secret_it_denies(secret_of: SecretOf) -> None:
    """A service that is away, or a name that nobody set: closed, and the log says why."""
    for missing in ("IMAGEMILL_ADMIN_SECRET_ARN", None):
        secret_of(without=missing, there=missing is not None)
        authorizer._admin_key.cache_clear()
        assert effect(authorizer.handler(request({"x-api-key": SECRET_TEXT}), None)) == "Deny"


def test_the_secret_is_read_once(secret_of: SecretOf) -> None:
    """An environment asks for it with its first request only, and keeps it in a file of its own."""
    secret = secret_of()
    authorizer.handler(request({"x-api-key": SECRET_TEXT}), None)
    assert secret.file.stat().st_mode & 0o777 == 0o600
    secret.forget()
    assert effect(authorizer.handler(request({"x-api-key": SECRET_TEXT}), None)) == "Allow"
