"""A distribution as its CloudFormation template says it: what the stand-in for CloudFront obeys.

Only what the platform's template uses is read; a word that is not known raises, so that nothing is silently left out
of what the tests run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::URLSuffix": "amazonaws.com",
}
HOST = "d111111abcdef8.cloudfront.net"
"""The distribution's own host name."""
MANAGED = {"658327ea-f89d-4fab-a63d-7e88639e58f6": (1, 86400, 31536000)}
"""CloudFront's own cache policies that may be named: their least, usual and longest seconds; no header, no query."""


NO_PLAIN_HEADERS = re.compile(
    r"access-control-.*|content-security-policy|strict-transport-security|referrer-policy|"
    r"x-(?:content-type-options|frame-options|xss-protection)"
)
"""What CloudFront refuses among the plain headers of a policy, as it has settings of its own for them (400)."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """What is part of the key, and for how many seconds an answer is kept."""

    headers: tuple[str, ...]
    queries: bool
    least: int
    usual: int
    longest: int


@dataclass(frozen=True, slots=True)
class ResponsePolicy:
    """What is done to headers of an answer: removed, set where absent, set always."""

    removed: tuple[str, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    forced: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where answers come from: `bucket` by its domain, or a function's address; `signs` says that OAC signs always."""

    id: str
    domain: str
    bucket: bool
    signs: bool
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Two origins; the second is asked after one of `codes` of the first."""

    members: tuple[str, str]
    codes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Behavior:
    """What holds for the paths of a pattern (`*` for all the rest).

    `function` runs before the cache is asked, `last` as an answer leaves.
    """

    pattern: str
    target: str
    methods: frozenset[str]
    cache: CachePolicy
    forwarded: tuple[str, ...]
    responses: ResponsePolicy
    function: str | None
    last: str | None
    keys: tuple[str, ...]

    def fits(self, path: str) -> bool:
        """Whether it is for `path`: `*` is any characters, slashes too, `?` is one (Developer Guide, path pattern)."""
        parts = [{"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", self.pattern)]
        return (
            re.fullmatch("".join(parts), path if self.pattern.startswith(("/", "*")) else path[1:], re.DOTALL)
            is not None
        )


@dataclass(frozen=True, slots=True)
class DistributionTemplate:
    """The whole: `functions` are texts by name, `keys` PEM texts of public keys by their ids."""

    behaviors: tuple[Behavior, ...]
    origins: Mapping[str, Origin]
    groups: Mapping[str, Group]
    functions: Mapping[str, str]
    keys: Mapping[str, str]
    errors: Mapping[int, int]
    tag_header: str
    root: str


class TemplateReader:
    """Reads one template; `secret` stands for what CloudFormation would put in for a dynamic reference."""

    def __init__(self, template: Json, *, secret: str = "") -> None:
        self._resources: Json = template["Resources"]
        self._secret = secret

    def distribution(self) -> DistributionTemplate:
        """Return the one distribution of the template."""
        (found,) = (one for one in self._resources.values() if one["Type"] == "AWS::CloudFront::Distribution")
        config = found["Properties"]["DistributionConfig"]
        rows = [*config.get("CacheBehaviors", ()), {**config["DefaultCacheBehavior"], "PathPattern": "*"}]
        return DistributionTemplate(
            behaviors=tuple(self._behavior(row) for row in rows),
            origins={row["Id"]: self._origin(row) for row in config["Origins"]},
            groups=dict(self._groups(config.get("OriginGroups", {}).get("Items", ()))),
            functions={
                name: one["Properties"]["FunctionCode"]
                for name, one in self._resources.items()
                if one["Type"] == "AWS::CloudFront::Function"
            },
            keys={
                name: one["Properties"]["PublicKeyConfig"]["EncodedKey"]
                for name, one in self._resources.items()
                if one["Type"] == "AWS::CloudFront::PublicKey"
            },
            errors={row["ErrorCode"]: row["ErrorCachingMinTTL"] for row in config.get("CustomErrorResponses", ())},
            tag_header=config.get("CacheTagConfig", {}).get("HeaderName", ""),
            root=config.get("DefaultRootObject", ""),
        )

    def environment(self, handler: str) -> dict[str, str]:
        """Return the variables of the one Lambda function with this handler."""
        (found,) = (
            one["Properties"]
            for one in self._resources.values()
            if one["Type"] == "AWS::Lambda::Function" and one["Properties"]["Handler"] == handler
        )
        return {name: self.text(value) for name, value in found["Environment"]["Variables"].items()}

    def text(self, value: Any) -> str:
        """Return a value with its references replaced: a resource is known by its logical id."""
        whole = self._text(value)
        return self._secret if whole.startswith("{{resolve:") else whole

    def _text(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if not (isinstance(value, dict) and len(value) == 1):
            raise AssertionError(f"no text of a template: {value!r}")
        ((word, what),) = value.items()
        match word:
            case "Ref":
                return PSEUDO.get(what, str(what))
            case "Fn::GetAtt":
                return HOST if what[1] == "DomainName" else ".".join(map(str, what))
            case "Fn::Join":
                return str(what[0]).join(self._text(part) for part in what[1])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: PSEUDO.get(found[1], found[1]), str(what))
            case "Fn::ImportValue":  # of another stack: the distribution's host is a setting, other words only names
                return HOST if "DomainName" in str(what) else str(what)
            case "Fn::Select":
                return self._selected(what)
        raise AssertionError(f"unknown in a template: {word}")

    def _selected(self, what: Any) -> str:
        number, pieces = what
        sign, whole = pieces["Fn::Split"]
        parts = self._text(whole).split(sign)
        return parts[number] if number < len(parts) else parts[-1]  # a reference stands for the whole address

    def _properties(self, value: Any, kind: str) -> Json:
        name = self.text(value).split(".")[0]
        found = self._resources[name]
        assert found["Type"] == f"AWS::CloudFront::{kind}", (name, found["Type"])
        properties: Json = found["Properties"]
        return properties

    def _behavior(self, row: Json) -> Behavior:
        functions = {
            one["EventType"]: self.text(one["FunctionARN"]).split(".")[0] for one in row.get("FunctionAssociations", ())
        }
        assert functions.keys() <= {"viewer-request", "viewer-response"}
        assert len(functions) == len(row.get("FunctionAssociations", ()))
        return Behavior(
            pattern=row["PathPattern"],
            target=row["TargetOriginId"],
            methods=frozenset(row["AllowedMethods"]),
            cache=self._cache(row["CachePolicyId"]),
            forwarded=self._forwarded(row.get("OriginRequestPolicyId")),
            responses=self._responses(row.get("ResponseHeadersPolicyId")),
            function=functions.get("viewer-request"),
            last=functions.get("viewer-response"),
            keys=tuple(self._keys(row.get("TrustedKeyGroups", ()))),
        )

    def _keys(self, groups: Any) -> Iterator[str]:
        for group in groups:
            for key in self._properties(group, "KeyGroup")["KeyGroupConfig"]["Items"]:
                yield self.text(key)

    def _cache(self, value: Any) -> CachePolicy:
        if isinstance(value, str):
            return CachePolicy((), False, *MANAGED[value])
        config = self._properties(value, "CachePolicy")["CachePolicyConfig"]
        key = config["ParametersInCacheKeyAndForwardedToOrigin"]
        assert key["CookiesConfig"]["CookieBehavior"] == "none"
        assert not key["EnableAcceptEncodingGzip"]
        queries = key["QueryStringsConfig"]["QueryStringBehavior"]
        assert queries in ("none", "all")
        headers = key["HeadersConfig"].get("Headers", ())
        return CachePolicy(
            tuple(name.lower() for name in headers),
            queries == "all",
            config["MinTTL"],
            config["DefaultTTL"],
            config["MaxTTL"],
        )

    def _forwarded(self, value: Any) -> tuple[str, ...]:
        if value is None:
            return ()
        config = self._properties(value, "OriginRequestPolicy")["OriginRequestPolicyConfig"]
        assert config["HeadersConfig"]["HeaderBehavior"] == "whitelist"
        assert config["QueryStringsConfig"]["QueryStringBehavior"] == "none"
        return tuple(name.lower() for name in config["HeadersConfig"]["Headers"])

    def _responses(self, value: Any) -> ResponsePolicy:
        if value is None or isinstance(value, str):  # CloudFront's own add what no test reads
            return ResponsePolicy()
        config = self._properties(value, "ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
        assert "CorsConfig" not in config
        rows = [
            (row["Header"].lower(), row["Value"], row["Override"])
            for row in config.get("CustomHeadersConfig", {}).get("Items", ())
        ]
        assert not [name for name, _, _ in rows if NO_PLAIN_HEADERS.fullmatch(name)], rows
        security = dict(config.get("SecurityHeadersConfig", {}))
        if policy := security.pop("ContentSecurityPolicy", None):
            rows.append(("content-security-policy", policy["ContentSecurityPolicy"], policy["Override"]))
        if options := security.pop("ContentTypeOptions", None):
            rows.append(("x-content-type-options", "nosniff", options["Override"]))
        assert not security, security
        return ResponsePolicy(
            removed=tuple(row["Header"].lower() for row in config.get("RemoveHeadersConfig", {}).get("Items", ())),
            added=tuple((name, text) for name, text, force in rows if not force),
            forced=tuple((name, text) for name, text, force in rows if force),
        )

    def _origin(self, row: Json) -> Origin:
        signs = False
        if "OriginAccessControlId" in row:
            config = self._properties(row["OriginAccessControlId"], "OriginAccessControl")["OriginAccessControlConfig"]
            signs = config["SigningBehavior"] == "always" and config["SigningProtocol"] == "sigv4"
        return Origin(
            id=row["Id"],
            domain=self.text(row["DomainName"]),
            bucket="S3OriginConfig" in row,
            signs=signs,
            headers=tuple(
                (one["HeaderName"].lower(), self.text(one["HeaderValue"])) for one in row.get("OriginCustomHeaders", ())
            ),
        )

    def _groups(self, rows: Any) -> Iterator[tuple[str, Group]]:
        for row in rows:
            members = [one["OriginId"] for one in row["Members"]["Items"]]
            assert len(members) == row["Members"]["Quantity"] == 2
            yield row["Id"], Group((members[0], members[1]), frozenset(row["FailoverCriteria"]["StatusCodes"]["Items"]))
