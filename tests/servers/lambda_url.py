"""A Lambda function's URL as CloudFront calls it: an HTTP request becomes an event, a result becomes an answer.

Shapes: Lambda Developer Guide, "Invoking Lambda function URLs".
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from typing import Any

HOST = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws"
_numbers = itertools.count(1)


def event_of(method: str, path: str, query: str | None, headers: Mapping[str, str], client: str) -> dict[str, Any]:
    """Return the event of a request; `headers` have lower-case names."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query or "",
        "headers": {**headers, "host": HOST, "x-forwarded-for": client, "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": HOST.partition(".")[0],
            "domainName": HOST,
            "domainPrefix": HOST.partition(".")[0],
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": client, "userAgent": "x"},
            "requestId": f"request-{next(_numbers)}",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:07:00:00 +0000",
            "timeEpoch": 1795330800000,
        },
        "isBase64Encoded": False,
    }


def answer_of(result: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers (lower-case names) and body of a result; AssertionError for what Lambda refuses."""
    whole = json.dumps(result)
    assert len(whole.encode()) <= 6_291_556, "Lambda takes 6 MB of answer"
    body = result.get("body") or ""
    data = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else str(body).encode()
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    return int(result["statusCode"]), headers, data
