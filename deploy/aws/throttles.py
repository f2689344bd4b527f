"""How much may be asked of the API: rate and burst of the stage, of each key, and of methods that cost much (G4, G5).

Separate from the stack, because the stage's settings and the usage plan name the same methods in two spellings.
"""

from __future__ import annotations

from aws_cdk import aws_apigateway as apigateway

from deploy.aws.config import Config

HEAVY = (("/v1/originals", "POST"), ("/v1/originals/{key+}", "PUT"), ("/v1/purges", "POST"), ("/v1/info", "POST"))
"""Methods that cost much for each request (a decode, a walk over variants): a quarter of the others' rate (G5)."""


def a_quarter(config: Config) -> apigateway.CfnUsagePlan.ThrottleSettingsProperty:
    """Return what a heavy method has of a key's rate and burst; at least one of each."""
    return apigateway.CfnUsagePlan.ThrottleSettingsProperty(
        rate_limit=max(1, config.api.rate // 4), burst_limit=max(1, config.api.burst // 4)
    )


def method_settings(config: Config) -> list[apigateway.CfnStage.MethodSettingProperty]:
    """Return the stage's settings: those of every method, and lower throttles of the heavy ones (G5).

    A method's own settings replace the general ones as a whole, so each says everything.
    """

    def setting(path: str, method: str, share: int) -> apigateway.CfnStage.MethodSettingProperty:
        return apigateway.CfnStage.MethodSettingProperty(
            resource_path="/" + path,
            http_method=method,
            logging_level="ERROR",  # INFO tells each step of each request, at 50 cents a GB
            data_trace_enabled=False,  # bodies and keys stay out of the log
            metrics_enabled=True,
            throttling_rate_limit=max(1, config.api.rate // share),
            throttling_burst_limit=max(1, config.api.burst // share),
        )

    heavy = [setting(path.replace("/", "~1"), method, 4) for path, method in HEAVY]
    return [setting("*", "*", 1), *heavy]
