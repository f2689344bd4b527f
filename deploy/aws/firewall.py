"""The firewall at the edge (E8): which requests CloudFront refuses before it looks anything up.

Cheap first: lists of addresses, the rate of each address, then AWS's managed groups from the one that costs least to
ask. Everything that is not refused is allowed: what a URL may ask is the platform's own business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_network

from aws_cdk import Aws
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.log_group import log_group

Rule = wafv2.CfnWebACL.RuleProperty
SCOPE = "CLOUDFRONT"
RATE_SECONDS = 300
"""The window over which an address is counted; WAF looks at the last so many seconds every few seconds."""
REPUTATION = "AWSManagedRulesAmazonIpReputationList"
BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"
COMMON = "AWSManagedRulesCommonRuleSet"
GROUPS = (REPUTATION, BAD_INPUTS, COMMON)
"""AWS's free managed groups, in the order in which they are asked: 25, 200 and 700 of the 1 500 units of an ACL."""

COUNTED: dict[str, str] = {
    "NoUserAgent_HEADER": "proxies of mail and feeds fetch pictures without a User-Agent",
    "SizeRestrictions_QUERYSTRING": "a signed URL with a custom policy has more than 2 KB of query",
    "SizeRestrictions_URIPATH": "options and key together have more than 1 KB: the contract allows 8 KB of URL",
    "CrossSiteScripting_URIPATH": "text=… may hold any characters; answers are never HTML, with CSP and nosniff",
    "GenericRFI_URIPATH": "a key may be the address of an original on a web server (sources.<name>.hosts)",
}
"""Rules of the common group that refuse what the contract allows, and why each only counts."""
SECRETS = ("authorization", "cookie", "referer")
"""Headers that open something, the last by the query of a signed address: in no log and no sample.

Nor is the query itself, for it holds signatures.
"""
REFUSED = "Refused"
"""The name of the body that an address over its rate gets."""
PROBLEM = {
    "type": "about:blank",
    "title": "Too Many Requests",
    "status": 429,
    "detail": "This address has asked too often; ask again in some minutes.",
    "code": "too_many_requests",
}


class Firewall(Construct):
    """The web ACL with its log; `.arn` is what the distribution names."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        name = f"{config.name}-edge"
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            name=name,
            description="Imagemill: what CloudFront refuses at once.",
            scope=SCOPE,
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible(name),
            custom_response_bodies={
                REFUSED: wafv2.CfnWebACL.CustomResponseBodyProperty(
                    content_type="APPLICATION_JSON", content=json.dumps(PROBLEM)
                )
            },
            data_protection_config=_protected(),
            rules=self._rules(config),
        )
        self.arn = acl.attr_arn
        self._log(config)

    def _rules(self, config: Config) -> list[Rule]:
        """Return the rules in the order in which they are asked."""
        chosen = [
            *self._listed(config, "blocked", config.block_addresses, wafv2.CfnWebACL.RuleActionProperty(block={})),
            *self._listed(config, "allowed", config.allow_addresses, wafv2.CfnWebACL.RuleActionProperty(allow={})),
            _rate(config),
            *map(_managed, GROUPS),
        ]
        return [make(priority) for priority, make in enumerate(chosen)]

    def _listed(
        self, config: Config, word: str, networks: tuple[str, ...], action: wafv2.CfnWebACL.RuleActionProperty
    ) -> Iterator[Callable[[int], Rule]]:
        """Yield a rule for each kind of address in `networks`: an IP set holds one kind."""
        for version in (4, 6):
            some = [text for text in networks if ip_network(text).version == version]
            if not some:
                continue
            addresses = wafv2.CfnIPSet(
                self,
                f"{word.capitalize()}V{version}",
                name=f"{config.name}-{word}-v{version}",
                scope=SCOPE,
                ip_address_version=f"IPV{version}",
                addresses=some,
            )
            yield partial(
                _rule,
                f"{word}-v{version}",
                wafv2.CfnWebACL.StatementProperty(
                    ip_set_reference_statement=wafv2.CfnWebACL.IPSetReferenceStatementProperty(arn=addresses.attr_arn)
                ),
                action=action,
            )

    def _log(self, config: Config) -> None:
        """Log what was refused or counted (G8), without what opens a private picture.

        The name must begin with aws-waf-logs- (AWS WAF, "Sending logs to a CloudWatch Logs log group"). What passed
        stands in CloudFront's own log, which costs a tenth of it.
        """
        group = log_group(self, "Log", f"aws-waf-logs-{config.name}", config=config)
        logging = wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.arn,
            log_destination_configs=[
                # Made by hand: WAF refuses the ":*" at the end of the ARN that CloudFormation gives.
                f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:aws-waf-logs-{config.name}"
            ],
            redacted_fields=[
                *(wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name}) for name in SECRETS),
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            ],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [{"ActionCondition": {"Action": word}} for word in ("BLOCK", "COUNT")],
                    }
                ],
            },
        )
        logging.node.add_dependency(group)


def _rule(
    name: str,
    statement: wafv2.CfnWebACL.StatementProperty,
    priority: int,
    *,
    action: wafv2.CfnWebACL.RuleActionProperty | None = None,
) -> Rule:
    """Return a rule; one without an action is a group's, whose own actions stand."""
    return Rule(
        name=name,
        priority=priority,
        statement=statement,
        action=action,
        override_action=None if action else wafv2.CfnWebACL.OverrideActionProperty(none={}),
        visibility_config=_visible(name),
    )


def _rate(config: Config) -> Callable[[int], Rule]:
    """Return the bound on how often one address may ask (G5 at the edge); the answer is that of the platform."""
    answer = wafv2.CfnWebACL.CustomResponseProperty(
        response_code=429,
        custom_response_body_key=REFUSED,
        response_headers=[
            wafv2.CfnWebACL.CustomHTTPHeaderProperty(name="retry-after", value=str(RATE_SECONDS)),
            wafv2.CfnWebACL.CustomHTTPHeaderProperty(name="imagemill-error", value=str(PROBLEM["code"])),
            wafv2.CfnWebACL.CustomHTTPHeaderProperty(name="cache-control", value="no-store"),
        ],
    )
    return partial(
        _rule,
        "rate",
        wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=config.rate_limit, evaluation_window_sec=RATE_SECONDS
            )
        ),
        action=wafv2.CfnWebACL.RuleActionProperty(block=wafv2.CfnWebACL.BlockActionProperty(custom_response=answer)),
    )


def _managed(group: str) -> Callable[[int], Rule]:
    """Return the rule that asks one of AWS's groups, less what the contract allows (`COUNTED`)."""
    counted = [
        wafv2.CfnWebACL.RuleActionOverrideProperty(
            name=name, action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={})
        )
        for name in COUNTED
    ]
    return partial(
        _rule,
        group,
        wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=group, rule_action_overrides=counted if group == COMMON else None
            )
        ),
    )


def _protected() -> wafv2.CfnWebACL.DataProtectionConfigProperty:
    """Return what stands in no log and no sampled request: a log's redaction alone spares only rules that match it."""
    fields = [
        wafv2.CfnWebACL.FieldToProtectProperty(field_type="SINGLE_HEADER", field_keys=list(SECRETS)),
        wafv2.CfnWebACL.FieldToProtectProperty(field_type="QUERY_STRING"),
    ]
    return wafv2.CfnWebACL.DataProtectionConfigProperty(
        data_protections=[wafv2.CfnWebACL.DataProtectProperty(field=field, action="SUBSTITUTION") for field in fields]
    )


def _visible(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
