"""Events as AWS documents them, field by field: function URL and API Gateway payloads.

Sources: Lambda Developer Guide, "Request payload format" of function URLs; API Gateway Developer Guide, "AWS Lambda
proxy integration payload format version" 1.0 and 2.0.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

Event = dict[str, Any]
HOST = "abcdefghij.lambda-url.eu-west-1.on.aws"
CLIENT = "203.0.113.9"


def function_url(
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes = b"",
    cookies: tuple[str, ...] = (),
) -> Event:
    """A request to a function's own URL; `target` is path and query as in a request line."""
    path, _, query = target.partition("?")
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-proto": "https",
            "x-forwarded-port": "443",
            "x-forwarded-for": CLIENT,
            "host": HOST,
            "user-agent": "Amazon CloudFront",
            **(headers or {}),
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghij",
            "authentication": None,
            "authorizer": {"iam": {"accessKey": "AKIA", "accountId": "111122223333", "userArn": "arn:aws:iam::1:root"}},
            "domainName": HOST,
            "domainPrefix": "abcdefghij",
            "http": {
                "method": method,
                "path": unquote(path),
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": "Amazon CloudFront",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": bool(body),
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query, keep_blank_values=True))
    if cookies:
        event["cookies"] = list(cookies)
    if body:
        event["body"] = base64.b64encode(body).decode()
    return event


def gateway_2(
    target: str, method: str = "GET", headers: Mapping[str, str] | None = None, *, body: bytes = b""
) -> Event:
    """A request through an HTTP API of API Gateway, whose stage stands before the path."""
    event = function_url(target, method, headers, body=body)
    host = "id.execute-api.eu-west-1.amazonaws.com"
    event["headers"]["host"] = host
    event["rawPath"] = "/prod" + unquote(event["rawPath"])
    event["requestContext"] |= {"domainName": host, "domainPrefix": "id", "stage": "prod", "authorizer": None}
    return event


def gateway_1(
    target: str, method: str = "GET", headers: Mapping[str, str] | None = None, *, body: bytes = b""
) -> Event:
    """A request through a REST API of API Gateway."""
    path, _, query = target.partition("?")
    host = "id.execute-api.eu-west-1.amazonaws.com"
    sent = {"Host": host, "User-Agent": "curl/8", "X-Forwarded-Proto": "https", **(headers or {})}
    pairs = parse_qsl(query, keep_blank_values=True)
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(pairs) or None,
        "multiValueQueryStringParameters": several or None,
        "pathParameters": {"proxy": unquote(path[1:])},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "authorizer": None,
            "domainName": host,
            "domainPrefix": "id",
            "extendedRequestId": "request-id",
            "httpMethod": method,
            "identity": {"sourceIp": CLIENT, "userAgent": "curl/8"},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": "id1234",
            "requestTime": "04/Mar/2020:19:15:17 +0000",
            "requestTimeEpoch": 1583349317135,
            "resourceId": None,
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        "body": base64.b64encode(body).decode() if body else None,
        "isBase64Encoded": bool(body),
    }


SHAPES = {"function URL": function_url, "API Gateway 2.0": gateway_2, "API Gateway 1.0": gateway_1}


class Answered:
    """What a handler returned, read as its caller would."""

    def __init__(self, result: Mapping[str, Any]) -> None:
        self.status: int = result["statusCode"]
        several = result.get("multiValueHeaders")
        self.headers: dict[str, str] = (
            dict(result.get("headers") or {})
            if several is None
            else {name: ", ".join(values) for name, values in several.items()}
        )
        text = result["body"]
        self.body: bytes = base64.b64decode(text, validate=True) if result["isBase64Encoded"] else text.encode()


class Context:
    """The context of an invocation with `seconds` left."""

    aws_request_id = "e1506fd5-9e7b-434f-bd42-4f8fa224b599"

    def __init__(self, seconds: float = 29.0) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that is left."""
        return int(self._seconds * 1000)
