"""What the maker's role on AWS allows, beside what a maker really asks of S3."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from deploy.aws.config import Config
from tests.functions.conftest import Maker, MakerOf, picture
from tests.servers.fault_proxy import fault_proxy
from tests.tools import need

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


@pytest.fixture(scope="module")
def rights() -> list[Json]:
    """The statements of the maker's role, with made-up numbers for what CloudFormation puts in."""
    need("node", "nodejs")
    from deploy.aws.__main__ import quiet_cdk

    quiet_cdk()
    from aws_cdk import App, Stack
    from deploy.aws.maker import maker_rights

    stack = Stack(App())
    return [_plain(stack.resolve(one.to_statement_json())) for one in maker_rights(Config())]


def _plain(value: Any) -> Any:
    """Return CloudFormation's JSON with its functions carried out."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        return value["Fn::Sub"].replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "1")
    if "Fn::Join" in value:
        return value["Fn::Join"][0].join(_plain(value["Fn::Join"][1]))
    return {name: _plain(one) for name, one in value.items()}


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


def aws_names(maker: Maker) -> dict[str, str]:
    """Return the names on AWS of a test's buckets."""
    home = Config().region
    return {maker.originals: f"imagemill-originals-1-{home}", maker.variants: f"imagemill-variants-1-{home}"}


def tagged(maker: Maker) -> set[Use]:
    """Return the writes of tags, which are headers of a write: each kept variant has one."""
    arn = f"arn:aws:s3:::{aws_names(maker)[maker.variants]}"
    s3 = maker.server.boto()
    names = [name for name in maker.kept() if s3.get_object_tagging(Bucket=maker.variants, Key=name)["TagSet"]]
    return {("s3:PutObjectTagging", f"{arn}/{name}") for name in names}


def work(maker: Maker) -> None:
    """Have the maker do everything it is there for."""
    maker.put("trips/sea.png", picture())
    assert maker.ask("/img/w=100,fm=webp/trips/sea.png").status == 200
    assert maker.ask("/img/w=100,fm=webp/trips/sea.png").status == 200
    assert maker.ask("/img/w=90/trips/nothing.png").status == 404
    assert maker.ask("/info/trips/sea.png").status == 200
    maker.put(f"long/{'x' * 900}.png", picture(60))
    assert maker.ask(f"/img/w=30/long/{'x' * 900}.png").status == 200
    maker.put("trips/sea.png", picture(200, seed=2))


def until(done: Callable[[], object], maker: Maker) -> None:
    """Ask until something has happened: an original replaced behind our back is noticed after a second."""
    deadline = time.monotonic() + 30
    while not done():
        assert maker.ask("/img/w=100,fm=webp/trips/sea.png").status == 200
        assert time.monotonic() < deadline, "the replaced original was not noticed"
        time.sleep(0.05)


def test_a_make_asks_for_nothing_that_the_role_refuses(rights: list[Json], maker_of: MakerOf) -> None:
    """Making, hitting, missing, info, a name too long for S3, a replaced original; and each right is made use of."""
    first = maker_of()
    with fault_proxy(first.server.url) as proxy:
        maker = maker_of(beside=first, originals_at=proxy.url, variants_at=proxy.url)
        work(maker)
        until(lambda: proxy.count("DELETE") and maker.kept(), maker)
        asked = uses(proxy.seen, aws_names(maker)) | tagged(maker)
    refused = {use for use in asked if not allowing(rights, use)}
    assert refused == set()
    made_use_of = {allowing(rights, use) for use in asked}
    assert made_use_of == {one["Sid"] for one in rights if one["Effect"] == "Allow"}
    kept = {use[0] for use in asked if allowing(rights, use) == "KeepVariants"}
    assert kept == {"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"}
    assert any("/.odd/" in use[1] for use in asked)


@pytest.mark.parametrize(
    "use",
    [
        ("s3:PutObject", "originals/a.png"),
        ("s3:DeleteObject", "originals/a.png"),
        ("s3:GetObject", "originals/.imagemill/quarantine/a.png"),
        ("s3:PutObject", "variants/.imagemill/site/signing-keys.json"),
        ("s3:GetObject", "variants/other/a.png/~/0123456789ab/w=1.webp"),
        ("s3:PutObjectAcl", "variants/default/a.png"),
        ("s3:GetObject", "logs/cloudfront/2026/a.gz"),
        ("s3:GetObject", "site/index.html"),
        ("s3:PutBucketPolicy", "variants"),
    ],
)
def test_the_role_allows_nothing_that_is_another_functions(rights: list[Json], use: Use) -> None:
    """Originals are read-only, uploads unseen, documents read-only; the other buckets are closed."""
    role, slash, key = use[1].partition("/")
    assert allowing(rights, (use[0], f"arn:aws:s3:::imagemill-{role}-1-{Config().region}{slash}{key}")) == ""


def test_every_right_names_its_buckets(rights: list[Json]) -> None:
    """No action and no bucket is a wildcard."""
    for one in rights:
        for action in [one["Action"]] if isinstance(one["Action"], str) else one["Action"]:
            assert "*" not in action
        for resource in [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]:
            assert re.fullmatch(r"arn:aws:s3:::imagemill-(originals|replica|variants)-1-[a-z0-9-]+(/.*)?", resource)
