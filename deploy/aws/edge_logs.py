"""The access log of the distribution (E5): written by CloudFront into the logs bucket, without an ACL.

Part of a stack in us-east-1, because only there CloudWatch takes the deliveries of CloudFront (Developer Guide,
"Standard logging (v2)"), while the distribution is made where the buckets are. The older way would need a bucket with
ACLs, which AWS advises against.
"""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.names import LOGS_OF_CLOUDFRONT, bucket_arn

FIELDS = (
    *("date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem", "sc-status"),
    *("cs(User-Agent)", "x-edge-result-type", "x-edge-request-id", "x-host-header", "cs-protocol"),
    *("cs-bytes", "time-taken", "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version"),
    *("time-to-first-byte", "x-edge-detailed-result-type", "sc-content-type", "sc-content-len"),
    *("sc-range-start", "sc-range-end"),
)
"""CloudFront's standard fields but three: the query and the cookies, which hold signatures (contract, "Logs"), and the
Referer, which is the whole address of a picture that somebody opened by its link: a browser asks for its icon next.
Nor the viewer's port and own `X-Forwarded-For`, and nothing of field-level encryption, which there is not."""


class EdgeLog(Construct):
    """Delivers the log of the distribution with the id `distribution`, in W3C's extended format, hour by hour."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, distribution: str) -> None:
        super().__init__(scope, construct_id)
        source = logs.CfnDeliverySource(
            self,
            "Source",
            name=f"{config.name}-edge",
            log_type="ACCESS_LOGS",
            resource_arn=f"arn:{Aws.PARTITION}:cloudfront::{Aws.ACCOUNT_ID}:distribution/{distribution}",
        )
        destination = logs.CfnDeliveryDestination(
            self,
            "Destination",
            name=f"{config.name}-edge",
            delivery_destination_type="S3",
            destination_resource_arn=f"{bucket_arn(config, 'logs')}/{LOGS_OF_CLOUDFRONT.rstrip('/')}",
            output_format="w3c",
        )
        delivery = logs.CfnDelivery(
            self,
            "Delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(FIELDS),
            s3_suffix_path="{yyyy}/{MM}/{dd}/{HH}",
        )
        delivery.node.add_dependency(source)
