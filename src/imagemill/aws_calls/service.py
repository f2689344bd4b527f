"""One service of AWS that speaks JSON over POST: signed, sent, repeated while it is away.

Separate from the verbs (`secrets`, `queues`), which say what is asked. The SDK that does this takes half a second to
import (architecture.md, "Chosen parts"), which would be most of a function's cold start. The protocol is "AWS JSON"
1.0 and 1.1 (Smithy, "AWS JSON 1.0 protocol"): the verb stands in `X-Amz-Target`, an error's name in `__type`.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imagemill.errors import Overloaded
from imagemill.object_store.s3.credentials import CredentialSource
from imagemill.object_store.s3.failures import ENDED, Denied
from imagemill.object_store.s3.signature import signed

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
PAUSES = (0.2, 0.8)
"""Seconds before a call is repeated; functions have little time, and their callers repeat as well."""
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_THROTTLED = ("Throttling", "ThrottlingException", "RequestThrottled", "TooManyRequestsException")


class AwsCallError(Overloaded):
    """A service of AWS did not do what it was asked; the sentence names the service and its word for why.

    `lasting`: to ask the same again would be in vain.
    """

    code = "aws_call_failed"

    def __init__(self, sentence: str, *, word: str = "", lasting: bool = False) -> None:
        """`word` is the service's own name of the error, empty where there was no answer."""
        super().__init__(sentence, retry_after=1)
        self.word = word
        self.lasting = lasting


class AwsService:
    """Calls one service in one region. Belongs to one event loop."""

    def __init__(
        self,
        name: str,
        *,
        region: str = "",
        environ: Mapping[str, str] | None = None,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        """`name` is the service's in its host and in signatures ("sqs", "secretsmanager").

        `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL` name another address, as in the SDKs; `SERVICE` is the
        service's id in capitals ("SQS", "SECRETS_MANAGER").
        """
        environ = os.environ if environ is None else environ
        self.name = name
        self._region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self._endpoint = _endpoint_of(name, self._region, environ)
        self._credentials = CredentialSource(None, environ, self._http, region=self._region)
        self._pauses = pauses
        self._client: httpx.AsyncClient | None = None

    async def call(self, target: str, asked: Mapping[str, Any], *, version: str) -> Mapping[str, Any]:
        """Return the service's answer to `target` ("AmazonSQS.SendMessage"); raise AwsCallError.

        `version` is that of the protocol, "1.0" or "1.1".
        """
        body = json.dumps(asked, ensure_ascii=True, separators=(",", ":")).encode()
        headers = [("content-type", f"application/x-amz-json-{version}"), ("x-amz-target", target)]
        for pause in (*self._pauses, None):
            try:
                return await self._once(headers, body)
            except AwsCallError as error:
                if error.lasting or pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def _once(self, headers: list[tuple[str, str]], body: bytes) -> Mapping[str, Any]:
        import httpx

        parts = urlsplit(self._endpoint)
        try:
            credentials = await self._credentials.get()
        except Denied:
            raise AwsCallError(f"There are no credentials of AWS for {self.name} here.", lasting=True) from None
        sent = signed(
            "POST",
            parts.netloc,
            parts.path or "/",
            "",
            headers,
            body,
            credentials=credentials,
            region=self._region,
            now=time.time(),
            service=self.name,
        )
        try:
            response = await self._http().post(self._endpoint, headers=sent, content=body)
        except httpx.HTTPError as error:
            raise AwsCallError(f"{self.name} of AWS could not be reached ({type(error).__name__}).") from None
        if response.is_success:
            return _object_of(response)
        word = str(_object_of(response).get("__type", "")).rpartition("#")[2]
        passing = response.status_code in _TRANSIENT or word in _THROTTLED
        if word.removesuffix("Exception") in ENDED:
            passing = self._credentials.forget() or passing
        said = word or f"status {response.status_code}"
        raise AwsCallError(f"{self.name} of AWS refused a call ({said}).", word=word, lasting=not passing)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.AsyncClient(timeout=timeout, headers={"user-agent": "imagemill"}, trust_env=False)
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


_IDS = {"secretsmanager": "SECRETS_MANAGER"}
"""Names of services in the SDKs' variables where they are not the host's in capitals."""


def _endpoint_of(name: str, region: str, environ: Mapping[str, str]) -> str:
    service = _IDS.get(name, name.upper())
    named = environ.get(f"AWS_ENDPOINT_URL_{service}") or environ.get("AWS_ENDPOINT_URL")
    suffix = "com.cn" if region.startswith("cn-") else "com"
    return named or f"https://{name}.{region}.amazonaws.{suffix}"


def _object_of(response: httpx.Response) -> Mapping[str, Any]:
    """Return the JSON object of an answer, an empty one where it is none."""
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
