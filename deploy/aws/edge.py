"""What CloudFront takes from us-east-1 only: the web ACL (E8) and the certificate (E3)."""

from __future__ import annotations

from aws_cdk import CfnOutput, CfnWaitConditionHandle, Environment, Stack
from aws_cdk import aws_certificatemanager as acm
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.firewall import Firewall


class EdgeStack(Stack):
    """The web ACL and the certificate; their ARNs are outputs that the delivery stack takes as parameters.

    `.web_acl_arn` is None where config.waf is off, `.certificate_arn` None where there is no domain or config names a
    certificate. A reference cannot cross regions, so nothing but these outputs does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        self.web_acl_arn: str | None = None
        self.certificate_arn: str | None = None
        if config.waf:
            self.web_acl_arn = Firewall(self, "Firewall", config=config).arn
            CfnOutput(self, "WebAclArn", value=self.web_acl_arn, description="The delivery stack's WebAclArn.")
        if makes_certificate(config):
            self.certificate_arn = self._certificate(config)
            CfnOutput(
                self, "CertificateArn", value=self.certificate_arn, description="The delivery stack's CertificateArn."
            )

        if self.web_acl_arn is None and self.certificate_arn is None:
            CfnWaitConditionHandle(self, "Nothing")  # free, and does nothing: a template must have a resource

    def _certificate(self, config: Config) -> str:
        """Return the certificate of the domain (E3, E4): proven and renewed by a record in the hosted zone.

        The L1 construct, because the other one looks the zone up and so must be told its name as well.
        """
        return acm.CfnCertificate(
            self,
            "Certificate",
            domain_name=config.domain,
            validation_method="DNS",
            domain_validation_options=[
                acm.CfnCertificate.DomainValidationOptionProperty(
                    domain_name=config.domain, hosted_zone_id=config.zone_id
                )
            ],
        ).ref


def makes_certificate(config: Config) -> bool:
    """Whether the edge stack makes the certificate of CloudFront's own domain."""
    return bool(config.domain and not config.certificate)
