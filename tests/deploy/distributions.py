"""The distribution of a deployment, read off its template: behaviours, origins, policies and the function's text."""

from __future__ import annotations

from tests.deploy.deployments import Json, Synthesised

POLICY = "AWS::CloudFront::ResponseHeadersPolicy"


def distribution(one: Synthesised) -> Json:
    """Return the configuration of the distribution."""
    found: Json = one.one("delivery", "AWS::CloudFront::Distribution")["DistributionConfig"]
    return found


def behaviors(one: Synthesised) -> dict[str, Json]:
    """Return the behaviours by path pattern, in the order in which CloudFront looks."""
    return {behavior["PathPattern"]: behavior for behavior in distribution(one)["CacheBehaviors"]}


def origins(one: Synthesised) -> dict[str, Json]:
    """Return the origins by id."""
    return {origin["Id"]: origin for origin in distribution(one)["Origins"]}


def headers(one: Synthesised, word: str) -> Json:
    """Return the response headers policy called `word`."""
    name = f"{one.config.name}-{word}"
    found = [
        policy["Properties"]["ResponseHeadersPolicyConfig"] for policy in one.resources("delivery", POLICY).values()
    ]
    return next(policy for policy in found if policy["Name"] == name)


def added(policy: Json) -> dict[str, tuple[str, bool]]:
    """Return the plain headers that a policy adds: value, and whether it wins over the origin's."""
    return {item["Header"]: (item["Value"], item["Override"]) for item in policy["CustomHeadersConfig"]["Items"]}


def policy_of(one: Synthesised, pattern: str) -> str:
    """Return the name of the response headers policy of a behaviour."""
    logical = behaviors(one)[pattern]["ResponseHeadersPolicyId"]["Ref"]
    name: str = one.resources("delivery", POLICY)[logical]["Properties"]["ResponseHeadersPolicyConfig"]["Name"]
    return name


def function(one: Synthesised, pattern: str, event: str = "viewer-request") -> str:
    """Return the text of the function that a behaviour runs at `event`, empty where it runs none."""
    associations = behaviors(one)[pattern]["FunctionAssociations"]
    named = {each["EventType"]: each["FunctionARN"]["Fn::GetAtt"][0] for each in associations}
    assert len(named) == len(associations)  # CloudFront takes one for an event
    if event not in named:
        return ""
    text: str = one.resources("delivery", "AWS::CloudFront::Function")[named[event]]["Properties"]["FunctionCode"]
    return text
