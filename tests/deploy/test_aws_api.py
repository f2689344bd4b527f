"""The API's doors: who is asked, from where, how much; as the configuration chooses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from deploy.aws.acknowledged import LINT
from deploy.aws.config import Api, Config
from tests.deploy.deployments import Synthesised
from tests.deploy.reading import text
from tests.tools import need

GUARDED = Config(
    waf=False,
    monthly_budget=0,
    api=Api(auth="authorizer", rate=8, burst=3, daily_quota=0, addresses=("192.0.2.0/24", "2001:db8::/32")),
)


def synthesised(config: Config) -> Synthesised:
    """Return the templates of one more configuration."""
    need("node", "nodejs")
    from deploy.aws.__main__ import quiet_cdk

    quiet_cdk()
    from deploy.aws.app import synthesise

    return Synthesised(config, {written.name: written.text for written in synthesise(config)})


@pytest.fixture(scope="module")
def guarded() -> Synthesised:
    """A deployment whose API asks the authorizer, for two networks only."""
    return synthesised(GUARDED)


@pytest.fixture(scope="module")
def signed() -> Synthesised:
    """A deployment whose API wants signatures."""
    return synthesised(Config(api=Api(auth="iam")))


def operation(deployment: Synthesised, path: str = "/v1/presets", method: str = "get") -> dict[str, Any]:
    """Return one operation of the API."""
    found: dict[str, Any] = deployment.one("api", "AWS::ApiGateway::RestApi")["Body"]["paths"][path][method]
    return found


def asked(deployment: Synthesised) -> set[str]:
    """Return by which schemes an operation is guarded, all of them at once."""
    return {name for one in operation(deployment)["security"] for name in one}


def callers(deployment: Synthesised) -> list[str]:
    """Return as what the API may call functions."""
    found = deployment.resources("api", "AWS::Lambda::Permission").values()
    return sorted(text(one["Properties"]["SourceArn"]).split("/", 1)[1] for one in found)


def test_networks_beside_signatures_let_nobody_in_without_rights() -> None:
    """Whom the API's own policy allows needs no right in IAM: it allows what nobody signs, and refuses the outside."""
    made = synthesised(Config(waf=False, monthly_budget=0, api=Api(auth="iam", addresses=("192.0.2.0/24",))))
    (api,) = made.resources("api", "AWS::ApiGateway::RestApi").values()
    denied, allowed = api["Properties"]["Policy"]["Statement"]
    assert (denied["Effect"], denied["Resource"]) == ("Deny", "execute-api:/*")
    assert denied["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}
    assert allowed["Condition"] == {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}
    paths = api["Properties"]["Body"]["paths"]
    unsigned = {path for path, item in paths.items() if not any(one["security"] for one in item.values())}
    reached = {resource.split("/", 3)[3] for resource in allowed["Resource"]}
    assert reached == {"docs", "openapi.json", "v1/uploads/*"}
    assert {path.lstrip("/").partition("{")[0] for path in unsigned} == {"docs", "openapi.json", "v1/uploads/"}
    assert not [resource for resource in allowed["Resource"] if "*" in resource.removesuffix("/*")]


def test_by_default_the_key_of_the_plan_is_asked(plain: Synthesised) -> None:
    """And the authorizer may not even be called."""
    assert asked(plain) == {"api_key"}
    assert callers(plain) == ["live/*/*"]


def test_the_authorizer_is_asked_where_the_configuration_says(guarded: Synthesised) -> None:
    """The body names it, the function lets this API's authorizers call it, and what it returns is the plan's key."""
    assert asked(guarded) == {"api_key", "authorizer"}
    assert callers(guarded) == ["authorizers/*", "live/*/*"]
    body = guarded.one("api", "AWS::ApiGateway::RestApi")["Body"]
    assert body["x-amazon-apigateway-api-key-source"] == "AUTHORIZER"


def test_a_signature_is_asked_where_the_configuration_says(signed: Synthesised) -> None:
    """SigV4 and the plan's key, both."""
    assert asked(signed) == {"api_key", "sigv4"}
    schemes = signed.one("api", "AWS::ApiGateway::RestApi")["Body"]["components"]["securitySchemes"]
    assert schemes["sigv4"]["x-amazon-apigateway-authtype"] == "awsSigv4"


def test_only_the_networks_that_are_named_reach_the_api(plain: Synthesised, guarded: Synthesised) -> None:
    """The resource policy knows no other way in; without networks there is no policy."""
    policy = guarded.one("api", "AWS::ApiGateway::RestApi")["Policy"]
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}}
    assert "Policy" not in plain.one("api", "AWS::ApiGateway::RestApi")


def test_rates_are_the_configurations_and_heavy_methods_have_a_quarter(guarded: Synthesised) -> None:
    """At least one request a second is left to each."""
    settings = guarded.one("api", "AWS::ApiGateway::Stage")["MethodSettings"]
    rates = {
        (one["ResourcePath"], one["HttpMethod"]): (one["ThrottlingRateLimit"], one["ThrottlingBurstLimit"])
        for one in settings
    }
    assert rates.pop(("/*", "*")) == (8, 3)
    assert set(rates.values()) == {(2, 1)}
    assert ("/~1v1~1originals~1{key+}", "PUT") in rates


def test_without_a_quota_and_a_budget_there_is_none(guarded: Synthesised) -> None:
    """Nought is no bound, not a bound of nought."""
    assert "Quota" not in guarded.one("api", "AWS::ApiGateway::UsagePlan")
    assert not guarded.resources("edge-alarms", "AWS::Budgets::Budget")


def test_a_changed_api_is_deployed(plain: Synthesised, guarded: Synthesised) -> None:
    """A deployment is a snapshot: its id follows what it was taken of, and the stage names it."""
    ids = []
    for one in (plain, guarded):
        (name,) = one.resources("api", "AWS::ApiGateway::Deployment")
        assert one.one("api", "AWS::ApiGateway::Stage")["DeploymentId"] == {"Ref": name}
        ids.append(name)
    assert ids[0] != ids[1]


def test_the_api_speaks_tls_1_2_at_least(plain: Synthesised, full: Synthesised) -> None:
    """At its own address, and under a domain of one's own, which then is the only door."""
    for one in (plain.one("api", "AWS::ApiGateway::RestApi"), full.one("api", "AWS::ApiGateway::DomainName")):
        assert one["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2")
        assert one["EndpointAccessMode"] == "STRICT"
    assert full.one("api", "AWS::ApiGateway::RestApi")["DisableExecuteApiEndpoint"] is True
    assert plain.one("api", "AWS::ApiGateway::RestApi")["DisableExecuteApiEndpoint"] is False


def test_a_line_of_the_access_log_is_json(plain: Synthesised) -> None:
    """And says nothing of keys but their ids, nor the path, which is the token where a browser uploads."""
    setting = plain.one("api", "AWS::ApiGateway::Stage")["AccessLogSetting"]
    line = json.loads(setting["Format"])
    assert all(value.startswith("$context.") for value in line.values())
    assert not {"$context.identity.apiKey", "$context.path"} & set(line.values())
    assert "/v1/uploads/{upload}" in plain.one("api", "AWS::ApiGateway::RestApi")["Body"]["paths"]


def test_these_choices_are_right_to_cfn_lint_too(guarded: Synthesised, signed: Synthesised) -> None:
    """The templates that neither of the two other deployments has."""
    for deployment in (guarded, signed):
        said = lint(deployment.texts["api"], config=ManualArgs(regions=[deployment.config.region]))
        assert [one.message for one in said if one.rule.id not in LINT] == []


def test_a_changed_secret_becomes_the_plans_key(plain: Synthesised) -> None:
    """CloudFormation reads a secret again only where its reference changes, and replaces no key that has a name."""
    key = plain.one("api", "AWS::ApiGateway::ApiKey")
    assert "Name" not in key
    assert key["Value"]["Fn::Join"][1][-2:] == [{"Ref": "AdminKeyVersion"}, "}}"]
    assert plain.templates["api"]["Parameters"]["AdminKeyVersion"]["Default"] == ""
