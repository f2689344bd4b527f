"""The settings of the platform in a function's environment: the buckets it works on and what `[settings]` says.

Separate from the stacks, because the maker and the control side must agree: a variant named by one is looked up by the
other. What may stand in `[settings]` is checked by `settings`.
"""

from __future__ import annotations

from collections.abc import Mapping

from deploy.aws.config import Config
from deploy.aws.names import bucket_name
from imagemill.assembly.functions import DATA
from imagemill.settings.source import variable_of


def environment(config: Config, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a function; `more` are settings (`section.name`) of this function alone."""
    settings = {
        "data.dir": str(DATA),
        "originals.url": f"s3://{bucket_name(config, 'originals')}",
        "originals.replica_url": f"s3://{bucket_name(config, 'replica')}?region={config.replica_region}",
        "variants.url": f"s3://{bucket_name(config, 'variants')}",
        "log.format": "json",
        **config.settings,
        **(more or {}),
    }
    if config.upload_origins:
        settings.setdefault("uploads.origins", ",".join(config.upload_origins))
    return {variable_of(name): settings[name] for name in sorted(settings)}
