"""The document that API Gateway imports: our own OpenAPI 3.1, said in the part of OpenAPI 3.0.1 that it understands.

Separate from the stack, which only puts it into a resource. What our application serves at `/openapi.json` stays the
description for people; this one routes, demands keys and refuses what is plainly wrong before a function is paid for.
Every operation of ours is in it by name, and every path and everything else goes to the function by ANY, so that a
method or an address that is not there is answered in our words (405 with Allow, 404, 501), never by a puzzling 403.

Limits of the import are from the API Gateway guide, "Amazon API Gateway important notes": models are JSON Schema draft
4 without anyOf and additionalProperties, parameters have a name, a place and a type, and nothing else counts.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from deploy.aws.gateway_responses import gateway_responses

METHODS = ("delete", "get", "head", "options", "patch", "post", "put")
ANY = "x-amazon-apigateway-any-method"
EVERYTHING, PARAMETERS = "body-and-parameters", "parameters"
"""The request validators, by name."""
GREEDY = "key"
"""The parameter that takes the rest of a path: keys have slashes."""
OPEN = ("/docs", "/openapi.json")
"""Read by browsers, which send no key; they hold no secret (`control.auth.OPEN`)."""
OPEN_BELOW = "/v1/uploads/{upload}"
"""Addresses that a token opens: the browser that holds one has no key, and asks by OPTIONS first. The function still
demands the key where an address names an id."""
SECONDS = 29
"""How long API Gateway waits for a function (its quota, "Integration timeout")."""
_REST = "/{proxy+}"
_INFO = {"title": "title", "description": "summary", "version": "version"}
_JSON = "application/json"


def gateway_body(
    *,
    control_arn: str,
    authorizer_arn: str | None = None,
    region: str,
    partition: str = "aws",
    iam: bool = False,
    validate_bodies: bool = True,
    document: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the `Body` of an `AWS::ApiGateway::RestApi`, in the same order each time.

    `control_arn` and `authorizer_arn` are functions or aliases; these, `region` and `partition` may be CDK tokens.
    With an authorizer the usage plan's key is what it returns, so that a bearer key counts as `x-api-key` does; without
    one the header itself is the usage plan's key. `iam` demands a request signed with SigV4 as well (not beside an
    authorizer: a method has one). `validate_bodies` checks JSON bodies against models. `document` is our OpenAPI
    document; by default the one that this version serves.
    """
    if iam and authorizer_arn is not None:
        raise ValueError("API Gateway checks a method by IAM or by an authorizer, not both.")
    ours = served_document() if document is None else document
    schemes = _schemes(authorizer_arn, region, partition, iam=iam)
    integration = _integration(control_arn, region, partition)
    guard: list[dict[str, Any]] = [{name: []} for name in schemes]
    paths = {
        _greedy(path): _path(path, operations, integration, guard, validate_bodies=validate_bodies)
        for path, operations in sorted(ours["paths"].items())
    }
    for path in (*OPEN, "/", _REST):
        paths[path] = {ANY: _any(path, integration, [] if path in OPEN else guard)}
    return {
        "openapi": "3.0.1",
        "info": {name: ours["info"][one] for name, one in _INFO.items()},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": _models(ours), "securitySchemes": schemes},
        "x-amazon-apigateway-api-key-source": "HEADER" if authorizer_arn is None else "AUTHORIZER",
        "x-amazon-apigateway-binary-media-types": ["*/*"],  # an upload may call itself anything; text would be mended
        "x-amazon-apigateway-request-validators": {
            EVERYTHING: {"validateRequestBody": True, "validateRequestParameters": True},
            PARAMETERS: {"validateRequestBody": False, "validateRequestParameters": True},
        },
        "x-amazon-apigateway-request-validator": PARAMETERS,
        "x-amazon-apigateway-gateway-responses": gateway_responses(authorizer=authorizer_arn is not None),
    }


@cache
def served_document() -> Mapping[str, Any]:
    """Return what this version answers at `/openapi.json`, asked of the platform itself."""
    from imagemill.assembly.platform import Platform
    from imagemill.data_folder import open_data_folder
    from imagemill.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        flags = {
            "data.dir": folder,
            "originals.url": "memory://",
            "variants.url": "memory://",
            "server.access_log": False,
        }
        settings = Settings.load(flags, {}, Path(folder))
        data = open_data_folder(Path(folder))
        try:
            document: Mapping[str, Any] = json.loads(asyncio.run(_get(Platform(settings, data).app, b"/openapi.json")))
        finally:
            data.close()
    return document


async def _get(app: Any, path: bytes) -> bytes:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path.decode(),
        "raw_path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def _schemes(authorizer_arn: str | None, region: str, partition: str, *, iam: bool) -> dict[str, Any]:
    """Return who may call: holders of a key of the usage plan, and who the authorizer or IAM says."""
    schemes: dict[str, Any] = {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}
    if authorizer_arn is not None:
        schemes["authorizer"] = {
            "type": "apiKey",
            "name": "Unused",  # a key may stand in either of two headers, so no single one is the source
            "in": "header",
            "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {
                "type": "request",
                "authorizerUri": _invocation(authorizer_arn, region, partition),
                "authorizerResultTtlInSeconds": 0,  # a cache would need a header that every request has
            },
        }
    if iam:
        schemes["sigv4"] = {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "awsSigv4",
        }
    return schemes


def _invocation(arn: str, region: str, partition: str) -> str:
    return f"arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"


def _integration(arn: str, region: str, partition: str) -> dict[str, Any]:
    return {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": _invocation(arn, region, partition),
        "passthroughBehavior": "when_no_match",
        "timeoutInMillis": SECONDS * 1000,
    }


def _greedy(path: str) -> str:
    return path.replace(f"{{{GREEDY}}}", f"{{{GREEDY}+}}")


def _path(
    path: str,
    operations: Mapping[str, Any],
    integration: Mapping[str, Any],
    guard: list[dict[str, Any]],
    *,
    validate_bodies: bool,
) -> dict[str, Any]:
    guard = [] if path.startswith(OPEN_BELOW) else guard
    item = {
        method: _operation(operations[method], integration, guard, validate_bodies=validate_bodies)
        for method in METHODS
        if method in operations
    }
    return {**item, ANY: _any(path, integration, guard)}


def _operation(
    ours: Mapping[str, Any], integration: Mapping[str, Any], guard: list[dict[str, Any]], *, validate_bodies: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": ours["operationId"], "summary": ours["summary"]}
    if ours.get("parameters"):
        made["parameters"] = [_parameter(one) for one in ours["parameters"]]
    schema = ours.get("requestBody", {}).get("content", {}).get(_JSON, {}).get("schema", {})
    if validate_bodies and "$ref" in schema:
        # Bodies that are bytes are not described: whatever type they name, they are to pass as they came.
        made["requestBody"] = {"required": True, "content": {_JSON: {"schema": dict(schema)}}}
        made["x-amazon-apigateway-request-validator"] = EVERYTHING
    made["responses"] = {
        status: _response(response) for status, response in ours["responses"].items() if status != "default"
    }
    return {**made, "security": list(guard), "x-amazon-apigateway-integration": dict(integration)}


def _any(path: str, integration: Mapping[str, Any], guard: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what answers every method of `path` that has no operation of its own."""
    names = [part.strip("{}+") for part in path.split("/") if part.startswith("{")]
    made: dict[str, Any] = {}
    if names:
        made["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    made["responses"] = {"200": {"description": "Whatever the function says."}}
    return {**made, "security": list(guard), "x-amazon-apigateway-integration": dict(integration)}


def _parameter(ours: Mapping[str, Any]) -> dict[str, Any]:
    kind = ours["schema"].get("type", "string")
    made = {"name": ours["name"], "in": ours["in"], "required": ours.get("required", False), "schema": {"type": kind}}
    return {**made, "description": ours["description"]} if "description" in ours else made


def _response(ours: Mapping[str, Any]) -> dict[str, Any]:
    schema = ours.get("content", {}).get(_JSON, {}).get("schema", {})
    made: dict[str, Any] = {"description": ours["description"]}
    if "$ref" in schema:
        made["content"] = {_JSON: {"schema": dict(schema)}}
    return made


def _models(ours: Mapping[str, Any]) -> dict[str, Any]:
    schemas = ours["components"]["schemas"]
    return {name: _model(schema) for name, schema in sorted(schemas.items())}


def _model(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return as much of a schema as draft 4 without anyOf says; the rest is the function's to refuse, never less.

    What may be null, or of several types, is any value here: a model must not refuse what the function takes.
    """
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    made: dict[str, Any] = {}
    if "description" in schema:
        made["description"] = " ".join(schema["description"].split())
    if "anyOf" in schema or "oneOf" in schema:
        return made
    if "enum" in schema:
        return {**made, "type": "string", "enum": list(schema["enum"])}
    if isinstance(schema.get("type"), str):
        made["type"] = schema["type"]
    if schema.get("required"):
        made["required"] = list(schema["required"])
    if schema.get("properties"):
        made["properties"] = {name: _model(one) for name, one in schema["properties"].items()}
    if "items" in schema:
        made["items"] = _model(schema["items"])
    return made
