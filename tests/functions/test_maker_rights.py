"""What the maker's role on AWS allows, beside what a maker really asks of S3."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from deploy.aws.config import Config
from tests.functions.makers import Maker, MakerOf, picture
from tests.functions.s3_use import Json, Use, allowing, plain, uses
from tests.servers.fault_proxy import fault_proxy
from tests.tools import need


@pytest.fixture(scope="module")
def rights() -> list[Json]:
    """The statements of the maker's role, with made-up numbers for what CloudFormation puts in."""
    need("node", "nodejs")
    from deploy.aws.__main__ import quiet_cdk

    quiet_cdk()
    from aws_cdk import App, Stack
    from deploy.aws.maker import maker_rights

    stack = Stack(App())
    return [plain(stack.resolve(one.to_statement_json())) for one in maker_rights(Config())]


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
    deadline = time.monotonic() + 60
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
