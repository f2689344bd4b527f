"""What stands at the edge: CloudFront, WAF, certificates, names."""

from __future__ import annotations

import hashlib

from tests.servers.cloudformation.resource import Made, Request, makes, record


@makes("AWS::WAFv2::WebACL", name="Name")
def web_acl(request: Request) -> Made:
    """A web ACL with its rules."""
    waf = request.client("wafv2")
    name, scope = request.take("Name") or request.name, request.take("Scope")
    made = waf.create_web_acl(Name=name, Scope=scope, **request.rest())["Summary"]

    def delete() -> None:
        waf.delete_web_acl(Name=name, Scope=scope, Id=made["Id"], LockToken=made["LockToken"])

    return Made(f"{name}|{made['Id']}|{scope}", {"Arn": made["ARN"], "Id": made["Id"]}, delete)


@makes("AWS::CertificateManager::Certificate")
def certificate(request: Request) -> Made:
    """A certificate that waits for its validation."""
    acm = request.client("acm")
    options, labels = request.take("DomainValidationOptions", []), request.take("Tags", [])
    preference = request.take("CertificateTransparencyLoggingPreference")
    extra = {"Options": {"CertificateTransparencyLoggingPreference": preference}} if preference else {}
    extra |= {"Tags": labels} if labels else {}
    arn = acm.request_certificate(**request.rest(), **extra)["CertificateArn"]
    assert all("DomainName" in one for one in options)
    return Made(arn, {}, lambda: acm.delete_certificate(CertificateArn=arn))


@makes("AWS::CloudFront::Distribution")
def distribution(request: Request) -> Made:
    """A distribution, recorded: moto knows no origin groups and no policies. Its id looks like CloudFront's."""
    identity = "E" + hashlib.sha256(request.name.encode()).hexdigest()[:13].upper()
    request.rest()
    return Made(identity, {"Id": identity, "DomainName": f"d{identity[1:].lower()}.cloudfront.net"})


CLOUDFRONT = "arn:aws:cloudfront::{account}"
record(
    "AWS::CloudFront::Function",
    "FunctionARN=" + CLOUDFRONT + ":function/{name}",
    "FunctionMetadata.FunctionARN=" + CLOUDFRONT + ":function/{name}",
    "Stage=LIVE",
    ref=CLOUDFRONT + ":function/{name}",
    name="Name",
)
record("AWS::CloudFront::KeyValueStore", "Arn=" + CLOUDFRONT + ":key-value-store/{name}", "Id={name}", name="Name")
for policy in (
    "CachePolicy",
    "OriginRequestPolicy",
    "ResponseHeadersPolicy",
    "OriginAccessControl",
    "PublicKey",
    "KeyGroup",
):
    record(f"AWS::CloudFront::{policy}", "Id={name}")
record("AWS::CloudFront::MonitoringSubscription")
record("AWS::Route53::RecordSet", name="Name")
record("AWS::Route53::RecordSetGroup")
record("AWS::WAFv2::LoggingConfiguration")
record("AWS::SSM::Parameter", name="Name")
record("AWS::CE::AnomalyMonitor")
