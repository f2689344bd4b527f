"""What a deployment may choose, as one value: `Config`.

Separate from `config_file`, which reads and checks it: the stacks need the value only. Every field has a default; the
defaults are a platform that a small site can pay for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EDGE_REGION = "us-east-1"
"""Where CloudFront is run from: its web ACL, its certificate, its metrics and its logs are there and nowhere else."""
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""The retentions that CloudWatch Logs knows (API PutRetentionPolicy, `retentionInDays`)."""


class ConfigError(ValueError):
    """The configuration is wrong; `sentences` lists all of it, each naming a key, what was expected and received."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = tuple(sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geo:
    """The `[geo]` table: the countries (ISO 3166, two letters) that CloudFront answers, or refuses (E6)."""

    mode: Literal["none", "allow", "deny"] = "none"
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The `[canary]` table: how a new version of a function takes over (F1, D3).

    `percent` of the invocations go to it for `minutes`; then all do, unless its alarm has rung.
    """

    percent: int = 10
    minutes: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The `[api]` table: who may call the API and how much (G3, G4, G5).

    `auth`: key (the usage plan's key), iam (a SigV4 signature and the key) or authorizer (our function says).
    `rate` (requests a second, steady) and `burst` bound the stage and each key; `daily_quota` is what a key may ask a
    day (0: no bound); `addresses` are the networks (CIDR) that may call at all, empty: all.
    """

    auth: Literal["key", "iam", "authorizer"] = "key"
    rate: int = 50
    burst: int = 100
    daily_quota: int = 100_000
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One deployment. Sizes in MB, times in days, money in US dollars a month, unless the field says otherwise."""

    name: str = "imagemill"
    region: str = "eu-west-1"
    replica_region: str = "eu-central-1"
    domain: str = ""
    zone_id: str = ""
    certificate: str = ""
    api_domain: str = ""
    api_certificate: str = ""
    architecture: Literal["arm64", "x86_64"] = "arm64"
    memory: int = 1769
    reserved_concurrency: int = 50
    price_class: Literal["100", "200", "all"] = "100"
    public_keys: tuple[str, ...] = ()
    """PEM texts of the key group, in the order of the files that `config.toml` names."""
    upload_origins: tuple[str, ...] = ()
    kms: bool = False
    waf: bool = True
    rate_limit: int = 3000
    """Requests of one address in five minutes."""
    allow_addresses: tuple[str, ...] = ()
    block_addresses: tuple[str, ...] = ()
    """Networks that the firewall never refuses, or always does."""
    alarm_email: str = ""
    monthly_budget: int = 50
    log_days: int = 30
    variant_days: int = 90
    old_version_days: int = 30
    geo: Geo = field(default_factory=Geo)
    canary: Canary = field(default_factory=Canary)
    api: Api = field(default_factory=Api)
    tags: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the platform: `section.name` → the value as the environment would hold it."""
