"""Secrets Manager: one secret's text."""

from __future__ import annotations

from imagemill.aws_calls.service import AwsCallError, AwsService


async def secret_text(arn: str, service: AwsService) -> str:
    """Return the present text of the secret `arn`; raise AwsCallError."""
    told = await service.call("secretsmanager.GetSecretValue", {"SecretId": arn}, version="1.1")
    text = told.get("SecretString")
    if not isinstance(text, str):
        raise AwsCallError("The secret of AWS holds no text.", word="NoSecretString", lasting=True)
    return text


def region_of(arn: str) -> str:
    """Return the region that an ARN names, empty where it names none."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""
