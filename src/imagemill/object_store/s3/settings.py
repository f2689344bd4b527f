"""Settings of stores that speak S3; they hold for every `s3://` URL of the platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """The `[s3]` section. What is empty is taken from the standard AWS variables (`AWS_REGION`, …) or the role."""

    endpoint: Annotated[
        str, "Where the store is, such as https://s3.example.com; empty: AWS. `?endpoint=` in a store's URL wins."
    ] = ""
    region: Annotated[
        str, "The region to sign for; empty: AWS_REGION, else us-east-1. `?region=` in a store's URL wins."
    ] = ""
    access_key_id: Annotated[
        str, "Who we are to the store; empty: the standard AWS variables, a container's or a machine's role."
    ] = ""
    secret_access_key: Annotated[str, "The secret of access_key_id; rather IMAGEMILL_S3__SECRET_ACCESS_KEY_FILE."] = ""
    session_token: Annotated[str, "The token of temporary credentials."] = ""
    path_style: Annotated[
        Literal["auto", "yes", "no"],
        "Whether the bucket stands in the path and not in the host name; auto: only where an endpoint is set.",
    ] = "auto"
    sse: Annotated[
        Literal["", "AES256", "aws:kms"], "How the store is asked to encrypt what we write; empty: as the bucket says."
    ] = ""
    kms_key_id: Annotated[str, "The KMS key for sse = aws:kms; empty: the account's own key for S3."] = ""
    connect_seconds: Annotated[float, "Seconds in which the store must accept a connection."] = 3.0
    request_seconds: Annotated[
        float, "Seconds in which the store must answer, retries included; bodies get 1 s per MiB on top."
    ] = 10.0
