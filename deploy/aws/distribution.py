"""The distribution: static first, the maker on a miss, the site's pages for everything else (E1, E3, E4, E6, E7, E9).

Written with CloudFront's own words (the L1 construct): a function chooses an origin by its id, so ids must be known and
stay; and the L2 constructs cannot put a function URL with origin access control into an origin group.

    path                        origins                        format               who may
    /img/*/users/*  (private)   private-static-or-maker        Accept               CloudFront's key group
    /info/users/*   (private)   private-maker                                       CloudFront's key group
    /img/*fm?avif*/* …          static-or-maker                said by the URL      anyone, as delivery.access says
    /img/*                      static-or-maker                Accept               anyone, as delivery.access says
    /info/*                     maker                                               anyone, as delivery.access says
    *                           site                                                anyone
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Fn
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.edge_function import EdgeRules
from deploy.aws.edge_policies import SITE_CACHE, SITE_HEADERS, EdgePolicies
from deploy.aws.key_group import KeyGroup
from deploy.aws.names import bucket_name
from deploy.aws.settings import read
from imagemill.delivery.permission import EDGE_HEADER
from imagemill.edge_config.cloudfront import MAKER, PRIVATE_MAKER, STATED_BEHAVIORS, opening_function
from imagemill.variants.remote_names import CACHE_TAG

STATIC = "static"
PRIVATE_STATIC = "private-static"
STATIC_OR_MAKER = "static-or-maker"
PRIVATE_STATIC_OR_MAKER = "private-static-or-maker"
PAGES = "site"
"""Ids of origins and groups, beside the maker's two, which the function names."""
TAG_HEADER = f"x-amz-meta-{CACHE_TAG}"
"""The header whose words an invalidation may name (E2): S3 makes it of a variant's metadata, the maker says it too."""
MISSED = (403, 404, 500, 502, 503, 504)
"""Answers of the bucket after which the maker is asked; 403 is what S3 says of odd names."""
UNKEPT = (400, 403, 405, 414, 416, 500, 501, 502, 503, 504)
"""Errors that say that they may not be kept; CloudFront would keep each for ten seconds, `no-store` or not."""
NOT_FOUND = 5
"""Seconds for which a 404 is kept at least, the pages' too: what a broken link costs is a request each five seconds."""
METHODS = ["GET", "HEAD", "OPTIONS"]
PRICE_CLASSES = {"100": "PriceClass_100", "200": "PriceClass_200", "all": "PriceClass_All"}
GEO = {"none": "none", "allow": "whitelist", "deny": "blacklist"}
Dist = cloudfront.CfnDistribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What the distribution is connected to: the maker's host and secret, web ACL and certificate where there are."""

    maker_host: str
    secret: str
    web_acl_arn: str | None
    certificate_arn: str | None


class Distribution(Construct):
    """`.id`, `.arn` and `.host` of the distribution."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, rules: EdgeRules, ends: Ends) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        guarded = bool(rules.prefixes)
        self._policies = EdgePolicies(self, "Policies", config=config, guarded=guarded)
        self._open = self._function("Open", "open", rules.open, "what the edge decides by itself, open pictures")
        self._private = ""
        if rules.private:
            comment = "what the edge decides by itself, private pictures"
            self._private = self._function("Private", "private", rules.private, comment)
        self._opened = self._function("Opened", "opened", opening_function(), "every page may read open pictures")
        keys = KeyGroup(self, "Keys", config=config).id
        self.resource = Dist(
            self,
            "Distribution",
            distribution_config=Dist.DistributionConfigProperty(
                enabled=True,
                comment=f"Imagemill {config.name}",
                http_version="http2and3",  # E3
                ipv6_enabled=True,
                price_class=PRICE_CLASSES[config.price_class],
                aliases=[config.domain] if config.domain else None,  # E4
                viewer_certificate=_certificate(ends.certificate_arn),
                web_acl_id=ends.web_acl_arn,  # E8
                default_root_object="index.html",
                origins=list(self._origins(ends, guarded=guarded)),
                origin_groups=_groups(guarded=guarded),
                default_cache_behavior=self._pages(),
                cache_behaviors=self._behaviors(rules, keys),
                custom_error_responses=list(errors(config)),
                cache_tag_config=Dist.CacheTagConfigProperty(header_name=TAG_HEADER),  # E2
                restrictions=Dist.RestrictionsProperty(  # E6
                    geo_restriction=Dist.GeoRestrictionProperty(
                        restriction_type=GEO[config.geo.mode], locations=list(config.geo.countries) or None
                    )
                ),
            ),
        )
        self.id = self.resource.ref
        self.host = self.resource.attr_domain_name
        self.arn = f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/{self.id}"

    # what runs and who is known

    def _function(self, construct_id: str, word: str, text: str, comment: str) -> str:
        """Return the ARN of an edge function (E1): the platform's own text, published at once."""
        name = f"{self._config.name}-{word}"
        function = cloudfront.CfnFunction(
            self,
            construct_id,
            name=name,
            auto_publish=True,
            function_code=text,
            function_config=cloudfront.CfnFunction.FunctionConfigProperty(
                comment=f"Imagemill: {comment}", runtime="cloudfront-js-2.0"
            ),
        )
        return function.attr_function_arn

    # where answers come from

    def _origins(self, ends: Ends, *, guarded: bool) -> Iterator[Dist.OriginProperty]:
        """Yield the origins; each answers to this account's distributions alone (origin access control)."""
        buckets = self._access("s3")
        functions = self._access("lambda")
        yield self._bucket(STATIC, "variants", buckets)
        yield _maker(MAKER, ends, functions)
        if guarded:
            yield self._bucket(PRIVATE_STATIC, "variants", buckets)
            yield _maker(PRIVATE_MAKER, ends, functions, known=True)
        yield self._bucket(PAGES, "site", buckets)

    def _access(self, kind: str) -> str:
        """Return the id of an origin access control: every request is signed, whatever the viewer sent."""
        return cloudfront.CfnOriginAccessControl(
            self,
            f"Access{kind.capitalize()}",
            origin_access_control_config=cloudfront.CfnOriginAccessControl.OriginAccessControlConfigProperty(
                name=f"{self._config.name}-{kind}",
                origin_access_control_origin_type=kind,
                signing_behavior="always",
                signing_protocol="sigv4",
            ),
        ).ref

    def _bucket(self, origin: str, role: str, access: str) -> Dist.OriginProperty:
        name = bucket_name(self._config, role)
        return Dist.OriginProperty(
            id=origin,
            domain_name=Fn.join("", [name, f".s3.{self._config.region}.", Aws.URL_SUFFIX]),
            origin_access_control_id=access,
            # Empty: access is by the control above, not by an identity, the older way.
            s3_origin_config=Dist.S3OriginConfigProperty(origin_access_identity=""),
            connection_attempts=2,  # E9: a bucket that is away costs 4 s before the maker is asked
            connection_timeout=2,
        )

    # which path gets what

    def _behaviors(self, rules: EdgeRules, keys: str) -> list[Dist.CacheBehaviorProperty]:
        """Return the behaviours in the order in which CloudFront looks; the narrower first."""
        policies = self._policies
        found = []
        for prefix in rules.prefixes:
            guard = {"function": self._private, "headers": policies.private, "keys": keys}
            found.append(self._behavior(f"/img/*/{prefix}*", PRIVATE_STATIC_OR_MAKER, **guard))
            found.append(self._behavior(f"/info/{prefix}*", PRIVATE_MAKER, **guard))
        found += [
            *(
                self._behavior(f"/img/*fm?{word}*/*", STATIC_OR_MAKER, function=self._open, headers=policies.stated)
                for word in STATED_BEHAVIORS
            ),
            self._behavior("/img/*", STATIC_OR_MAKER, function=self._open, headers=policies.negotiated),
            self._behavior("/info/*", MAKER, function=self._open),
        ]
        return found

    def _behavior(
        self, pattern: str, origin: str, *, function: str, headers: str | None = None, keys: str = ""
    ) -> Dist.CacheBehaviorProperty:
        functions = {"viewer-request": function}
        if headers and not keys:
            functions["viewer-response"] = self._opened
        return Dist.CacheBehaviorProperty(
            path_pattern=pattern,
            target_origin_id=origin,
            viewer_protocol_policy="redirect-to-https",  # E3
            allowed_methods=METHODS,
            cached_methods=["GET", "HEAD"],
            compress=False,
            cache_policy_id=self._policies.cache,
            origin_request_policy_id=self._policies.forward,
            response_headers_policy_id=headers,
            trusted_key_groups=[keys] if keys else None,  # E7
            function_associations=[
                Dist.FunctionAssociationProperty(event_type=event, function_arn=arn) for event, arn in functions.items()
            ],
        )

    def _pages(self) -> Dist.DefaultCacheBehaviorProperty:
        """Return the behaviour of everything that is no picture: the site bucket's pages (O8)."""
        return Dist.DefaultCacheBehaviorProperty(
            target_origin_id=PAGES,
            viewer_protocol_policy="redirect-to-https",
            allowed_methods=["GET", "HEAD"],
            cached_methods=["GET", "HEAD"],
            compress=True,
            cache_policy_id=SITE_CACHE,
            response_headers_policy_id=SITE_HEADERS,
        )


def errors(config: Config) -> Iterator[Dist.CustomErrorResponseProperty]:
    """Yield for how long errors are kept at least, whatever they say; where no 404 may be kept, none is."""
    said = read(config.settings).delivery.not_found_max_age
    lifetimes = {**dict.fromkeys(UNKEPT, 0), 404: min(NOT_FOUND, said)}
    for code, seconds in sorted(lifetimes.items()):
        yield Dist.CustomErrorResponseProperty(error_code=code, error_caching_min_ttl=seconds)


def _maker(origin: str, ends: Ends, access: str, *, known: bool = False) -> Dist.OriginProperty:
    """Return the maker as an origin; one that is `known` says that CloudFront has checked a signature (E7)."""
    secret = Dist.OriginCustomHeaderProperty(header_name=EDGE_HEADER, header_value=ends.secret)
    return Dist.OriginProperty(
        id=origin,
        domain_name=ends.maker_host,
        origin_access_control_id=access,
        custom_origin_config=Dist.CustomOriginConfigProperty(
            origin_protocol_policy="https-only",
            origin_ssl_protocols=["TLSv1.2"],
            origin_read_timeout=30,
            origin_keepalive_timeout=60,
        ),
        origin_custom_headers=[secret] if known else None,
        connection_attempts=2,
        connection_timeout=4,
    )


def _groups(*, guarded: bool) -> Dist.OriginGroupsProperty:
    """Return the origin groups (E9), each of exactly two: CloudFront takes no more."""
    pairs = [(STATIC_OR_MAKER, (STATIC, MAKER))]
    if guarded:
        pairs.append((PRIVATE_STATIC_OR_MAKER, (PRIVATE_STATIC, PRIVATE_MAKER)))
    return Dist.OriginGroupsProperty(quantity=len(pairs), items=[_group(name, members) for name, members in pairs])


def _group(name: str, members: Sequence[str]) -> Dist.OriginGroupProperty:
    return Dist.OriginGroupProperty(
        id=name,
        failover_criteria=Dist.OriginGroupFailoverCriteriaProperty(
            status_codes=Dist.StatusCodesProperty(quantity=len(MISSED), items=list(MISSED))
        ),
        members=Dist.OriginGroupMembersProperty(
            quantity=len(members), items=[Dist.OriginGroupMemberProperty(origin_id=one) for one in members]
        ),
    )


def _certificate(arn: str | None) -> Dist.ViewerCertificateProperty:
    """Return how viewers are spoken to (E3); without a domain CloudFront's own certificate, whose policy is its own."""
    if arn is None:
        return Dist.ViewerCertificateProperty(cloud_front_default_certificate=True)
    return Dist.ViewerCertificateProperty(
        acm_certificate_arn=arn, ssl_support_method="sni-only", minimum_protocol_version="TLSv1.2_2021"
    )
