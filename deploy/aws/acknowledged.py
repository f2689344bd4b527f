"""What cdk-nag and cfn-lint object to, and why it stays: one table, which the tests hold against both tools.

Separate from the stacks, so that a reviewer reads every exception on one page. A finding that is not here fails
`tests/deploy/test_aws_checks.py`, and so does an entry that nothing needs any longer.
"""

from __future__ import annotations

from dataclasses import dataclass

MAKER, CONTROL = "delivery/Making/Maker", "functions/Control"
EVENTS, AUTHORIZER = "functions/Events", "functions/Authorizer"
POLICY = "/Role/DefaultPolicy/Resource"
FUNCTION = "/Function/Resource"
REPLICATION = "storage/Originals/Replication/Resource"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One rule of cdk-nag's AwsSolutions, the constructs that it is acknowledged for (stack first), and the reason.

    A rule about one action or resource says it in brackets; `<originals>` and the like stand for a bucket's ARN,
    `<keys>` for the account's KMS keys in a region.
    """

    rule: str
    constructs: tuple[str, ...]
    reason: str


def objects(resource: str, reason: str, *constructs: str) -> Acknowledged:
    """Return the acknowledgement of a right to every object below a prefix of one bucket."""
    return Acknowledged(f"IAM5[Resource::{resource}]", constructs, reason)


ACKNOWLEDGED: tuple[Acknowledged, ...] = (
    # IAM: S3 has no right to "the objects that there will be" but a prefix with a star.
    objects(
        "<originals>/*",
        "Every key of the originals bucket is an original; which ones there are is not known to a template.",
        *(MAKER + POLICY, CONTROL + POLICY, EVENTS + POLICY, REPLICATION),
    ),
    objects(
        "<replica>/*",
        "The same keys in the second region: read when the first is away, written by S3's replication.",
        *(MAKER + POLICY, CONTROL + POLICY, EVENTS + POLICY, REPLICATION),
    ),
    objects(
        "<originals>/.imagemill/quarantine/*",
        "Uploads that wait to be checked have random names; the events function removes what it has judged.",
        EVENTS + POLICY,
    ),
    objects(
        "<variants>/default/*",
        "Variants and records of the site's originals; their names are made of whatever is asked.",
        *(MAKER + POLICY, CONTROL + POLICY, EVENTS + POLICY),
    ),
    objects(
        "<variants>/.odd/*",
        "The same for keys that are too long for S3 and lie under a digest.",
        *(MAKER + POLICY, CONTROL + POLICY, EVENTS + POLICY),
    ),
    objects(
        "<variants>/.imagemill/site/*",
        "The platform's own documents (presets, signing keys, purges), which the maker reads.",
        MAKER + POLICY,
    ),
    objects(
        "<variants>/.imagemill/*",
        "The platform's own documents and its uploads' states, which only these two functions write.",
        *(CONTROL + POLICY, EVENTS + POLICY),
    ),
    Acknowledged(
        "IAM5[Resource::*]",
        (
            *(one + POLICY for one in (MAKER, CONTROL, EVENTS, AUTHORIZER)),
            *(f"{one}/Rollout{POLICY}" for one in ("delivery", "functions")),
        ),
        "xray:PutTraceSegments, xray:PutTelemetryRecords and cloudwatch:DescribeAlarms know no resource "
        "(Service Authorization Reference); no other action stands in these statements.",
    ),
    objects(
        "<keys>/*",
        "Only with kms = true: the key is chosen by the condition kms:ResourceAliases (its ARN is another stack's or "
        "region's), and used through S3 and SQS alone (kms:ViaService).",
        *(MAKER + POLICY, CONTROL + POLICY, EVENTS + POLICY, REPLICATION),
    ),
    Acknowledged(
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        ("api/LogRole/Resource",),
        "API Gateway takes the account's role for logs only with the rights of this policy; AWS keeps the two in step.",
    ),
    # Lambda
    Acknowledged(
        "L1",
        tuple(one + FUNCTION for one in (MAKER, CONTROL, EVENTS, AUTHORIZER)),
        "The wheels of the bundle are built for Python 3.13, which AWS supports until June 2029.",
    ),
    # S3
    Acknowledged(
        "S1",
        ("replica/Replica/Resource",),
        "S3 delivers access logs within a region only, so the second one would need a logs bucket for this one alone. "
        "The audit trail records every read, write and deletion of an object there instead, signed and for a year.",
    ),
    # Secrets
    Acknowledged(
        "SMG4",
        ("delivery/Making/EdgeSecret/Resource", "functions/AdminKey/Resource"),
        "Both are random texts without a login behind them. Changing one means deploying the stacks that hold it "
        "(origin header, usage plan's key), which a rotation function cannot; docs/aws.md says how (AdminKeyVersion).",
    ),
    # CloudFront
    Acknowledged(
        "CFR1",
        ("delivery/Edge/Distribution",),
        "Which countries may look is the operator's to say: [geo] in config.toml.",
    ),
    Acknowledged(
        "CFR3",
        ("delivery/Edge/Distribution",),
        "Access logs are delivered by standard logging v2 (edge-alarms/AccessLog), which needs no ACL on the bucket; "
        "the rule knows the old way only.",
    ),
    Acknowledged(
        "CFR4",
        ("delivery/Edge/Distribution",),
        "Only without a domain of one's own: CloudFront's own certificate fixes the policy. With one: TLSv1.2_2021.",
    ),
    # API Gateway
    Acknowledged(
        "APIG2",
        ("api/RestApi",),
        "Validators are in the OpenAPI body (x-amazon-apigateway-request-validators), where the rule does not look.",
    ),
    Acknowledged(
        "APIG3",
        ("api/Stage",),
        "Every call needs a key and is throttled before the function; a second web ACL is 8 dollars a month. "
        "[api] addresses closes it to all but named networks for nothing.",
    ),
)
"""Everything that cdk-nag finds, over the released configuration and one in which everything is chosen."""

LINT = {
    "W3005": "CDK writes a DependsOn beside a reference that says the same; it changes nothing.",
}
"""Rules of cfn-lint that are not followed, and why."""
