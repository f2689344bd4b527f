"""What a policy says of one request, by IAM's rules: an explicit no wins, else an explicit yes, else no.

moto keeps policies and looks at no condition, so what a deployed policy means is judged here (IAM guide, "Policy
evaluation logic"), on the document that the service gives back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

OPERATORS: dict[str, Callable[[str, Any], bool]] = {
    "StringEquals": lambda asked, wanted: asked == wanted,
    "StringLike": fnmatchcase,
    "ArnEquals": fnmatchcase,
    "ArnLike": fnmatchcase,
    "Bool": lambda asked, wanted: asked == str(wanted).lower(),
    "NumericLessThan": lambda asked, wanted: float(asked) < float(wanted),
}
"""The operators that our policies use; another one is an error, not a guess."""


def allows(
    policy: Mapping[str, Any],
    principal: str,
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> bool:
    """Return whether the resource policy lets `principal` (a service's name or an ARN) do `action` to `resource`.

    `context` is what the request says of itself, such as `aws:SourceArn`; without a word it came by TLS 1.3.
    """
    asked = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", **(context or {})}
    effects = {
        one["Effect"]
        for one in policy["Statement"]
        if _principal(one["Principal"], principal)
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(one["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in _list(one["Resource"]))
        and _conditions(one.get("Condition", {}), asked)
    }
    return effects == {"Allow"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _principal(stated: Any, principal: str) -> bool:
    if stated == "*":
        return True
    return any(one in ("*", principal) for kind in stated.values() for one in _list(kind))


def _conditions(stated: Mapping[str, Mapping[str, Any]], asked: Mapping[str, str]) -> bool:
    """Return whether every condition holds; a key that the request does not have fulfils none of these operators."""
    return all(
        key in asked and any(OPERATORS[operator](asked[key], wanted) for wanted in _list(values))
        for operator, keys in stated.items()
        for key, values in keys.items()
    )
