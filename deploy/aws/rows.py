"""Where each AWS row of the capabilities is: one named construct for each, and the properties that carry it.

Separate from the stacks, so that a reader starts here and a test (`tests/deploy/test_aws_rows.py`) finds each one in
the synthesised templates. A row has usually more parts than one; the construct named is where to begin.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the stack, the construct's logical id without CDK's hash, its type, and properties that it must have.

    A property inside another is written with dots. `sentence` is what of the row it does.
    """

    stack: str
    construct: str
    type: str
    properties: tuple[str, ...]
    sentence: str


DISTRIBUTION = ("delivery", "EdgeDistribution", "AWS::CloudFront::Distribution")
ORIGINALS = ("storage", "Originals", "AWS::S3::Bucket")
STAGE = ("api", "Stage", "AWS::ApiGateway::Stage")

ROWS: dict[str, Row] = {
    "O1": Row(*ORIGINALS, ("BucketName",), "any number of originals, each by its key"),
    "O2": Row(
        *ORIGINALS,
        ("PublicAccessBlockConfiguration.BlockPublicPolicy", "BucketEncryption.ServerSideEncryptionConfiguration"),
        "private by default and encrypted, as every PlatformBucket is",
    ),
    "O3": Row(
        *ORIGINALS,
        ("LifecycleConfiguration.Rules", "CorsConfiguration.CorsRules"),
        "direct uploads land below .imagemill/quarantine/, are swept after a day and become originals once checked",
    ),
    "O4": Row(*ORIGINALS, ("VersioningConfiguration.Status", "LifecycleConfiguration"), "versions and their retention"),
    "O6": Row(
        *ORIGINALS,
        ("ReplicationConfiguration.Role", "ReplicationConfiguration.Rules"),
        "creations and deletions go to the second region's bucket; replica/ReplicationLate watches the lag, there",
    ),
    "O7": Row(
        "storage",
        "VariantsPolicy",
        "AWS::S3::BucketPolicy",
        ("PolicyDocument.Statement",),
        "who may read what, as JSON documents on buckets; functions' rights stand in their roles",
    ),
    "O8": Row("storage", "Site", "AWS::S3::Bucket", ("BucketName",), "the pages of the site, behind the edge"),
    "O9": Row(
        "storage",
        "Variants",
        "AWS::S3::Bucket",
        ("LifecycleConfiguration.Rules",),
        "unused variants expire; the originals' own rules end old versions and unfinished uploads",
    ),
    "O10": Row(
        "storage",
        "NotificationsEvents",
        "AWS::SQS::Queue",
        ("RedrivePolicy.deadLetterTargetArn", "VisibilityTimeout"),
        "created and removed events, at least once, to the events function (functions/Arrivals)",
    ),
    "E1": Row(
        "delivery",
        "EdgePoliciesCache",
        "AWS::CloudFront::CachePolicy",
        ("CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin",),
        "the shared cache and what its key is made of",
    ),
    "E2": Row(
        *DISTRIBUTION,
        ("DistributionConfig.CacheTagConfig",),
        "purges by the tag of an original: the events and control functions ask for invalidations",
    ),
    "E3": Row(
        "edge",
        "Certificate",
        "AWS::CertificateManager::Certificate",
        ("DomainName", "ValidationMethod"),
        "HTTPS with ACM's certificate, which renews itself; HTTP is redirected, HTTP/2 and 3 are spoken",
    ),
    "E4": Row(*DISTRIBUTION, ("DistributionConfig.Aliases",), "a domain of one's own; api/Domain is the API's"),
    "E5": Row(
        "edge-alarms",
        "AccessLogDelivery",
        "AWS::Logs::Delivery",
        ("DeliverySourceName", "DeliveryDestinationArn"),
        "the edge's access log, kept below cloudfront/ in the logs bucket",
    ),
    "E6": Row(
        *DISTRIBUTION,
        ("DistributionConfig.Restrictions.GeoRestriction",),
        "countries that are answered, or refused",
    ),
    "E7": Row(
        "delivery",
        "EdgeKeysGroup",
        "AWS::CloudFront::KeyGroup",
        ("KeyGroupConfig.Items",),
        "signed URLs and cookies of private prefixes, by a key group that rotates",
    ),
    "E8": Row("edge", "FirewallAcl", "AWS::WAFv2::WebACL", ("Rules", "Scope"), "managed rules and a rate rule"),
    "E9": Row(
        *DISTRIBUTION,
        ("DistributionConfig.OriginGroups",),
        "static first, the maker when it is not there; the maker reads the replica when the region's store is away",
    ),
    "G1": Row("api", "RestApi", "AWS::ApiGateway::RestApi", ("Body.paths",), "the REST API, from our own document"),
    "G3": Row(
        "functions",
        "AuthorizerFunction",
        "AWS::Lambda::Function",
        ("Handler",),
        "the custom authorizer, where JWT and Cognito come in later; api.auth = iam asks for SigV4",
    ),
    "G4": Row(
        "api", "UsagePlan", "AWS::ApiGateway::UsagePlan", ("Quota", "Throttle"), "rate, burst, quota of each key"
    ),
    "G5": Row(*STAGE, ("MethodSettings",), "steady rate and burst of the stage, and of heavy methods"),
    "G7": Row(
        "operations",
        "AuditTrail",
        "AWS::CloudTrail::Trail",
        ("AdvancedEventSelectors", "EnableLogFileValidation"),
        "who changed originals and the platform",
    ),
    "G8": Row(
        "operations",
        "DashboardPage",
        "AWS::CloudWatch::Dashboard",
        ("DashboardBody",),
        "one page of metrics and alarms; access and execution logs and traces are set on api/Stage",
    ),
    "F1": Row(
        "delivery",
        "MakingMakerFunction",
        "AWS::Lambda::Function",
        ("Handler", "Architectures"),
        "the transcode function: the package's own code",
    ),
    "F2": Row(
        "delivery",
        "MakingMakerFunction",
        "AWS::Lambda::Function",
        ("ReservedConcurrentExecutions",),
        "capacity follows demand up to a bound",
    ),
    "F4": Row(
        "storage",
        "NotificationsDeadLetters",
        "AWS::SQS::Queue",
        ("RedriveAllowPolicy", "MessageRetentionPeriod"),
        "what could not be done, with the reason, to be looked at and sent back",
    ),
    "D3": Row(
        "delivery",
        "MakingMakerShift",
        "AWS::CodeDeploy::DeploymentGroup",
        ("AutoRollbackConfiguration", "AlarmConfiguration"),
        "templates that deploy by themselves; a new version takes over gradually and goes back on an alarm",
    ),
}
"""Row of the capabilities → the construct to begin at."""
