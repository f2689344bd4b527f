"""The two clients of one bucket, put together from its place, the settings and who we are.

obstore reads and writes objects: compiled, off the interpreter's lock, no copy of what is sent. `raw` does what it has
no words for. Separate from `connection`, which says what is asked of them.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from imagemill.object_store.s3.credentials import Credentials, CredentialSource
from imagemill.object_store.s3.place import Place
from imagemill.object_store.s3.presigning import Link, get_link, post_form, put_link
from imagemill.object_store.s3.raw import RawClient
from imagemill.object_store.s3.settings import S3Settings

if TYPE_CHECKING:
    import httpx
    from obstore.store import S3Store

PLAIN = frozenset(("Content-Type", "Cache-Control", "Content-Disposition"))
"""Attributes of an object that are headers by themselves; the others are its metadata."""
Tags = Mapping[str, str] | None
"""S3's object tags: what lifecycle rules and policies of a bucket can tell objects by."""


class Clients:
    """The two clients of one bucket, made when they are first needed: their imports take 140 ms together."""

    def __init__(self, place: Place, bucket: str, settings: S3Settings, environ: Mapping[str, str]) -> None:
        """`environ` is where the standard AWS_… variables are read from."""
        self._place = place
        self._bucket = bucket
        self._settings = settings
        given = None
        if settings.access_key_id or settings.secret_access_key:
            given = Credentials(settings.access_key_id, settings.secret_access_key, settings.session_token)
        self._credentials = CredentialSource(given, environ, self._http, region=place.region)
        self._client: httpx.AsyncClient | None = None
        self._store: S3Store | None = None
        self.raw = RawClient(place, self._http, self._credentials)

    async def obstore_get(self, key: str, options: Any) -> Any:
        """Ask for an object, or with `head` for what it is."""
        import obstore

        await self._credentials.get()  # obstore asks as well, and would tell a failure only in its text
        return await obstore.get_async(self._obstore(), key, options=options)

    async def obstore_put(self, key: str, body: Any, attributes: dict[str, str], mode: Any, tags: Tags = None) -> Any:
        """Write an object; see `obstore.put` for `mode`."""
        import obstore

        await self._credentials.get()
        # One request, whatever its size: parts of an interrupted upload would lie in the bucket unseen.
        return await obstore.put_async(
            self._obstore(), key, body, attributes=attributes, tags=dict(tags or {}), mode=mode, use_multipart=False
        )

    def headers_of(self, attributes: Mapping[str, str], mode: Any, tags: Tags = None) -> list[tuple[str, str]]:
        """Return what `obstore_put` would send, for a key that it would not."""
        headers = [
            (name.lower() if name in PLAIN else f"x-amz-meta-{name.lower()}", text) for name, text in attributes.items()
        ]
        if tags:
            headers.append(("x-amz-tagging", urlencode(tags)))
        if mode == "create":
            headers.append(("if-none-match", "*"))
        elif mode != "overwrite":
            headers.append(("if-match", mode["e_tag"]))
        if self._settings.sse:
            headers.append(("x-amz-server-side-encryption", self._settings.sse))
        if self._settings.sse == "aws:kms" and self._settings.kms_key_id:
            headers.append(("x-amz-server-side-encryption-aws-kms-key-id", self._settings.kms_key_id))
        return headers

    async def put_link(self, key: str, *, expires_in: int, headers: Mapping[str, str]) -> Link:
        """Return a link that lets somebody else write an object; see `presigning.put_link`."""
        return put_link(
            self._place,
            key,
            credentials=await self._credentials.get(),
            now=time.time(),
            expires_in=expires_in,
            headers={**headers, **dict(self.headers_of({}, "overwrite"))},
        )

    async def get_link(self, key: str, *, expires_in: int, answer: Mapping[str, str]) -> Link:
        """Return a link that lets somebody else read an object; see `presigning.get_link`."""
        return get_link(
            self._place,
            key,
            credentials=await self._credentials.get(),
            now=time.time(),
            expires_in=expires_in,
            answer=answer,
        )

    async def post_form(self, key: str, *, expires_in: int, most_bytes: int, content_type: str | None) -> Link:
        """Return a form that lets somebody else write an object; see `presigning.post_form`."""
        return post_form(
            self._place,
            self._bucket,
            key,
            credentials=await self._credentials.get(),
            now=time.time(),
            expires_in=expires_in,
            most_bytes=most_bytes,
            content_type=content_type,
            fields=dict(self.headers_of({}, "overwrite")),
        )

    def renew(self) -> bool:
        """Forget credentials that the store no longer takes; False where there are none but these."""
        asked = self._credentials.forget()
        if asked:
            self._store = None  # it keeps them as well
        return asked

    async def close(self) -> None:
        """Close what is open; obstore closes its own with the last reference."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            settings = self._settings
            timeout = httpx.Timeout(settings.request_seconds, connect=settings.connect_seconds)
            context: ssl.SSLContext | bool = (
                ssl.create_default_context() if self._place.base.startswith("https") else False
            )
            self._client = httpx.AsyncClient(timeout=timeout, verify=context, headers={"user-agent": "imagemill"})
        return self._client

    def _obstore(self) -> S3Store:
        if self._store is None:
            self._store = self._make_store()
        return self._store

    def _make_store(self) -> S3Store:
        from obstore.store import S3Store

        place, settings = self._place, self._settings
        endpoint = place.base  # its host names the bucket already where it should
        config: dict[str, Any] = {
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,  # else AWS_ENDPOINT_URL_S3 would win over what was chosen
            "region": place.region,
            "virtual_hosted_style_request": place.in_host,
        }
        if settings.sse:
            config["server_side_encryption"] = settings.sse
        if settings.sse == "aws:kms" and settings.kms_key_id:
            config["sse_kms_key_id"] = settings.kms_key_id
        fixed = self._credentials.fixed
        if fixed is not None:
            config |= {"access_key_id": fixed.key_id, "secret_access_key": fixed.secret}
            if fixed.token:
                config["session_token"] = fixed.token
        options: Any = {
            "allow_http": place.base.startswith("http:"),
            "connect_timeout": timedelta(seconds=settings.connect_seconds),
            "read_timeout": timedelta(seconds=settings.request_seconds),
            "timeout": timedelta(hours=1),  # the guard's deadline is the one that counts
            "user_agent": "imagemill",
        }
        return S3Store(
            self._bucket,
            config=config,  # type: ignore[arg-type]  # put together step by step
            client_options=options,
            retry_config={"max_retries": 0},  # the guard retries
            credential_provider=None if fixed is not None else self._credentials.for_obstore,  # type: ignore[arg-type]  # a TypedDict by another name
        )
