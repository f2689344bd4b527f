"""A deployment as the tests look at it: its configuration, and the templates that were made of it.

Separate from `conftest`, which pytest loads under a name of its own: a class of it would be another one for whoever
imports it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from deploy.aws.config import Canary, Config, Geo

Json = dict[str, Any]


@dataclass(frozen=True)
class Synthesised:
    """One deployment: its configuration, and each stack's template as text by the stack's short name (`storage`)."""

    config: Config
    texts: dict[str, str]

    @cached_property
    def templates(self) -> dict[str, Json]:
        """Each stack's template as parsed JSON."""
        return {name: json.loads(text) for name, text in self.texts.items()}

    def resources(self, stack: str, kind: str) -> dict[str, Json]:
        """Return the resources of `stack` of the CloudFormation type `kind`, by logical id."""
        found = self.templates[stack].get("Resources", {})
        return {name: resource for name, resource in found.items() if resource["Type"] == kind}

    def one(self, stack: str, kind: str, **properties: object) -> Json:
        """Return the properties of the one resource of `kind` in `stack` whose properties have these values."""
        found = [
            resource["Properties"]
            for resource in self.resources(stack, kind).values()
            if all(resource["Properties"].get(name) == value for name, value in properties.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} in {stack} with {properties}"
        return found[0]  # type: ignore[no-any-return]  # JSON is Any

    def named(self, stack: str, logical: str) -> Json:
        """Return the one resource of `stack` whose logical id is `logical` and CDK's eight characters of hash."""
        found = [
            resource
            for name, resource in self.templates[stack]["Resources"].items()
            if name == logical or (name.startswith(logical) and len(name) == len(logical) + 8)
        ]
        assert len(found) == 1, f"{len(found)} resources of {stack} are called {logical}"
        return found[0]  # type: ignore[no-any-return]  # JSON is Any


def everything() -> Config:
    """Return a configuration in which every choice is made otherwise than by default."""
    key = ec.derive_private_key(3, ec.SECP256R1()).public_key()
    return Config(
        name="pictures",
        region="eu-north-1",
        replica_region="us-west-2",
        domain="img.example.com",
        zone_id="Z0123456789ABC",
        api_domain="api.example.com",
        architecture="x86_64",
        memory=3008,
        reserved_concurrency=10,
        price_class="all",
        public_keys=(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),),
        upload_origins=("https://www.example.com",),
        kms=True,
        rate_limit=100,
        alarm_email="someone@example.com",
        monthly_budget=7,
        log_days=14,
        variant_days=10,
        old_version_days=20,
        geo=Geo(mode="allow", countries=("DE", "FR")),
        canary=Canary(percent=25, minutes=15),
        tags={"team": "pictures"},
        settings={"delivery.private": "users/", "delivery.access": "sizes"},
    )
