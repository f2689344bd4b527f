"""Templates read by tests: what an intrinsic function becomes, and a policy's statements."""

from __future__ import annotations

from typing import Any

from tests.deploy.deployments import Json, Synthesised

ACCOUNT = "123456789012"
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": "REGION",
    "AWS::URLSuffix": "amazonaws.com",
}


def text(value: Any) -> str:
    """Return what an intrinsic becomes in account 123456789012; a resource is its logical id as <Id>."""
    if isinstance(value, str):
        return value
    match value:
        case {"Fn::Sub": str(inner)}:
            for name, word in _PSEUDO.items():
                inner = inner.replace(f"${{{name}}}", word)
            return inner
        case {"Fn::Join": [str(glue), list(parts)]}:
            return glue.join(text(part) for part in parts)
        case {"Ref": str(name)} if name in _PSEUDO:
            return _PSEUDO[name]
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), str()]}:
            return f"<{short(name)}>"
        case {"Fn::ImportValue": str(name)}:
            return f"<{name}>"
    raise AssertionError(f"an intrinsic that the tests do not know: {value}")


def short(logical: str) -> str:
    """Return a logical id without CDK's eight characters of hash."""
    end = logical[-8:]
    return logical[:-8] if len(logical) > 8 and all(sign in "0123456789ABCDEF" for sign in end) else logical


def listed(value: Any) -> list[Any]:
    """Return a policy's element, which may be one thing or a list."""
    return value if isinstance(value, list) else [value]


def statements(synthesised: Synthesised, stack: str, logical: str) -> list[Json]:
    """Return the statements of a resource's policy."""
    found: list[Json] = synthesised.named(stack, logical)["Properties"]["PolicyDocument"]["Statement"]
    return found


def statement(synthesised: Synthesised, stack: str, logical: str, sid: str) -> Json:
    """Return the one statement of a policy with this Sid."""
    (found,) = [one for one in statements(synthesised, stack, logical) if one.get("Sid") == sid]
    return found
