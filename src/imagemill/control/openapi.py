"""The OpenAPI 3.1 document: FastAPI's, with the schemas of our Structs and with problems instead of its own errors."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from imagemill.control.info import InfoAsked, InfoList, InfoView
from imagemill.control.originals import OriginalChanges
from imagemill.control.presets import PresetList, PresetView, PresetWritten
from imagemill.control.purges import Purge, PurgeView
from imagemill.control.signing_keys import (
    SignedUrls,
    SigningKeyChanges,
    SigningKeyList,
    SigningKeyView,
    SigningKeyWanted,
    UrlsToSign,
)
from imagemill.control.store_events import StoreEventsView
from imagemill.control.uploads import Uploaded, UploadTicketView, UploadView, UploadWanted
from imagemill.control.variants import PurgedView, VariantsView
from imagemill.control.views import OriginalView

STRUCTS = (
    OriginalView,
    OriginalChanges,
    VariantsView,
    PurgedView,
    Purge,
    PurgeView,
    PresetView,
    PresetWritten,
    PresetList,
    SigningKeyView,
    SigningKeyWanted,
    SigningKeyChanges,
    SigningKeyList,
    UrlsToSign,
    SignedUrls,
    InfoView,
    InfoAsked,
    InfoList,
    StoreEventsView,
    UploadWanted,
    UploadTicketView,
    UploadView,
    Uploaded,
)

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `code` is stable.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "row": {"type": "string", "description": "Row of the capability table, on 501."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("option", "expected", "received")},
            },
        },
    },
}


def document(api: FastAPI) -> dict[str, Any]:
    """Return the document of `api`."""
    made = get_openapi(title=api.title, version=api.version, summary=api.summary, routes=api.routes)
    components = made.setdefault("components", {})
    _, schemas = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
    components["schemas"] = {**schemas, "Problem": PROBLEM}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    made["security"] = [{"bearer": []}, {"header": []}]
    for path in made["paths"].values():
        for operation in path.values():
            responses = operation["responses"]
            responses.pop("422", None)  # FastAPI's own error shape, which is never sent
            responses["default"] = {
                "description": "A problem.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
    return made
