"""Who may sign URLs and cookies of private pictures: CloudFront's key group (E7)."""

from __future__ import annotations

import hashlib

from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from deploy.aws.config import Config


class KeyGroup(Construct):
    """`.id` of the key group, empty without public keys. Several keys at once let them be changed."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.id = ""
        keys = [self._key(config.name, text) for text in config.public_keys]
        if keys:
            group = cloudfront.CfnKeyGroup.KeyGroupConfigProperty(name=config.name, items=keys)
            self.id = cloudfront.CfnKeyGroup(self, "Group", key_group_config=group).ref

    def _key(self, name: str, text: str) -> str:
        """Return the id of a key, which is named by what it is.

        CloudFront takes no other text for a key that is there, so a new one must be another resource; the old one goes
        after the group has the new one.
        """
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return cloudfront.CfnPublicKey(
            self,
            f"Key{digest}",
            public_key_config=cloudfront.CfnPublicKey.PublicKeyConfigProperty(
                name=f"{name}-{digest}", caller_reference=f"{name}-{digest}", encoded_key=text
            ),
        ).ref
