"""What CloudFront keys its cache by, passes on, and says to viewers: the policies that behaviours share (E1, E7, T3).

Separate from the distribution, which says which path gets which. No header of a response policy may be one that
CloudFront keeps for itself (`RESERVED`, and `CORS_HEADERS` among the plain ones). Its CORS settings would take `Vary`
over and drop ours, so `Access-Control-Allow-Origin` is said by a function (`edge_config.cloudfront.opening_function`).
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from deploy.aws.config import Config
from imagemill.delivery.plan import SECURITY
from imagemill.edge_config.cloudfront import KEY_HEADERS

YEAR = 31_536_000
MOST_HEADERS = 10
"""Headers that a cache, origin request or response headers policy may name (CloudFront quotas)."""
RESERVED = (
    *("connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "proxy-authenticate"),
    *("proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade", "via", "warning"),
    *("x-accel-", "x-amz-cf-", "x-amzn-", "x-cache", "x-edge-", "x-forwarded-proto", "x-real-ip"),
)
"""Headers (or how they begin) that no policy may add or remove (Developer Guide, response headers policies)."""
CORS_HEADERS = "access-control-"
"""How the headers begin that CloudFront refuses among a policy's plain ones: "Invalid custom header"."""
FORWARDED = ("CloudFront-Viewer-Address",)
"""What the maker is told beside the key's headers: whose bucket of CPU-seconds a make spends (threat A4)."""
SITE_CACHE = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""CloudFront's own policy CachingOptimized: for pages, which compress and answer alike for everyone."""
SITE_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""CloudFront's own policy SecurityHeadersPolicy: HSTS, nosniff, frame options and referrer policy."""
_OF_S3 = ("x-amz-server-side-encryption", "x-amz-meta-imagemill-sha256", "x-amz-meta-imagemill-modified")
"""What S3 says of a variant and no viewer needs; the maker says nothing of the kind."""
_OPEN_TO_PAGES = tuple(name.decode() for name, value in SECURITY if value in (b"*", b"cross-origin"))
Header = cloudfront.CfnResponseHeadersPolicy.CustomHeaderProperty


class EdgePolicies(Construct):
    """`.cache`, `.forward`, and the response headers `.negotiated`, `.stated`, `.private`: ids of policies.

    `.private` is empty unless the distribution is `guarded` by a key group.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, guarded: bool) -> None:
        super().__init__(scope, construct_id)
        self._name = config.name
        self.cache = self._cache()
        self.forward = self._forward()
        security = {name.decode(): value.decode() for name, value in SECURITY}
        opened = [_header(name, security[name]) for name in _OPEN_TO_PAGES if not name.startswith(CORS_HEADERS)]
        vary = _header("vary", "Accept")
        # E1: static objects have no Vary of their own; the maker's, which may name hints too, wins.
        self.negotiated = self._responses("negotiated", "Pictures whose format Accept chooses", [*opened, vary])
        self.stated = self._responses("stated", "Pictures whose URL says the format", opened)
        # E7: what a signature opened is nobody else's to keep, and no other page's to read (contract, "Access").
        self.private = ""
        if guarded:
            own = _header("cache-control", "private, no-cache", override=True)
            self.private = self._responses(
                "private", "Pictures behind the key group", [own, vary], removed=[*_OPEN_TO_PAGES, *_OF_S3]
            )

    def _cache(self) -> str:
        """Return the cache key of pictures and their info (E1): the path, and every header that an answer is made of.

        No query: the function has put what counts of it into x-imagemill-uri, so no foreign parameter makes a second
        copy (threat C2). Never an hour that nobody asked for: an answer without Cache-Control is not kept. Pictures
        are compressed already, so Accept-Encoding plays no part.
        """
        policy = cloudfront.CfnCachePolicy
        return policy(
            self,
            "Cache",
            cache_policy_config=policy.CachePolicyConfigProperty(
                name=f"{self._name}-pictures",
                comment="Path and the headers that a picture is made of; times as the origin says",
                min_ttl=0,
                default_ttl=0,
                max_ttl=YEAR,
                parameters_in_cache_key_and_forwarded_to_origin=policy.ParametersInCacheKeyAndForwardedToOriginProperty(
                    enable_accept_encoding_brotli=False,
                    enable_accept_encoding_gzip=False,
                    headers_config=policy.HeadersConfigProperty(header_behavior="whitelist", headers=list(KEY_HEADERS)),
                    cookies_config=policy.CookiesConfigProperty(cookie_behavior="none"),
                    query_strings_config=policy.QueryStringsConfigProperty(query_string_behavior="none"),
                ),
            ),
        ).ref

    def _forward(self) -> str:
        """Return what goes to the origins beside the cache key; never Host, which both sign for themselves."""
        policy = cloudfront.CfnOriginRequestPolicy
        return policy(
            self,
            "Forward",
            origin_request_policy_config=policy.OriginRequestPolicyConfigProperty(
                name=f"{self._name}-maker",
                comment="Whose request it is, for the bound on what one client may have made",
                headers_config=policy.HeadersConfigProperty(header_behavior="whitelist", headers=list(FORWARDED)),
                cookies_config=policy.CookiesConfigProperty(cookie_behavior="none"),
                query_strings_config=policy.QueryStringsConfigProperty(query_string_behavior="none"),
            ),
        ).ref

    def _responses(self, word: str, comment: str, added: list[Header], removed: Iterable[str] = _OF_S3) -> str:
        """Return a policy of the headers that every answer with a picture carries, whichever tier it came from.

        CSP and nosniff are not the origin's to weaken; CloudFront takes them only as security settings.
        """
        policy = cloudfront.CfnResponseHeadersPolicy
        csp = next(value.decode() for name, value in SECURITY if name == b"content-security-policy")
        return policy(
            self,
            word.capitalize(),
            response_headers_policy_config=policy.ResponseHeadersPolicyConfigProperty(
                name=f"{self._name}-{word}",
                comment=comment,
                security_headers_config=policy.SecurityHeadersConfigProperty(
                    content_security_policy=policy.ContentSecurityPolicyProperty(
                        content_security_policy=csp, override=True
                    ),
                    content_type_options=policy.ContentTypeOptionsProperty(override=True),
                ),
                custom_headers_config=policy.CustomHeadersConfigProperty(items=added),
                remove_headers_config=policy.RemoveHeadersConfigProperty(
                    items=[policy.RemoveHeaderProperty(header=name) for name in removed]
                ),
            ),
        ).ref


def _header(name: str, value: str, *, override: bool = False) -> Header:
    return Header(header=name, value=value, override=override)
