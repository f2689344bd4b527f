"""The stack in us-east-1: the firewall and the certificate; the log of the edge."""

from __future__ import annotations

from typing import Any

import pytest
from deploy.aws.config import Config, ConfigError
from deploy.aws.config_file import from_tree
from tests.deploy.deployments import Synthesised

Json = dict[str, Any]
ACL = "AWS::WAFv2::WebACL"


def rules(one: Synthesised) -> dict[str, Json]:
    """Return the rules of the web ACL by name, in their order."""
    found = sorted(one.one("edge", ACL)["Rules"], key=lambda rule: rule["Priority"])
    return {rule["Name"]: rule for rule in found}


def group(one: Synthesised, name: str) -> Json:
    """Return a managed group's statement."""
    statement: Json = rules(one)[name]["Statement"]["ManagedRuleGroupStatement"]
    return statement


def test_the_web_acl_is_for_cloudfront_and_lets_through_what_no_rule_refuses(plain: Synthesised) -> None:
    """What a URL may ask is the platform's own business."""
    acl = plain.one("edge", ACL)
    assert acl["Scope"] == "CLOUDFRONT"
    assert acl["DefaultAction"] == {"Allow": {}}


def test_the_cheapest_rule_is_asked_first(plain: Synthesised) -> None:
    """The rate, then AWS's groups by what they cost."""
    assert list(rules(plain)) == [
        "rate",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    ]
    assert [rule["Priority"] for rule in rules(plain).values()] == [0, 1, 2, 3]


def test_a_managed_group_refuses_by_its_own_actions(plain: Synthesised) -> None:
    """None of the groups is only counted."""
    for name, rule in rules(plain).items():
        if name.startswith("AWS"):
            assert rule["OverrideAction"] == {"None": {}}
            assert "Action" not in rule
            assert group(plain, name)["VendorName"] == "AWS"


def test_what_the_contract_allows_is_only_counted(plain: Synthesised) -> None:
    """Long URLs, clients without a name, text and addresses of originals in a path; nothing else is let off."""
    counted = group(plain, "AWSManagedRulesCommonRuleSet")["RuleActionOverrides"]
    assert {one["Name"] for one in counted} == {
        "NoUserAgent_HEADER",
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_URIPATH",
        "CrossSiteScripting_URIPATH",
        "GenericRFI_URIPATH",
    }
    assert all(one["ActionToUse"] == {"Count": {}} for one in counted)
    assert "RuleActionOverrides" not in group(plain, "AWSManagedRulesKnownBadInputsRuleSet")


def test_each_exclusion_has_its_reason() -> None:
    """Whoever reads the list learns why."""
    from deploy.aws.firewall import COUNTED

    assert all(len(reason) > 20 for reason in COUNTED.values())


def test_an_address_that_asks_too_often_gets_429_as_everywhere(full: Synthesised) -> None:
    """The configured rate in five minutes; status, error code and Retry-After are the contract's."""
    rule = rules(full)["rate"]
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": 100,
    }
    answer = rule["Action"]["Block"]["CustomResponse"]
    headers = {header["Name"]: header["Value"] for header in answer["ResponseHeaders"]}
    assert answer["ResponseCode"] == 429
    assert headers == {"retry-after": "300", "imagemill-error": "too_many_requests", "cache-control": "no-store"}
    body = full.one("edge", ACL)["CustomResponseBodies"][answer["CustomResponseBodyKey"]]
    assert body["ContentType"] == "APPLICATION_JSON"
    assert '"status": 429' in body["Content"]


def test_listed_addresses_come_before_every_other_rule() -> None:
    """Blocked before allowed; IPv4 and IPv6 in a set each."""
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template
    from deploy.aws.firewall import Firewall

    stack = Stack(App())
    config = Config(allow_addresses=("192.0.2.0/24", "2001:db8::/32"), block_addresses=("198.51.100.7/32",))
    Firewall(stack, "Firewall", config=config)
    template = Template.from_stack(stack).to_json()["Resources"]
    acl = next(one["Properties"] for one in template.values() if one["Type"] == ACL)
    first = [(rule["Name"], rule.get("Action")) for rule in acl["Rules"]][:3]
    assert first == [("blocked-v4", {"Block": {}}), ("allowed-v4", {"Allow": {}}), ("allowed-v6", {"Allow": {}})]
    sets = [one["Properties"] for one in template.values() if one["Type"] == "AWS::WAFv2::IPSet"]
    assert {one["Name"]: (one["IPAddressVersion"], one["Addresses"]) for one in sets} == {
        "imagemill-blocked-v4": ("IPV4", ["198.51.100.7/32"]),
        "imagemill-allowed-v4": ("IPV4", ["192.0.2.0/24"]),
        "imagemill-allowed-v6": ("IPV6", ["2001:db8::/32"]),
    }


@pytest.mark.parametrize("word", ["192.0.2.1/24", "0.0.0.0/0", "::/0", "300.1.1.1/8", "192.0.2.1", "example.com"])
def test_a_list_takes_networks_only(word: str, tmp_path: Any) -> None:
    """WAF knows no network that holds everything, and none with bits beyond its mask."""
    with pytest.raises(ConfigError, match="block_addresses: expected"):
        from_tree({"block_addresses": [word]}, tmp_path)


def test_nothing_that_opens_a_picture_is_logged_or_sampled(plain: Synthesised) -> None:
    """Cookies, Authorization, the query and where it is repeated, in the log and in the samples of the console."""
    log = plain.one("edge", "AWS::WAFv2::LoggingConfiguration")
    assert log["RedactedFields"] == [
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "cookie"}},
        {"SingleHeader": {"Name": "referer"}},
        {"QueryString": {}},
    ]
    protected = plain.one("edge", ACL)["DataProtectionConfig"]["DataProtections"]
    assert [(one["Field"]["FieldType"], one["Field"].get("FieldKeys"), one["Action"]) for one in protected] == [
        ("SINGLE_HEADER", ["authorization", "cookie", "referer"], "SUBSTITUTION"),
        ("QUERY_STRING", None, "SUBSTITUTION"),
    ]


def test_the_firewalls_log_has_the_name_that_waf_asks_for_and_ends(full: Synthesised) -> None:
    """aws-waf-logs-…, kept as long as every log; only what was refused or counted."""
    group = full.one("edge", "AWS::Logs::LogGroup")
    log = full.one("edge", "AWS::WAFv2::LoggingConfiguration")
    assert group["LogGroupName"] == "aws-waf-logs-pictures"
    assert group["RetentionInDays"] == 14
    assert str(log["LogDestinationConfigs"][0]).count(":log-group:aws-waf-logs-pictures") == 1
    assert log["LoggingFilter"]["DefaultBehavior"] == "DROP"


def test_the_certificate_is_proven_in_the_hosted_zone(full: Synthesised) -> None:
    """ACM renews it by itself as long as the record stands."""
    certificate = full.one("edge", "AWS::CertificateManager::Certificate")
    assert certificate["DomainName"] == "img.example.com"
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": "img.example.com", "HostedZoneId": "Z0123456789ABC"}
    ]


def test_no_certificate_is_made_without_a_domain_or_beside_ones_own(plain: Synthesised) -> None:
    """CloudFront's own host name has a certificate; a given one is used as it is."""
    from deploy.aws.edge import makes_certificate

    assert not plain.resources("edge", "AWS::CertificateManager::Certificate")
    given = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    assert not makes_certificate(Config(domain="img.example.com", certificate=given))


def test_what_the_next_stack_needs_is_an_output(full: Synthesised) -> None:
    """A reference cannot cross regions, so the deployer carries these two."""
    assert set(full.templates["edge"]["Outputs"]) == {"WebAclArn", "CertificateArn"}
    assert {"WebAclArn", "CertificateArn"} <= set(full.templates["delivery"]["Parameters"])


def test_with_nothing_to_make_the_stack_can_be_deployed_all_the_same() -> None:
    """A template without resources would be refused."""
    from aws_cdk import App
    from aws_cdk.assertions import Template
    from deploy.aws.edge import EdgeStack

    template = Template.from_stack(EdgeStack(App(), "edge", config=Config(waf=False))).to_json()
    assert [one["Type"] for one in template["Resources"].values()] == ["AWS::CloudFormation::WaitConditionHandle"]


# --- the log of the edge -----------------------------------------------------------------------------------------


def test_the_distributions_log_goes_into_the_logs_bucket(full: Synthesised) -> None:
    """By CloudWatch's deliveries, which for CloudFront are in us-east-1 only; the bucket needs no ACL."""
    source = full.one("edge-alarms", "AWS::Logs::DeliverySource")
    destination = full.one("edge-alarms", "AWS::Logs::DeliveryDestination")
    delivery = full.one("edge-alarms", "AWS::Logs::Delivery")
    assert source["LogType"] == "ACCESS_LOGS"
    assert {"Ref": "DistributionId"} in source["ResourceArn"]["Fn::Join"][1]
    assert "pictures-logs-" in str(destination["DestinationResourceArn"])
    assert str(destination["DestinationResourceArn"]).count("/cloudfront'") == 1
    assert destination["OutputFormat"] == "w3c"
    assert delivery["DeliverySourceName"] == source["Name"]
    assert delivery["S3SuffixPath"] == "{yyyy}/{MM}/{dd}/{HH}"


def test_no_signature_is_in_the_log(full: Synthesised) -> None:
    """Neither a query nor a cookie nor the address of the page before, where they would be."""
    fields = full.one("edge-alarms", "AWS::Logs::Delivery")["RecordFields"]
    assert {"cs-uri-stem", "sc-status", "x-edge-result-type", "c-ip"} <= set(fields)
    assert not {"cs-uri-query", "cs(Cookie)", "cs(Referer)"} & set(fields)
