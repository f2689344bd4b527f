"""The admin key of the AWS home: the text of a secret, written where `admin.key_file` is read from.

Shared by `control` and `authorizer`, which must take the same key. The secret is read once for each environment (a
micro-VM, which lives for minutes to hours): who rotates it deploys the alias anew. CloudFormation makes up the text, so
it is no `imk_…` key but a long random word (`control.keys` takes both).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from imagemill.aws_calls.secrets import region_of, secret_text
from imagemill.aws_calls.service import AwsService
from imagemill.functions.variables import ADMIN_SECRET_ARN

KEY_FILE = "IMAGEMILL_ADMIN__KEY_FILE"
DATA_FOLDER = "IMAGEMILL_DATA__DIR"
"""The variables of these settings; written out, as the settings' reader is not among the authorizer's imports."""
FOLDER = "/tmp/imagemill"  # noqa: S108 - Lambda's one writable folder, private to the micro-VM
"""The data folder where the settings name none (`assembly.functions.DATA`)."""
FILE = "admin-secret.key"
PLACE = "It is the secret that the output AdminKeySecret of the functions stack names."
"""What a caller without a key is told: never the ARN, which holds the account's number."""


async def admin_key_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file that holds the admin key: `admin.key_file`'s, else the secret's; None where neither is named.

    The secret is read when its file is not in the data folder yet. Raises AwsCallError.
    """
    named = environ.get(KEY_FILE)
    if named:
        return Path(named)
    arn = environ.get(ADMIN_SECRET_ARN)
    if not arn:
        return None
    path = Path(environ.get(DATA_FOLDER) or FOLDER) / FILE
    if not path.exists():
        _write(path, await _read(arn, environ))
    return path


async def _read(arn: str, environ: Mapping[str, str]) -> str:
    service = AwsService("secretsmanager", region=region_of(arn), environ=environ)
    try:
        return await secret_text(arn, service)
    finally:
        await service.close()


def _write(path: Path, text: str) -> None:
    """Write the key for us alone, whole or not at all: a time-out may come at any moment."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text.strip()}\n")
    half.replace(path)
