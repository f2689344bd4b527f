"""What a function really asked of S3, and what a role's statements say of it: IAM's rules on a proxy's log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Json = dict[str, Any]
Use = tuple[str, str]
"""An action and the resource it was done to."""
ACTIONS = {
    ("GET", True): "s3:GetObject",
    ("HEAD", True): "s3:GetObject",
    ("PUT", True): "s3:PutObject",
    ("POST", True): "s3:PutObject",
    ("DELETE", True): "s3:DeleteObject",
    ("GET", False): "s3:ListBucket",
    ("HEAD", False): "s3:ListBucket",
}
"""The permission that S3 asks for (Service Authorization Reference), by method and whether an object is named."""
SUBRESOURCES = {"acl", "policy", "tagging", "versioning", "versions", "lifecycle", "location", "uploads", "delete"}
"""Queries that make it another action; none of them is a maker's."""


def plain(value: Any) -> Any:
    """Return CloudFormation's JSON with its functions carried out."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        return value["Fn::Sub"].replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "1")
    if "Ref" in value:
        return value["Ref"]
    if "Fn::Join" in value:
        return value["Fn::Join"][0].join(plain(value["Fn::Join"][1]))
    return {name: plain(one) for name, one in value.items()}


def _fits(patterns: str | list[str], word: str) -> bool:
    every = [patterns] if isinstance(patterns, str) else patterns
    return any(re.fullmatch(re.escape(one).replace(r"\*", ".*"), word, re.DOTALL) for one in every)


def allowing(rights: Iterable[Json], use: Use) -> str:
    """Return the Sid that allows a use, empty where none does or one denies it (IAM, policy evaluation logic)."""
    fitting = [one for one in rights if _fits(one["Action"], use[0]) and _fits(one["Resource"], use[1])]
    if any(one["Effect"] == "Deny" for one in fitting):
        return ""
    return next((one["Sid"] for one in fitting), "")


def uses(seen: Iterable[tuple[str, str]], names: dict[str, str]) -> set[Use]:
    """Return what was asked for in path-style requests, the test's buckets called by their `names` on AWS."""
    found = set()
    for method, target in seen:
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        asked = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        assert not asked & SUBRESOURCES, target
        arn = f"arn:aws:s3:::{names[bucket]}"
        found.add((ACTIONS[method, bool(key)], f"{arn}/{key}" if key else arn))
    return found
