"""Lambda functions with every setting, their versions, aliases, addresses, permissions and queues; CodeDeploy."""

from __future__ import annotations

import json

from tests.servers.cloudformation.resource import Made, Request, lower_first, makes, record, tag_map


@makes("AWS::Lambda::Function", name="FunctionName")
def function(request: Request) -> Made:
    """A function; its zip must lie in the bucket that the deployer named."""
    lambda_ = request.client("lambda")
    name = request.take("FunctionName") or request.name[:64]
    reserved = request.take("ReservedConcurrentExecutions")
    labels = tag_map(request.take("Tags"))
    made = lambda_.create_function(FunctionName=name, Tags=labels, **request.rest())
    if reserved is not None:
        lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    attributes = {"Arn": made["FunctionArn"]}
    return Made(name, attributes, lambda: lambda_.delete_function(FunctionName=name))


@makes("AWS::Lambda::Version")
def version(request: Request) -> Made:
    """A published version."""
    lambda_ = request.client("lambda")
    function_name = request.take("FunctionName")
    made = lambda_.publish_version(FunctionName=function_name, **request.rest())
    arn = made["FunctionArn"]
    if arn.rsplit(":", 1)[1] != made["Version"]:
        arn = f"{arn}:{made['Version']}"

    def delete() -> None:
        lambda_.delete_function(FunctionName=function_name, Qualifier=made["Version"])

    return Made(arn, {"Version": made["Version"], "FunctionArn": arn}, delete)


@makes("AWS::Lambda::Alias")
def alias(request: Request) -> Made:
    """An alias; it must name a version that exists."""
    lambda_ = request.client("lambda")
    function_name, name = request.take("FunctionName"), request.take("Name")
    made = lambda_.create_alias(FunctionName=function_name, Name=name, **request.rest())["AliasArn"]

    def delete() -> None:
        lambda_.delete_alias(FunctionName=function_name, Name=name)

    return Made(made, {"AliasArn": made}, delete)


def qualified(function_name: str) -> tuple[str, str]:
    """Return the function and the alias or version of an ARN that may end in one."""
    name, _, last = function_name.rpartition(":")
    return (name, last) if function_name.count(":") == 7 else (function_name, "")


@makes("AWS::Lambda::Url")
def url(request: Request) -> Made:
    """An address of a function or of its alias."""
    lambda_ = request.client("lambda")
    target = request.take("TargetFunctionArn")
    name, alias_ = qualified(target)
    qualifier = request.take("Qualifier") or alias_
    extra = {"Qualifier": qualifier} if qualifier else {}
    made = lambda_.create_function_url_config(FunctionName=name, **extra, **request.rest())

    def delete() -> None:
        lambda_.delete_function_url_config(FunctionName=name, **extra)

    return Made(target, {"FunctionArn": target, "FunctionUrl": made["FunctionUrl"]}, delete)


@makes("AWS::Lambda::Permission")
def permission(request: Request) -> Made:
    """A statement of a function's policy."""
    lambda_ = request.client("lambda")
    function_name = request.take("FunctionName")
    name, qualifier = qualified(function_name)
    extra = {"Qualifier": qualifier} if qualifier else {}
    statement = request.logical_id
    invoked = request.take("InvokedViaFunctionUrl")
    if invoked is not None:
        extra["InvokedViaFunctionUrl"] = invoked
    lambda_.add_permission(FunctionName=name, StatementId=statement, **extra, **request.rest())

    def delete() -> None:
        qualified = {"Qualifier": qualifier} if qualifier else {}
        lambda_.remove_permission(FunctionName=name, StatementId=statement, **qualified)

    return Made(statement, {"Id": statement}, delete)


@makes("AWS::Lambda::EventSourceMapping")
def event_source(request: Request) -> Made:
    """A queue that calls a function."""
    lambda_ = request.client("lambda")
    labels = tag_map(request.take("Tags"))
    made = lambda_.create_event_source_mapping(Tags=labels, **request.rest())["UUID"]
    return Made(made, {"Id": made}, lambda: lambda_.delete_event_source_mapping(UUID=made))


@makes("AWS::CodeDeploy::Application", name="ApplicationName")
def application(request: Request) -> Made:
    """An application of CodeDeploy; moto cannot delete it, so only its record goes."""
    name, labels = request.take("ApplicationName") or request.name, request.take("Tags", [])
    deploy = request.client("codedeploy")
    deploy.create_application(applicationName=name, tags=labels, **lower_first(request.rest()))
    return Made(name)


record("AWS::CodeDeploy::DeploymentGroup", name="DeploymentGroupName")
record("AWS::CodeDeploy::DeploymentConfig", name="DeploymentConfigName")


@makes("AWS::Lambda::EventInvokeConfig")
def invoke_config(request: Request) -> Made:
    """Retries and destinations of asynchronous calls."""
    lambda_ = request.client("lambda")
    name, qualifier = request.take("FunctionName"), request.take("Qualifier")
    rest = request.rest()
    lambda_.put_function_event_invoke_config(FunctionName=name, Qualifier=qualifier, **rest)

    def delete() -> None:
        lambda_.delete_function_event_invoke_config(FunctionName=name, Qualifier=qualifier)

    return Made(json.dumps([name, qualifier]), {}, delete)
