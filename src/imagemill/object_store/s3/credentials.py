"""Who we are to the store: keys that were given, a container's role, a web identity, a machine's role, in this order.

Separate from the clients, for there are two and both must sign alike: obstore asks here as well (`for_obstore`). The
order and the names of the variables are those of the AWS SDKs ("AWS SDKs and Tools Reference Guide", credential
providers). Only addresses that the environment names are asked; a machine's role through IMDSv2 alone, whose token a
forged request cannot have (threats 2.5).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagemill.object_store.s3.failures import Denied

if TYPE_CHECKING:
    import httpx

MACHINE = "http://169.254.169.254"
CONTAINER = "http://169.254.170.2"
EARLY = 300.0
"""Seconds before their end at which credentials are renewed, as the SDKs do."""
_SECONDS = 2.0
_FIELD = {
    name: re.compile(f"<{name}>([^<]+)</{name}>")
    for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key of AWS's kind; `expires` in seconds since 1970, None for one that stays."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires: float | None = None


class CredentialSource:
    """Finds credentials and keeps them while they hold. Belongs to one event loop."""

    def __init__(
        self,
        given: Credentials | None,
        environ: Mapping[str, str],
        client: Callable[[], httpx.AsyncClient],
        *,
        region: str = "us-east-1",
    ) -> None:
        """`given` are the settings' own, which win; `environ` is the environment to read AWS_… from."""
        self._environ = environ
        self._client = client
        self._region = region
        self._fixed = given or _of_environment(environ)
        self._kept: Credentials | None = None
        self._asking = asyncio.Lock()

    @property
    def fixed(self) -> Credentials | None:
        """The credentials that never change, where there are such."""
        return self._fixed

    async def get(self) -> Credentials:
        """Return credentials that hold for a while; raises Denied where there are none."""
        if self._fixed is not None:
            return self._fixed
        async with self._asking:
            if self._kept is None or _ends_soon(self._kept):
                self._kept = await self._ask()
            return self._kept

    def forget(self) -> bool:
        """Ask anew next time; False where there is nobody to ask."""
        self._kept = None
        return self._fixed is None

    async def for_obstore(self) -> dict[str, Any]:
        """Return the same in the words of `obstore.store.S3CredentialProvider`."""
        one = await self.get()
        expires = None if one.expires is None else datetime.fromtimestamp(one.expires - EARLY, UTC)
        return {
            "access_key_id": one.key_id,
            "secret_access_key": one.secret,
            "token": one.token or None,
            "expires_at": expires,
        }

    async def _ask(self) -> Credentials:
        import httpx

        try:
            if self._environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
                return await self._web_identity()
            if self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or self._environ.get(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI"
            ):
                return await self._container()
            if self._environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
                return await self._machine()
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
            raise Denied("NoCredentials") from error
        raise Denied("NoCredentials")

    async def _web_identity(self) -> Credentials:
        """Exchange the token that Kubernetes wrote (STS AssumeRoleWithWebIdentity)."""
        token = await asyncio.to_thread(Path(self._environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text, "utf-8")
        default = f"https://sts.{self._region}.amazonaws.com"
        response = await self._client().post(
            self._environ.get("AWS_ENDPOINT_URL_STS", default),
            data={
                "Action": "AssumeRoleWithWebIdentity",
                "Version": "2011-06-15",
                "RoleArn": self._environ["AWS_ROLE_ARN"],
                "RoleSessionName": self._environ.get("AWS_ROLE_SESSION_NAME", "imagemill"),
                "WebIdentityToken": token.strip(),
            },
            timeout=5 * _SECONDS,
        )
        response.raise_for_status()
        found = {name: match[1] for name, one in _FIELD.items() if (match := one.search(response.text))}
        return _of_json(found | {"Token": found["SessionToken"]})

    async def _container(self) -> Credentials:
        """Ask the agent of ECS or EKS beside us."""
        relative = self._environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = CONTAINER + relative if relative else self._environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        headers = {}
        file = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if file:
            headers["Authorization"] = (await asyncio.to_thread(Path(file).read_text, "utf-8")).strip()
        elif self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"):
            headers["Authorization"] = self._environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        response = await self._client().get(url, headers=headers, timeout=_SECONDS)
        response.raise_for_status()
        return _of_json(response.json())

    async def _machine(self) -> Credentials:
        """Ask the machine's metadata service, by IMDSv2."""
        base = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", MACHINE).rstrip("/")
        asked = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
        token = await self._client().put(f"{base}/latest/api/token", headers=asked, timeout=_SECONDS)
        token.raise_for_status()
        headers = {"X-aws-ec2-metadata-token": token.text}
        place = f"{base}/latest/meta-data/iam/security-credentials/"
        role = await self._client().get(place, headers=headers, timeout=_SECONDS)
        role.raise_for_status()
        response = await self._client().get(place + role.text.strip(), headers=headers, timeout=_SECONDS)
        response.raise_for_status()
        return _of_json(response.json())


def _of_environment(environ: Mapping[str, str]) -> Credentials | None:
    key_id, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    return Credentials(key_id, secret, environ.get("AWS_SESSION_TOKEN", "")) if key_id and secret else None


def _of_json(told: Mapping[str, Any]) -> Credentials:
    expires = told.get("Expiration")
    until = None if expires is None else datetime.fromisoformat(str(expires)).timestamp()
    return Credentials(str(told["AccessKeyId"]), str(told["SecretAccessKey"]), str(told.get("Token") or ""), until)


def _ends_soon(one: Credentials) -> bool:
    return one.expires is not None and one.expires - EARLY < time.time()
