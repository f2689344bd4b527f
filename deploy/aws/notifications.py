"""Events of originals: from the bucket through a queue to the events function, with a place for what fails (O10, F4).

Names are literal: the bucket's notification, the queue's policy, and both queues' rules on redelivery name each other.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnResource, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from deploy.aws.bucket import PlatformBucket
from deploy.aws.config import Config
from deploy.aws.names import bucket_arn, queue_arn, queue_name
from imagemill.functions.dead_letters import TRIES

EVENTS_SECONDS = 120
"""Time of one invocation of the events function: some originals checked, their eager variants made."""


class Notifications(Construct):
    """`.queue` takes what S3 tells of originals, `.dead_letters` what could not be done or not be understood."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, key: kms.Key | None) -> None:
        super().__init__(scope, construct_id)
        encryption = sqs.QueueEncryption.SQS_MANAGED if key is None else sqs.QueueEncryption.KMS
        # F4: inspected and sent back by hand (`start-message-move-task`), for two weeks.
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=queue_name(config, "dead-letters"),
            encryption=encryption,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        resource = self.dead_letters.node.default_child
        assert isinstance(resource, sqs.CfnQueue)
        resource.redrive_allow_policy = {
            "redrivePermission": "byQueue",
            "sourceQueueArns": [queue_arn(config, "events")],  # F4: nobody else's failures land here
        }
        # O10: a message is seen by another try only when the function cannot be at it any more (AWS asks for 6 times).
        self.queue = sqs.Queue(
            self,
            "Events",
            queue_name=queue_name(config, "events"),
            encryption=encryption,
            encryption_master_key=key,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(6 * EVENTS_SECONDS),
            retention_period=Duration.days(14),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=TRIES),
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OriginalsTell",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={
                    "ArnLike": {"aws:SourceArn": bucket_arn(config, "originals")},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                },
            )
        )

    def attach(self, originals: PlatformBucket) -> None:
        """Let `originals` tell of each creation (uploads in the quarantine too) and each removal.

        By the bucket's own property: CDK's verb for it would bring a function of its own.
        """
        tell = s3.CfnBucket.QueueConfigurationProperty
        originals.resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                tell(event=event, queue=self.queue.queue_arn) for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
            ]
        )
        policy = self.queue.node.find_child("Policy").node.default_child
        assert isinstance(policy, CfnResource)
        originals.resource.add_resource_dependency(policy)  # S3 tries to send as it takes the property
