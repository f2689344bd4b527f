"""Who may call `/v1`, asked by API Gateway before the function behind it is paid for (row E5; threats K4, J2).

A custom authorizer of kind REQUEST or TOKEN (API Gateway guide, "Use API Gateway Lambda authorizers"). Today it knows
the admin key; tokens of Cognito and other issuers will be checked here, before the same answer is written. The control
function checks the key again: this one spares it work, and ties a bearer key to its usage plan.

Whatever is odd is denied: an exception would be a 500 that says something of us, and is retried by clients.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from imagemill.control.auth import AdminKey, shown_key
from imagemill.functions.admin_secret import admin_key_file
from imagemill.observability.logging import events

ADMIN = "admin"
"""The principal that the admin key stands for."""
NOBODY = "nobody"
_METHOD = re.compile(r"arn:[a-z-]+:execute-api:[a-z0-9-]+:\d{12}:[A-Za-z0-9]+/[^/]+/[A-Z]+(?:/.*)?", re.DOTALL)
_SPECIAL = re.compile(r"[*?$]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may come in, as whom, or by which code it may not; `key` is the usage plan's."""

    allowed: bool
    principal: str
    code: str = ""
    key: str = ""


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Return the policy for one request of API Gateway."""
    try:
        verdict = judge(event, _admin_key())
    except Exception as error:  # noqa: BLE001 - see above: odd is denied, and the log says why
        events().error("authorizer.failed", exc_info=error)
        verdict = Verdict(allowed=False, principal=NOBODY, code="internal")
    return answer(verdict, event.get("methodArn") if isinstance(event, Mapping) else None)


def judge(event: Mapping[str, Any], key: AdminKey) -> Verdict:
    """Return who asks; the key is compared in constant time. Raises where the event is none of API Gateway's."""
    headers = _headers(event)
    shown = None if headers is None else shown_key(headers)
    if headers is None or shown is None:
        return Verdict(allowed=False, principal=NOBODY, code="unauthenticated")
    if not key.admits(headers):
        return Verdict(allowed=False, principal=NOBODY, code="bad_api_key")
    return Verdict(allowed=True, principal=ADMIN, key=shown)


def answer(verdict: Verdict, method_arn: object) -> dict[str, Any]:
    """Return what API Gateway takes for an answer: a policy for this very method and path, and nothing beside it.

    So little that the answer must not be kept for other requests (`authorizerResultTtlInSeconds` 0). A request without
    an address that could be one of API Gateway's is denied everything.
    """
    known = isinstance(method_arn, str) and _METHOD.fullmatch(method_arn) is not None
    allowed = verdict.allowed and known
    statement = {
        "Effect": "Allow" if allowed else "Deny",
        "Action": "execute-api:Invoke",
        "Resource": _literal(str(method_arn)) if known else "*",
    }
    made: dict[str, Any] = {
        "principalId": verdict.principal if allowed else NOBODY,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"principal": verdict.principal if allowed else NOBODY, "code": verdict.code},
    }
    if allowed and verdict.key:
        made["usageIdentifierKey"] = verdict.key
    return made


def _literal(arn: str) -> str:
    """Return `arn` as a resource of a policy, where a key may hold what means more than itself ("Policy variables")."""
    return _SPECIAL.sub(lambda found: f"${{{found.group()}}}", arn)


def _headers(event: Mapping[str, Any]) -> dict[bytes, bytes] | None:
    """Return the headers that may hold a key, lower case; None where one of them comes twice."""
    if event["type"] == "TOKEN":
        return {b"authorization": str(event["authorizationToken"]).encode("utf-8", "replace")}
    if event["type"] != "REQUEST":
        raise ValueError("an event of neither kind")
    several = event.get("multiValueHeaders") or {name: [value] for name, value in (event.get("headers") or {}).items()}
    found: dict[bytes, bytes] = {}
    for name, values in several.items():
        known = name.lower()
        if known not in ("authorization", "x-api-key"):
            continue
        if len(values) != 1 or known.encode() in found:
            return None
        found[known.encode()] = str(values[0]).encode("utf-8", "replace")
    return found


@cache
def _admin_key() -> AdminKey:
    """Return the admin key, read once for each environment; raises where it cannot be read, and is asked again."""
    path = asyncio.run(admin_key_file(os.environ))
    if path is None:
        raise LookupError("neither IMAGEMILL_ADMIN_SECRET_ARN nor admin.key_file names a key")
    return AdminKey(path, create=False)
