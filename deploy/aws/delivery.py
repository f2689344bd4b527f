"""The distribution, the maker behind it, and the names in DNS (E1, E4, E9, F1)."""

from __future__ import annotations

from aws_cdk import Annotations, CfnOutput, CfnParameter, Environment, Stack
from aws_cdk import aws_route53 as route53
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.distribution import Distribution, Ends
from deploy.aws.edge import makes_certificate
from deploy.aws.edge_function import edge_rules
from deploy.aws.lambda_function import Code
from deploy.aws.maker import Maker
from deploy.aws.storage import StorageStack

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
"""The hosted zone of every distribution, as aliases in Route 53 name it (AWS General Reference, CloudFront)."""


class DeliveryStack(Stack):
    """`.maker` (PlatformFunction), `.distribution_id`, `.host`, `.public_url`, and `.dynamic`.

    `.dynamic` says in sentences why pictures are never answered from the bucket alone, empty where they are.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        storage: StorageStack,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        self.add_stack_dependency(storage)  # its buckets are named, not asked for: nothing else says the order
        rules = edge_rules(config)
        self.dynamic = rules.reasons
        maker = Maker(self, "Making", config=config, code=Code.parameters(self, "DeliveryCodeKey"))
        distribution = Distribution(
            self,
            "Edge",
            config=config,
            rules=rules,
            ends=Ends(
                maker_host=maker.host,
                secret=maker.secret,
                web_acl_arn=self._web_acl() if config.waf else None,
                certificate_arn=self._certificate(config),
            ),
        )
        maker.allow(distribution.arn)
        self.maker = maker.function
        self.distribution_id = distribution.id
        self.host = config.domain or distribution.host
        self.public_url = f"https://{self.host}"
        if config.domain and config.zone_id:
            self._names(config, distribution.host)
        for number, reason in enumerate(rules.reasons):
            Annotations.of(self).add_warning_v2(
                f"imagemill:not-static-{number}", f"Nothing is static at the edge. {reason}"
            )
        CfnOutput(self, "DistributionId", value=self.distribution_id, description="What invalidations and logs name.")
        CfnOutput(self, "DistributionHost", value=distribution.host, description="What a domain's CNAME points to.")
        CfnOutput(self, "PublicUrl", value=self.public_url, description="Where the pictures are.")
        # Exported whether asked for or not: the functions import it only without a domain, and CloudFormation would
        # refuse to drop it here, when a domain is chosen later, while they still do.
        self.export_value(distribution.host)

    def _web_acl(self) -> str:
        """Return the web ACL (E8), from another region and so by a parameter; without it nothing is deployed."""
        return CfnParameter(
            self,
            "WebAclArn",
            description="The output WebAclArn of the edge stack.",
            allowed_pattern="arn:aws[a-z-]*:wafv2:us-east-1:[0-9]{12}:global/webacl/.+",
            constraint_description="must be the ARN of a web ACL for CloudFront, the edge stack's output WebAclArn",
        ).value_as_string

    def _certificate(self, config: Config) -> str | None:
        """Return the domain's certificate (E3): the configuration's, or the edge stack's by a parameter."""
        if not makes_certificate(config):
            return config.certificate or None
        return CfnParameter(
            self,
            "CertificateArn",
            description="The output CertificateArn of the edge stack.",
            allowed_pattern="arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/.+",
            constraint_description="must be the ARN of a certificate in us-east-1, the edge stack's CertificateArn",
        ).value_as_string

    def _names(self, config: Config, host: str) -> None:
        """Point the domain to the distribution (E4), for IPv4 and IPv6."""
        for kind in ("A", "AAAA"):
            route53.CfnRecordSet(
                self,
                f"Name{kind}",
                hosted_zone_id=config.zone_id,
                name=config.domain,
                type=kind,
                alias_target=route53.CfnRecordSet.AliasTargetProperty(dns_name=host, hosted_zone_id=CLOUDFRONT_ZONE),
            )
