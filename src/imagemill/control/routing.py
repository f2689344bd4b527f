"""How a key stands in a route, and what a route says of itself in the OpenAPI document.

Separate from the resources, which all use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Request
from starlette.convertors import Convertor, register_url_convertor

from imagemill.control.paths import key_from_path


class KeyConvertor(Convertor[str]):
    """The rest of a path, line ends and all: whether it is a key is decided by `paths`, with a reason."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        """Return the framework's decoded text; only the raw path is ever used."""
        return value

    def to_string(self, value: str) -> str:
        """Return it unchanged."""
        return value


register_url_convertor("key", KeyConvertor())

BYTES = {"type": "string", "format": "binary"}
"""The schema of bytes."""


def key_of(resource: str) -> Callable[[Request, str], str]:
    """Return a dependency that gives the key after `/v1/<resource>/`, taken from the raw path."""

    def key(
        request: Request,
        key: Annotated[
            str,
            Path(description="The original's key: the rest of the path, each segment percent-encoded UTF-8."),
        ],
    ) -> str:
        return key_from_path(request.scope, resource)

    return key


def says(view: type | None, status: int = 200, description: str = "Done.") -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: `status` with a JSON body of the Struct `view`, or with none."""
    if view is None:
        return {status: {"description": description}}
    return {status: {"description": description, "content": {"application/json": {"schema": reference(view)}}}}


def sends_bytes(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with bytes of any type."""
    return {status: {"description": description, "content": {"*/*": {"schema": BYTES}}}}


def takes(view: type, *media: str) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is JSON of the Struct `view`."""
    content = {name: {"schema": reference(view)} for name in media or ("application/json",)}
    return {"requestBody": {"required": True, "content": content}}


def takes_bytes(description: str, media: str = "application/octet-stream") -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose body is bytes."""
    return {"requestBody": {"required": True, "description": description, "content": {media: {"schema": BYTES}}}}


def reference(view: type) -> dict[str, str]:
    """Return the reference to a Struct's schema in the document."""
    return {"$ref": f"#/components/schemas/{view.__name__}"}
