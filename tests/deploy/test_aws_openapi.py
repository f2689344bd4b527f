"""The document for API Gateway: all of our API, in the words that its import understands, refusing as we do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from deploy.aws.gateway_responses import gateway_responses
from deploy.aws.openapi import ANY, EVERYTHING, OPEN, PARAMETERS, gateway_body, served_document

CONTROL = "arn:aws:lambda:eu-west-1:123456789012:function:imagemill-control:live"
AUTHORIZER = "arn:aws:lambda:eu-west-1:123456789012:function:imagemill-authorizer:live"
BODY = gateway_body(control_arn=CONTROL, region="eu-west-1")
TYPES = (
    *("ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
    *("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN"),
    *("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE"),
    *("MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED"),
    *("UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"),
)
"""API Gateway guide, "Gateway response types for API Gateway"."""


def operations(body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of each."""
    for path, item in body["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_operation_of_ours_is_there() -> None:
    """By path and method; a key takes the rest of its path."""
    ours = {
        (path.replace("{key}", "{key+}"), method)
        for path, item in served_document()["paths"].items()
        for method in item
    }
    assert ours <= {(path, method) for path, method, _ in operations(BODY)}
    assert ("/v1/originals/{key+}", "put") in ours


def test_everything_else_reaches_the_function_too() -> None:
    """Another method, another path: answered in our words, not by API Gateway's 403."""
    assert {"/", "/{proxy+}", *OPEN} <= BODY["paths"].keys()
    for path, item in BODY["paths"].items():
        assert ANY in item, path


def test_every_operation_calls_the_control_function() -> None:
    """As a proxy, by POST, at the alias that was named."""
    uri = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{CONTROL}/invocations"
    for path, method, operation in operations(BODY):
        integration = operation["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["httpMethod"], integration["uri"]) == ("aws_proxy", "POST", uri), (
            path,
            method,
        )


def test_path_parameters_are_declared() -> None:
    """API Gateway refuses a path whose parameters its operations do not have."""
    for path, method, operation in operations(BODY):
        named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert named | {"proxy"} >= set(re.findall(r"{(\w+)\+?}", path)) >= named - {"proxy"}, (path, method)
        segments = path.strip("/").split("/")
        assert all(re.fullmatch(r"[\w.,:-]*|{\w+\+?}", segment) for segment in segments), path
        assert not any(segment.endswith("+}") for segment in segments[:-1]), path


@pytest.mark.parametrize(
    ("more", "schemes", "source"),
    [
        ({}, {"api_key"}, "HEADER"),
        ({"authorizer_arn": AUTHORIZER}, {"api_key", "authorizer"}, "AUTHORIZER"),
        ({"iam": True}, {"api_key", "sigv4"}, "HEADER"),
    ],
    ids=["key", "authorizer", "iam"],
)
def test_only_what_a_token_or_nothing_opens_is_open(more: dict[str, Any], schemes: set[str], source: str) -> None:
    """Everything demands a key but the API's own description and the addresses of upload tokens."""
    body = gateway_body(control_arn=CONTROL, region="eu-west-1", **more)
    assert body["components"]["securitySchemes"].keys() == schemes
    assert body["x-amazon-apigateway-api-key-source"] == source
    for path, method, operation in operations(body):
        wanted = set() if path in OPEN or path.startswith("/v1/uploads/") else schemes
        assert {name for one in operation["security"] for name in one} == wanted, (path, method)


def test_an_authorizer_is_asked_each_time() -> None:
    """Its policy is for one method and path, so API Gateway may not keep it for others."""
    body = gateway_body(control_arn=CONTROL, region="eu-west-1", authorizer_arn=AUTHORIZER)
    told = body["components"]["securitySchemes"]["authorizer"]["x-amazon-apigateway-authorizer"]
    assert (told["type"], told["authorizerResultTtlInSeconds"]) == ("request", 0)
    assert AUTHORIZER in told["authorizerUri"]
    with pytest.raises(ValueError, match="not both"):
        gateway_body(control_arn=CONTROL, region="eu-west-1", authorizer_arn=AUTHORIZER, iam=True)


def test_bodies_are_validated_where_they_are_json_of_ours() -> None:
    """The rest is bytes of whatever type, and passes as it came."""
    validated = {
        (path, method)
        for path, method, operation in operations(BODY)
        if operation.get("x-amazon-apigateway-request-validator") == EVERYTHING
    }
    assert {("/v1/signed-urls", "post"), ("/v1/purges", "post"), ("/v1/uploads", "post")} <= validated
    assert not {path for path, _ in validated} & {"/v1/store-events", "/v1/uploads/{upload}"}
    assert ("/v1/originals/{key+}", "put") not in validated
    assert BODY["x-amazon-apigateway-request-validator"] == PARAMETERS
    for path, method, operation in operations(BODY):
        assert ("requestBody" in operation) == ((path, method) in validated)
    unvalidated = gateway_body(control_arn=CONTROL, region="eu-west-1", validate_bodies=False)
    assert not any("requestBody" in operation for *_, operation in operations(unvalidated))


def test_models_are_in_the_words_of_draft_4() -> None:
    """No name but letters and digits, none of the keywords that the import does not take, no reference into nothing."""
    models = BODY["components"]["schemas"]
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in models)
    seen = set(_members(models))
    assert not seen & {"anyOf", "oneOf", "allOf", "additionalProperties", "nullable", "default", "discriminator"}
    for reference in _references(BODY):
        assert reference.removeprefix("#/components/schemas/") in models, reference
    assert models["UrlsToSign"]["required"] == ["urls"]
    assert models["UrlsToSign"]["properties"]["urls"]["type"] == "array"
    assert "type" not in models["UrlsToSign"]["properties"]["expires"]  # a number or null: any value here


def _members(value: Any) -> Iterator[str]:
    """Yield each keyword of the schemas; names of properties are none."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "properties":
                for schema in inner.values():
                    yield from _members(schema)
            else:
                yield name
                yield from _members(inner)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


@pytest.mark.parametrize("authorizer", [False, True])
@pytest.mark.parametrize("name", TYPES)
def test_api_gateway_refuses_as_we_do(name: str, authorizer: bool) -> None:
    """A problem document with a code of ours, its status, and the headers that every problem has."""
    answer = gateway_responses(authorizer=authorizer)[name]
    template = answer["responseTemplates"]["application/json"]
    document = json.loads(template)
    assert document.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert (document["request_id"], template.count("$")) == ("$context.requestId", 1)
    assert answer["statusCode"] == str(document["status"])
    headers = {key.rpartition(".")[2].lower(): value for key, value in answer["responseParameters"].items()}
    assert headers["content-type"] == "'application/problem+json'"
    assert headers["imagemill-error"] == f"'{document['code']}'"
    assert all(re.fullmatch(r"'[^']*'", value) for value in headers.values())
    assert ("www-authenticate" in headers) == (document["status"] == 401)
    assert ("retry-after" in headers) == (document["status"] in (429, 503))


def test_the_types_of_api_gateway_are_all_answered() -> None:
    """None is left to its own words."""
    assert gateway_responses(authorizer=False).keys() == set(TYPES)
    assert gateway_responses(authorizer=True)["ACCESS_DENIED"]["statusCode"] == "401"
    assert gateway_responses(authorizer=False)["ACCESS_DENIED"]["statusCode"] == "403"


def test_the_document_is_the_same_each_time() -> None:
    """A reviewer of the templates sees what changed, and nothing else."""
    again = gateway_body(control_arn=CONTROL, region="eu-west-1", document=json.loads(json.dumps(served_document())))
    assert json.dumps(again) == json.dumps(BODY)


def test_an_importer_takes_it_whole() -> None:
    """Moto checks it by the schema of OpenAPI 3.0 and makes every resource; `+` in a path is API Gateway's own."""
    import boto3
    from moto import mock_aws

    plain = json.loads(json.dumps(BODY).replace("+}", "}"))
    for operation in plain["paths"]["/{proxy}"].values():  # the rest of a path needs no declaration in API Gateway
        operation["parameters"] = [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}]
    with mock_aws():
        client = boto3.client("apigateway", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
        made = client.import_rest_api(body=json.dumps(plain).encode(), failOnWarnings=True)
        found = client.get_resources(restApiId=made["id"], limit=500)["items"]
    methods = {one["path"]: {name.lower() for name in one.get("resourceMethods", {})} for one in found}
    for path, item in plain["paths"].items():
        assert methods[path] == set(item), path
