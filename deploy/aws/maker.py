"""The maker on Lambda: its function, what it may do, its address for CloudFront alone, and the edge's secret (F1, E9).

Separate from the distribution, which only asks it. The role allows what a make does and nothing beside it; a test runs
a make and compares (tests/functions/test_maker_rights.py).
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.environment import environment
from deploy.aws.lambda_function import Code, PlatformFunction, Shape
from deploy.aws.names import OWN, bucket_arn
from deploy.aws.rights import keys
from imagemill.assembly.home import SITE
from imagemill.assembly.stores import DOCUMENTS
from imagemill.functions.variables import EDGE_SECRET
from imagemill.variants.paths import ODD

HANDLER = "imagemill.functions.delivery.handler"
SECONDS = 29
"""Time for an answer: CloudFront waits 30 s, so it hears of every fault from the maker itself."""


class Maker(Construct):
    """`.function` is the PlatformFunction, `.host` its address for CloudFront, `.secret` what private origins send."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, code: Code) -> None:
        super().__init__(scope, construct_id)
        secret = secretsmanager.Secret(
            self,
            "EdgeSecret",
            description="Imagemill: by this word the maker knows that CloudFront has checked a signature.",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=48, exclude_punctuation=True),
        )
        self.secret = secret.secret_value.unsafe_unwrap()
        """A dynamic reference: CloudFormation puts the word in at deployment, no template holds it."""
        more = {"cdn.kind": "cloudfront"}
        if config.domain:
            more["server.public_url"] = f"https://{config.domain}"
        self.function = PlatformFunction(
            self,
            "Maker",
            config=config,
            code=code,
            shape=Shape(
                handler=HANDLER,
                description="Imagemill: makes a variant that is not there yet, keeps it and answers it.",
                memory=config.memory,
                seconds=SECONDS,
                reserved=config.reserved_concurrency,
                environment={**environment(config, more), EDGE_SECRET: self.secret},
                statements=maker_rights(config),
            ),
        )
        url = self.function.alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        self.host = Fn.select(2, Fn.split("/", url.url))

    def allow(self, distribution_arn: str) -> None:
        """Let one distribution call the function's URL, and nobody else (E9).

        Two permissions: since October 2025 Lambda asks for `InvokeFunction` too, and takes it through the URL alone
        where `invokedViaFunctionUrl` says so (Lambda Developer Guide, "Control access to function URLs").
        """
        shared: dict[str, Any] = {
            "function_name": self.function.alias.function_arn,
            "principal": "cloudfront.amazonaws.com",
            "source_arn": distribution_arn,
        }
        lambda_.CfnPermission(
            self, "CallUrl", action="lambda:InvokeFunctionUrl", function_url_auth_type="AWS_IAM", **shared
        )
        lambda_.CfnPermission(self, "Call", action="lambda:InvokeFunction", invoked_via_function_url=True, **shared)


def maker_rights(config: Config) -> list[iam.PolicyStatement]:
    """Return what a make does to the buckets: read originals, keep variants, read our documents.

    `s3:ListBucket` has no condition on a prefix: without it S3 answers 403 and not 404 for what is not there.
    """
    originals, variants, replica = (bucket_arn(config, role) for role in ("originals", "variants", "replica"))
    statements = [
        iam.PolicyStatement(
            sid="ReadOriginals",
            actions=["s3:GetObject"],
            resources=[f"{originals}/*", f"{replica}/*"],  # any key is an original; E9: the replica in need
        ),
        iam.PolicyStatement(
            sid="NotOurOwn",
            effect=iam.Effect.DENY,
            actions=["s3:GetObject"],
            resources=[f"{originals}/{OWN}*", f"{replica}/{OWN}*"],  # uploads that nobody has checked yet
        ),
        iam.PolicyStatement(sid="TellMissing", actions=["s3:ListBucket"], resources=[originals, replica, variants]),
        iam.PolicyStatement(
            sid="KeepVariants",
            # Tagging: what the bucket's lifecycle removes (O9). Delete: versions of a replaced original.
            actions=["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"],
            resources=[f"{variants}/{SITE}/*", f"{variants}/{ODD}/*"],
        ),
        iam.PolicyStatement(
            sid="ReadDocuments",  # presets, signing keys, purges: the control function alone writes them
            actions=["s3:GetObject"],
            resources=[f"{variants}/{DOCUMENTS}*"],
        ),
    ]
    if any(name.startswith("sources.") for name in config.settings):
        statements.append(
            iam.PolicyStatement(
                sid="NoteSources",  # what web servers told of their originals
                actions=["s3:PutObject", "s3:DeleteObject"],
                resources=[f"{variants}/{DOCUMENTS}sources/*"],
            )
        )
    return [*statements, *keys(config, "s3")]
