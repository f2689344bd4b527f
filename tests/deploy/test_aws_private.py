"""Pictures below a private prefix: opened by the key group alone, and nobody else's to keep."""

from __future__ import annotations

import json

import pytest
from deploy.aws.config import Config, ConfigError
from deploy.aws.edge_function import behaviors as counted
from deploy.aws.edge_function import edge_rules
from tests.deploy.deployments import Json, Synthesised
from tests.deploy.distributions import added, behaviors, headers, origins, policy_of

from imagemill.delivery.plan import PRIVATE, SECURITY


def test_a_private_prefix_opens_with_a_signed_url_or_cookie_only(full: Synthesised) -> None:
    """CloudFront's key group stands before its pictures and their info, and before nothing else."""
    group, properties = next(iter(full.resources("delivery", "AWS::CloudFront::KeyGroup").items()))
    guarded = {pattern: one.get("TrustedKeyGroups") for pattern, one in behaviors(full).items()}
    assert {pattern for pattern, keys in guarded.items() if keys} == {"/img/*/users/*", "/info/users/*"}
    assert guarded["/img/*/users/*"] == [{"Ref": group}]
    keys = full.resources("delivery", "AWS::CloudFront::PublicKey")
    assert properties["Properties"]["KeyGroupConfig"]["Items"] == [{"Ref": name} for name in keys]
    encoded = [key["Properties"]["PublicKeyConfig"]["EncodedKey"] for key in keys.values()]
    assert encoded == list(full.config.public_keys)


def test_a_changed_key_is_another_resource() -> None:
    """So the old one goes only after the group has the new one."""
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template
    from deploy.aws.key_group import KeyGroup

    def keys(*texts: str) -> Json:
        stack = Stack(App())
        KeyGroup(stack, "Keys", config=Config(public_keys=texts))
        return dict(Template.from_stack(stack).find_resources("AWS::CloudFront::PublicKey"))

    first, both, second = keys("one"), keys("one", "two"), keys("two")
    assert both == {**first, **second}
    assert len(both) == 2


def test_only_private_origins_say_that_a_signature_was_checked(full: Synthesised) -> None:
    """The word is the maker's own, and stands in no template."""
    said: Json = {name: origin.get("OriginCustomHeaders") for name, origin in origins(full).items()}
    assert [name for name, value in said.items() if value] == ["private-maker"]
    header = said["private-maker"][0]
    maker = full.one("delivery", "AWS::Lambda::Function")
    assert header["HeaderName"] == "x-imagemill-edge"
    assert header["HeaderValue"] == maker["Environment"]["Variables"]["IMAGEMILL_EDGE_SECRET"]
    assert "{{resolve:secretsmanager:" in json.dumps(header)
    secret = full.one("delivery", "AWS::SecretsManager::Secret")
    assert secret["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 48}


def test_no_viewer_can_say_the_edges_word(full: Synthesised) -> None:
    """It is no header that CloudFront passes on."""
    assert "x-imagemill-edge" not in json.dumps(full.resources("delivery", "AWS::CloudFront::CachePolicy"))
    assert "x-imagemill-edge" not in json.dumps(full.resources("delivery", "AWS::CloudFront::OriginRequestPolicy"))


def test_private_pictures_are_nobody_elses_to_keep_or_to_read(full: Synthesised) -> None:
    """Viewers get `private`, whatever the bucket says; no page of another origin reads them."""
    policy = headers(full, "private")
    removed = {item["Header"] for item in policy["RemoveHeadersConfig"]["Items"]}
    assert policy_of(full, "/img/*/users/*") == policy_of(full, "/info/users/*") == "pictures-private"
    assert added(policy)["cache-control"] == ("private, no-cache", True)
    assert removed >= {name.decode() for name, _ in set(SECURITY) - set(PRIVATE)}
    assert not removed & set(added(policy))


def guard(prefixes: str) -> None:
    """Make the distribution of a site with these private prefixes and a key."""
    from aws_cdk import App, Stack
    from deploy.aws.distribution import Distribution, Ends

    config = Config(public_keys=("a key",), settings={"delivery.private": prefixes})
    ends = Ends(maker_host="maker.example.com", secret="word", web_acl_arn=None, certificate_arn=None)
    Distribution(Stack(App()), "Edge", config=config, rules=edge_rules(config), ends=ends)


def test_a_prefix_that_no_pattern_can_hold_is_refused() -> None:
    """Rather than left open at the edge."""
    guard("users/")
    for prefix in ("üsers/", "a b/", "x=1/", "all*", "who?"):
        with pytest.raises(ConfigError, match=r"settings\.delivery\.private: expected prefixes of letters"):
            guard(prefix)


def test_more_prefixes_than_cloudfront_has_behaviours_for_are_refused() -> None:
    """With the setting's name, how many there were and what they need; before anything is deployed."""
    with pytest.raises(
        ConfigError, match=r"settings\.delivery\.private: .* at most 75 behaviours, received 40 of them"
    ):
        guard(",".join(f"p{number}/" for number in range(40)))


def test_behaviours_are_counted_as_they_are_made(full: Synthesised) -> None:
    """The number that is held against CloudFront's is that of the template."""
    assert counted(edge_rules(full.config).prefixes) == len(behaviors(full))


def test_a_function_too_long_for_cloudfront_is_refused() -> None:
    """Its words are the configuration's, not those of a failed deployment."""
    prefixes = ",".join(f"a-rather-long-name-of-a-folder-{number}/" for number in range(200))
    with pytest.raises(ConfigError, match="settings: expected a CloudFront Function of at most 10240 bytes"):
        edge_rules(Config(settings={"delivery.private": prefixes}))


def test_where_everything_is_signed_the_key_group_guards_everything() -> None:
    """Then pictures are static again, for CloudFront has judged."""
    keys = ("a key",)  # its text is not read here
    signed = edge_rules(Config(public_keys=keys, settings={"delivery.access": "signed"}))
    assert signed.prefixes == ("",)
    assert signed.reasons == ()
