"""API Gateway: the API from its OpenAPI body, stages with their settings, plans, keys and domains."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import validate
from tests.servers.cloudformation.resource import Json, Made, Request, lower_first, makes, record, tag_map

SETTING_PATHS = {
    "LoggingLevel": "logging/loglevel",
    "DataTraceEnabled": "logging/dataTrace",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingRateLimit": "throttling/rateLimit",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "CachingEnabled": "caching/enabled",
}
"""How `update_stage` names what a method setting of CloudFormation says (API Gateway, patch operations)."""


@makes("AWS::ApiGateway::RestApi", name="Name")
def rest_api(request: Request) -> Made:
    """An API; with a body its paths, methods and integrations are made of it."""
    gateway = request.client("apigateway")
    body, fail = request.take("Body"), request.take("FailOnWarnings", False)
    mode = request.take("Mode", "merge")
    policy = request.take("Policy")
    request.take("Parameters")
    name = request.take("Name") or (body or {}).get("info", {}).get("title", request.name)
    rest = lower_first(request.rest())
    rest["tags"] = tag_map_lower(rest.pop("tags", []))
    if policy is not None:
        rest["policy"] = json.dumps(policy)
    api = gateway.create_rest_api(name=name, **rest)
    if body is not None:
        if fail:
            # OpenAPI has no word for a parameter that takes the rest of a path; API Gateway's is `{key+}`.
            validate(json.loads(json.dumps(body).replace("+}", "}")))
        text = json.dumps(without_extensions(body))
        gateway.put_rest_api(restApiId=api["id"], body=text, mode=mode, failOnWarnings=False)
    attributes = {"RestApiId": api["id"], "RootResourceId": root(gateway, api["id"])}
    return Made(api["id"], attributes, lambda: gateway.delete_rest_api(restApiId=api["id"]))


def tag_map_lower(tags: list[dict[str, str]]) -> dict[str, str]:
    """Return tags whose words were lowered as a map."""
    return {tag["key"]: tag["value"] for tag in tags}


def without_extensions(body: dict[str, Json]) -> dict[str, Json]:
    """Return the body as moto reads it: it takes every entry of a path for a method."""
    methods = {"get", "put", "post", "patch", "delete", "head", "options", "x-amazon-apigateway-any-method"}
    paths = {
        path: {method: one for method, one in entries.items() if method in methods}
        for path, entries in body["paths"].items()
    }
    return body | {"paths": paths}


def root(gateway: Any, api: str) -> str:
    """Return the id of the API's root resource."""
    items = gateway.get_resources(restApiId=api, limit=500)["items"]
    return str(next(one["id"] for one in items if one["path"] == "/"))


@makes("AWS::ApiGateway::Deployment")
def deployment(request: Request) -> Made:
    """A snapshot of the API."""
    gateway = request.client("apigateway")
    api = request.take("RestApiId")
    made = gateway.create_deployment(restApiId=api, **lower_first(request.rest()))["id"]
    return Made(made, {"DeploymentId": made})


@makes("AWS::ApiGateway::Stage", name="StageName")
def stage(request: Request) -> Made:
    """A stage; log and method settings go in by patches, as the console does it."""
    gateway = request.client("apigateway")
    api, name = request.take("RestApiId"), request.take("StageName")
    settings, log = request.take("MethodSettings", []), request.take("AccessLogSetting", {})
    labels = tag_map(request.take("Tags"))
    given = lower_first(request.rest(), keep=frozenset({"Variables"}))
    gateway.create_stage(restApiId=api, stageName=name, tags=labels, **given)
    patches = [patch(f"/accessLogSettings/{key[0].lower()}{key[1:]}", value) for key, value in log.items()]
    for setting in settings:
        where = setting.pop("ResourcePath", "/*")[1:], setting.pop("HttpMethod", "*")
        patches += [patch(f"/{where[0]}/{where[1]}/{SETTING_PATHS[key]}", value) for key, value in setting.items()]
    gateway.update_stage(restApiId=api, stageName=name, patchOperations=patches)
    return Made(name, {}, lambda: gateway.delete_stage(restApiId=api, stageName=name))


def patch(path: str, value: Json) -> dict[str, str]:
    """Return one operation of `update_stage`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"op": "replace", "path": path, "value": text}


@makes("AWS::ApiGateway::UsagePlan", name="UsagePlanName")
def usage_plan(request: Request) -> Made:
    """A plan; the stages of it must exist."""
    gateway = request.client("apigateway")
    name, labels = request.take("UsagePlanName") or request.name, tag_map(request.take("Tags"))
    given = lower_first(request.rest(), keep=frozenset({"Throttle"}))
    for one in given.get("apiStages", []):
        gateway.get_stage(restApiId=one["apiId"], stageName=one["stage"])
        throttles = one.get("throttle", {})
        one["throttle"] = {key: lower_first(value) for key, value in throttles.items()}
    if "throttle" in given:
        given["throttle"] = lower_first(given["throttle"])
    made = gateway.create_usage_plan(name=name, tags=labels, **given)["id"]
    return Made(made, {"Id": made}, lambda: gateway.delete_usage_plan(usagePlanId=made))


@makes("AWS::ApiGateway::ApiKey", name="Name")
def api_key(request: Request) -> Made:
    """A key; its value may be a secret that was generated a moment ago."""
    gateway = request.client("apigateway")
    name, labels = request.take("Name") or request.name, tag_map(request.take("Tags"))
    made = gateway.create_api_key(name=name, tags=labels, **lower_first(request.rest()))["id"]
    return Made(made, {"APIKeyId": made}, lambda: gateway.delete_api_key(apiKey=made))


@makes("AWS::ApiGateway::UsagePlanKey")
def usage_plan_key(request: Request) -> Made:
    """A key's membership of a plan."""
    gateway = request.client("apigateway")
    plan, key = request.take("UsagePlanId"), request.take("KeyId")
    gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType=request.take("KeyType"))
    return Made(
        f"{key}:{plan}", {"Id": f"{key}:{plan}"}, lambda: gateway.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    )


@makes("AWS::ApiGateway::GatewayResponse")
def gateway_response(request: Request) -> Made:
    """What the gateway itself answers where it refuses."""
    gateway = request.client("apigateway")
    api, kind = request.take("RestApiId"), request.take("ResponseType")
    given = lower_first(request.rest(), keep=frozenset({"ResponseTemplates", "ResponseParameters"}))
    gateway.put_gateway_response(restApiId=api, responseType=kind, **given)

    def delete() -> None:
        gateway.delete_gateway_response(restApiId=api, responseType=kind)

    return Made(f"{api}|{kind}", {"Id": f"{api}|{kind}"}, delete)


@makes("AWS::ApiGateway::Account")
def account(request: Request) -> Made:
    """The role by which API Gateway writes its logs, one for the account and region."""
    gateway = request.client("apigateway")
    role = request.take("CloudWatchRoleArn")
    gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])
    return Made(request.logical_id, {"Id": request.logical_id})


@makes("AWS::ApiGateway::DomainName", name="DomainName")
def domain_name(request: Request) -> Made:
    """A custom domain."""
    gateway = request.client("apigateway")
    name, labels = request.take("DomainName"), tag_map(request.take("Tags"))
    gateway.create_domain_name(domainName=name, tags=labels, **lower_first(request.rest()))
    attributes = {
        "RegionalDomainName": f"d-{request.logical_id.lower()}.execute-api.{request.region}.amazonaws.com",
        "RegionalHostedZoneId": "Z0000000000",
        "DomainNameArn": f"arn:aws:apigateway:{request.region}::/domainnames/{name}",
    }
    return Made(name, attributes, lambda: gateway.delete_domain_name(domainName=name))


@makes("AWS::ApiGateway::BasePathMapping")
def base_path_mapping(request: Request) -> Made:
    """Which API and stage a custom domain shows under a path."""
    gateway = request.client("apigateway")
    domain, path = request.take("DomainName"), request.take("BasePath", "")
    gateway.create_base_path_mapping(domainName=domain, basePath=path, **lower_first(request.rest()))
    shown = path or "(none)"

    def delete() -> None:
        gateway.delete_base_path_mapping(domainName=domain, basePath=shown)

    return Made(f"{domain}|{shown}", {}, delete)


record("AWS::ApiGateway::Authorizer", "AuthorizerId={name}")
record("AWS::ApiGateway::RequestValidator", "RequestValidatorId={name}")
record("AWS::ApiGateway::Model", name="Name")
