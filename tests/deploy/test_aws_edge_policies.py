"""What CloudFront keys its cache by, passes on and says: the policies of the behaviours."""

from __future__ import annotations

import json

import pytest
from deploy.aws.config import Config
from deploy.aws.distribution import errors
from tests.deploy.deployments import Synthesised
from tests.deploy.distributions import POLICY, added, behaviors, distribution, function, headers, policy_of

from imagemill.delivery.plan import SECURITY
from imagemill.edge_config.cloudfront import opening_function

# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_static_picture_carries_the_headers_of_the_makers(plain: Synthesised) -> None:
    """All of delivery's security headers, from the same table; the maker's own answer wins where both speak.

    `Access-Control-Allow-Origin` is the function's to say: no policy can, beside `Vary`.
    """
    for word in ("negotiated", "stated"):
        policy = headers(plain, word)
        csp = policy["SecurityHeadersConfig"]["ContentSecurityPolicy"]
        said = {name: value for name, (value, _) in added(policy).items()}
        said["content-security-policy"] = csp["ContentSecurityPolicy"]
        said["x-content-type-options"] = "nosniff"
        assert policy["SecurityHeadersConfig"]["ContentTypeOptions"] == {"Override": True}
        assert csp["Override"] is True
        assert {
            name.decode(): value.decode() for name, value in SECURITY if name != b"access-control-allow-origin"
        } == {name: value for name, value in said.items() if name != "vary"}
        assert not any(override for _, override in added(policy).values())


def test_only_negotiated_pictures_vary(plain: Synthesised) -> None:
    """A URL that says its format is one picture for everyone."""
    assert added(headers(plain, "negotiated"))["vary"] == ("Accept", False)
    assert "vary" not in added(headers(plain, "stated"))
    assert policy_of(plain, "/img/*") == "imagemill-negotiated"
    assert policy_of(plain, "/img/*fm?avif*/*") == "imagemill-stated"


def test_cors_is_said_by_a_function(full: Synthesised) -> None:
    """CloudFront's own CORS settings would take Vary over and drop ours, and it refuses them as plain headers.

    The function runs on open pictures alone; `/info/` is the maker's, who says the header himself.
    """
    for policy in full.resources("delivery", POLICY).values():
        config = policy["Properties"]["ResponseHeadersPolicyConfig"]
        assert "CorsConfig" not in config
        assert not [name for name in added(config) if name.startswith("access-control-")]
    said = {pattern: function(full, pattern, "viewer-response") for pattern in behaviors(full)}
    assert {pattern for pattern, text in said.items() if not text} == {"/img/*/users/*", "/info/users/*", "/info/*"}
    assert {text for text in said.values() if text} == {opening_function()}


def test_no_policy_names_a_header_that_cloudfront_keeps_for_itself(full: Synthesised) -> None:
    """Nor more than ten."""
    from deploy.aws.edge_policies import MOST_HEADERS, RESERVED

    for policy in full.resources("delivery", POLICY).values():
        config = policy["Properties"]["ResponseHeadersPolicyConfig"]
        removed = [item["Header"] for item in config["RemoveHeadersConfig"]["Items"]]
        for names in (removed, list(added(config))):
            assert len(names) <= MOST_HEADERS
            assert not [name for name in names if name.startswith(RESERVED)]
            assert not {"content-security-policy", "x-content-type-options", "strict-transport-security"} & set(names)


# --- how the cache works ----------------------------------------------------------------------------------------------


def test_the_cache_is_keyed_by_all_that_an_answer_is_made_of(plain: Synthesised) -> None:
    """The headers that the function settles; no cookie, no query, no Accept-Encoding; no time that nobody said."""
    from deploy.aws.edge_policies import MOST_HEADERS

    from imagemill.edge_config.cloudfront import KEY_HEADERS

    config = plain.one("delivery", "AWS::CloudFront::CachePolicy")["CachePolicyConfig"]
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert (config["MinTTL"], config["DefaultTTL"], config["MaxTTL"]) == (0, 0, 31_536_000)
    assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": list(KEY_HEADERS)}
    assert {"x-imagemill-uri", "accept"} <= set(KEY_HEADERS)
    assert len(KEY_HEADERS) <= MOST_HEADERS
    assert key["CookiesConfig"] == {"CookieBehavior": "none"}
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
    assert key["EnableAcceptEncodingBrotli"] is key["EnableAcceptEncodingGzip"] is False


def test_the_maker_is_told_who_asks_and_never_the_viewers_host(plain: Synthesised) -> None:
    """A forwarded Host would break the signature of both origins."""
    config = plain.one("delivery", "AWS::CloudFront::OriginRequestPolicy")["OriginRequestPolicyConfig"]
    assert config["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["CloudFront-Viewer-Address"]}
    assert config["CookiesConfig"] == {"CookieBehavior": "none"}


def test_pictures_of_every_behaviour_share_the_key(full: Synthesised) -> None:
    """And what the maker is told beside it; none is compressed twice."""
    for word in ("CachePolicyId", "OriginRequestPolicyId"):
        assert len({json.dumps(one[word]) for one in behaviors(full).values()}) == 1
    assert not any(one["Compress"] for one in behaviors(full).values())


def test_errors_are_not_kept_but_for_five_seconds_of_a_404(plain: Synthesised) -> None:
    """CloudFront would keep each for ten, `no-store` or not."""
    kept = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in distribution(plain)["CustomErrorResponses"]}
    assert kept.pop(404) == 5
    assert kept == dict.fromkeys((400, 403, 405, 414, 416, 500, 501, 502, 503, 504), 0)
    assert not any("ResponsePagePath" in one for one in distribution(plain)["CustomErrorResponses"])


@pytest.mark.parametrize(("said", "kept"), [("0", 0), ("2", 2), ("60", 5)])
def test_a_404_that_may_be_kept_for_less_is_kept_for_less(said: str, kept: int) -> None:
    """The setting counts at the edge too: with 0 it keeps none; what says more is kept for as long as it says (C4)."""
    least = {
        one.error_code: one.error_caching_min_ttl
        for one in errors(Config(settings={"delivery.not_found_max_age": said}))
    }
    assert least[404] == kept


def test_invalidations_name_the_tags_that_both_tiers_say(plain: Synthesised) -> None:
    """S3 returns a variant's metadata under this name; the maker is told of CloudFront and says the same."""
    assert distribution(plain)["CacheTagConfig"] == {"HeaderName": "x-amz-meta-cache-tag"}
    maker = plain.one("delivery", "AWS::Lambda::Function")
    assert maker["Environment"]["Variables"]["IMAGEMILL_CDN__KIND"] == "cloudfront"
