"""API Gateway in front of the control function (G1, G3, G4, G5, G8).

The API itself is our OpenAPI document (`deploy.aws.openapi`): paths, validation, authorizer and the gateway's own
answers are in its body. This stack is what a body cannot say: the stage with its throttles and logs, the usage plan
with its key, the domain, who may reach it. `api.auth` chooses who is asked: the usage plan's key, IAM, or the
authorizer function, which is where JWT and Cognito come in later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Aws, CfnOutput, CfnParameter, Environment, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from constructs import Construct

from deploy.aws.config import Config
from deploy.aws.functions import FunctionsStack
from deploy.aws.log_group import log_group
from deploy.aws.openapi import METHODS, OPEN, OPEN_BELOW, gateway_body
from deploy.aws.throttles import HEAVY, a_quarter, method_settings

STAGE = "live"
"""The one stage; the version of the API is the first segment of its paths (/v1)."""
TLS = "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09"
"""TLS 1.2 at least, with forward secrecy; it demands `STRICT` (guide, "Security policies for REST APIs")."""
ACCESS_LINE = {
    "time": "$context.requestTimeEpoch",
    "request_id": "$context.requestId",
    "client": "$context.identity.sourceIp",
    "key": "$context.identity.apiKeyId",
    "caller": "$context.identity.userArn",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "protocol": "$context.protocol",
    "tls": "$context.tlsVersion",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "function_milliseconds": "$context.integrationLatency",
    "function_status": "$context.integrationStatus",
    "refused_by": "$context.error.responseType",
    "user_agent": "$context.identity.userAgent",
    "trace": "$context.xrayTraceId",
}
"""A line of the access log (G8): JSON, each a text, as `$context` is filled in without quoting. The route stands for
the path, which may hold an upload's token (threat J3); the function's own line has it, redacted, and the same request
id unless the caller sent an `x-request-id`."""


class ApiStack(Stack):
    """The REST API of /v1: `.rest_api_id`, `.api_name`, `.stage_name`, `.access_log` and `.url`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        functions: FunctionsStack,
        env: Environment | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, env=env, description=description)
        self.stage_name = STAGE
        self.api_name = f"{config.name}-api"
        body = self._body(config, functions)
        self.rest_api = self._rest_api(config, body)
        self.rest_api_id = self.rest_api.ref
        self._permissions(config, functions)
        stage = self._stage(config, self._deployment(config, body))
        self._plan(config, functions, stage)
        self.url = self._domain(config, stage) if config.api_domain else self._own_address()
        CfnOutput(self, "ApiUrl", value=self.url, description="Where the API is: append /v1/…")

    def _body(self, config: Config, functions: FunctionsStack) -> Mapping[str, Any]:
        """G1: the API, from the document that the platform serves at /openapi.json."""
        authorizer = functions.authorizer.alias.function_arn if config.api.auth == "authorizer" else None
        return gateway_body(
            control_arn=functions.control.alias.function_arn,
            authorizer_arn=authorizer,
            region=self.region,
            partition=Aws.PARTITION,
            iam=config.api.auth == "iam",
        )

    def _rest_api(self, config: Config, body: Mapping[str, Any]) -> apigateway.CfnRestApi:
        return apigateway.CfnRestApi(
            self,
            "RestApi",
            name=self.api_name,
            description="Imagemill: originals, presets, purges, keys.",
            body=body,
            # A warning is about a word that API Gateway leaves aside; an error stops the import all the same.
            fail_on_warnings=False,
            policy=self._reach(config),
            endpoint_configuration=apigateway.CfnRestApi.EndpointConfigurationProperty(types=["REGIONAL"]),
            security_policy=TLS,
            endpoint_access_mode="STRICT",
            # With a domain of one's own there is one door only, and what stands before it cannot be gone around.
            disable_execute_api_endpoint=bool(config.api_domain),
        )

    def _reach(self, config: Config) -> Mapping[str, Any] | None:
        """Return the resource policy: only the networks that `api.addresses` names reach the API at all (E8)."""
        if not config.api.addresses:
            return None
        networks = list(config.api.addresses)
        asked = {"Principal": "*", "Action": "execute-api:Invoke"}
        if config.api.auth != "iam":
            inside = {"IpAddress": {"aws:SourceIp": networks}}
            return _policy({"Effect": "Allow", **asked, "Resource": "execute-api:/*", "Condition": inside})
        # Beside IAM, whom a policy of the resource allows needs no right of his own (API Gateway guide, "How API
        # Gateway resource policies affect authorization workflow"): so it allows only what nobody signs.
        outside = {"NotIpAddress": {"aws:SourceIp": networks}}
        paths = (*OPEN, OPEN_BELOW.replace("{upload}", "*"))
        unsigned = [f"execute-api:/{STAGE}/{method.upper()}{path}" for path in paths for method in METHODS]
        return _policy(
            {"Effect": "Deny", **asked, "Resource": "execute-api:/*", "Condition": outside},
            {"Effect": "Allow", **asked, "Resource": unsigned, "Condition": {"IpAddress": outside["NotIpAddress"]}},
        )

    def _permissions(self, config: Config, functions: FunctionsStack) -> None:
        """Let this API, and no other, call the functions that its body names."""
        allowed = {"CallControl": (functions.control, f"{STAGE}/*/*")}
        if config.api.auth == "authorizer":
            allowed["CallAuthorizer"] = (functions.authorizer, "authorizers/*")  # G3: the hook
        for construct_id, (called, what) in allowed.items():
            lambda_.CfnPermission(
                self,
                construct_id,
                action="lambda:InvokeFunction",
                function_name=called.alias.function_arn,
                principal="apigateway.amazonaws.com",
                source_arn=self.format_arn(service="execute-api", resource=self.rest_api.ref, resource_name=what),
            )

    def _deployment(self, config: Config, body: Mapping[str, Any]) -> apigateway.CfnDeployment:
        """Return what the stage shows. A deployment is a snapshot, so its id changes with what it was taken of."""
        shown = self.resolve({"body": body, "policy": self._reach(config)})
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12]
        return apigateway.CfnDeployment(
            self, f"Deployment{digest}", rest_api_id=self.rest_api.ref, description=f"body {digest}"
        )

    def _stage(self, config: Config, deployment: apigateway.CfnDeployment) -> apigateway.CfnStage:
        """Return the stage: throttles (G5), access log, execution log, metrics and traces (G8)."""
        self.access_log = log_group(self, "AccessLog", f"/aws/apigateway/{self.api_name}/access", config=config)
        # API Gateway would make this group itself, to be kept for ever.
        execution = log_group(
            self, "ExecutionLog", f"API-Gateway-Execution-Logs_{self.rest_api.ref}/{STAGE}", config=config
        )
        stage = apigateway.CfnStage(
            self,
            "Stage",
            stage_name=STAGE,
            rest_api_id=self.rest_api.ref,
            deployment_id=deployment.ref,
            tracing_enabled=True,
            access_log_setting=apigateway.CfnStage.AccessLogSettingProperty(
                destination_arn=self.access_log.log_group_arn, format=json.dumps(ACCESS_LINE)
            ),
            method_settings=method_settings(config),
        )
        stage.node.add_dependency(execution)
        stage.add_resource_dependency(self._account())
        return stage

    def _account(self) -> apigateway.CfnAccount:
        """Return the role by which API Gateway writes its logs.

        It is the account's for the whole region: when this stack goes it stays, or other APIs would write no logs.
        """
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
            ],
        )
        role.apply_removal_policy(RemovalPolicy.RETAIN)
        return apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)

    def _plan(self, config: Config, functions: FunctionsStack, stage: apigateway.CfnStage) -> None:
        """G4: a usage plan (rate, burst, quota of a day) and its first key, whose value is the administrator's key.

        So one `x-api-key` satisfies API Gateway and the platform. CloudFormation reads the secret as it deploys; it
        never stands in a template. A key for somebody else is made in API Gateway and put into this plan.
        """
        plan = apigateway.CfnUsagePlan(
            self,
            "UsagePlan",
            usage_plan_name=f"{config.name}-standard",
            description="What a key of the API may ask.",
            throttle=apigateway.CfnUsagePlan.ThrottleSettingsProperty(
                rate_limit=config.api.rate, burst_limit=config.api.burst
            ),
            quota=apigateway.CfnUsagePlan.QuotaSettingsProperty(limit=config.api.daily_quota, period="DAY")
            if config.api.daily_quota
            else None,
            api_stages=[
                apigateway.CfnUsagePlan.ApiStageProperty(
                    api_id=self.rest_api.ref,
                    stage=stage.ref,
                    throttle={f"{path}/{method}": a_quarter(config) for path, method in HEAVY},
                )
            ],
        )
        version = CfnParameter(
            self,
            "AdminKeyVersion",
            default="",
            max_length=64,
            description="After the secret was changed: its new version's id, or the key here stays as it was.",
        ).value_as_string
        secret = functions.admin_secret.secret_arn
        key = apigateway.CfnApiKey(
            self,
            "AdminKey",
            # No name: CloudFormation could not replace a key that has one, and a new value is a new key.
            description=f"The administrator's key of {config.name}.",
            enabled=True,
            value=f"{{{{resolve:secretsmanager:{secret}:SecretString:::{version}}}}}",
        )
        apigateway.CfnUsagePlanKey(self, "AdminKeyInPlan", key_id=key.ref, key_type="API_KEY", usage_plan_id=plan.ref)

    def _domain(self, config: Config, stage: apigateway.CfnStage) -> str:
        """Put the API under a name of one's own (E4) with its certificate (E3); return its address."""
        domain = apigateway.CfnDomainName(
            self,
            "Domain",
            domain_name=config.api_domain,
            regional_certificate_arn=config.api_certificate or self._certificate(config),
            endpoint_configuration=apigateway.CfnDomainName.EndpointConfigurationProperty(types=["REGIONAL"]),
            security_policy=TLS,
            endpoint_access_mode="STRICT",
        )
        apigateway.CfnBasePathMapping(
            self, "Mapping", domain_name=domain.ref, rest_api_id=self.rest_api.ref, stage=stage.ref
        )
        if config.zone_id:
            route53.CfnRecordSet(
                self,
                "Name",
                name=config.api_domain,
                type="A",
                hosted_zone_id=config.zone_id,
                alias_target=route53.CfnRecordSet.AliasTargetProperty(
                    dns_name=domain.attr_regional_domain_name, hosted_zone_id=domain.attr_regional_hosted_zone_id
                ),
            )
        else:
            CfnOutput(self, "ApiAlias", value=domain.attr_regional_domain_name, description="CNAME of the API's name.")
        return f"https://{config.api_domain}"

    def _certificate(self, config: Config) -> str:
        validation = acm.CfnCertificate.DomainValidationOptionProperty(
            domain_name=config.api_domain, hosted_zone_id=config.zone_id
        )
        return acm.CfnCertificate(
            self,
            "Certificate",
            domain_name=config.api_domain,
            validation_method="DNS",
            domain_validation_options=[validation],
        ).ref

    def _own_address(self) -> str:
        return f"https://{self.rest_api.ref}.execute-api.{self.region}.{Aws.URL_SUFFIX}/{STAGE}"


def _policy(*statements: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
