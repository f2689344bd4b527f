"""Settings of uploads by browsers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadsSettings:
    """The `[uploads]` section."""

    max_bytes: Annotated[int, "Bytes of a resumable upload; one in a single request has limits.upload_bytes."] = (
        512 * 1024 * 1024
    )
    expires: Annotated[float, "Seconds a token works, unless the caller says otherwise."] = 3600.0
    expires_resumable: Annotated[float, "The same for resumable uploads; all bytes must have come by then."] = 86_400.0
    most_open: Annotated[int, "Tokens that may be open at once; more are 429."] = 1000
    quarantine_bytes: Annotated[int, "Bytes of unfinished uploads on this machine in all; more is 507."] = (
        10 * 1024 * 1024 * 1024
    )
    origins: Annotated[
        tuple[str, ...], "Origins whose pages may upload with a token (CORS), such as https://example.com; * is any."
    ] = ("*",)
    remember: Annotated[float, "Seconds for which the outcome of an upload can be asked."] = 86_400.0
