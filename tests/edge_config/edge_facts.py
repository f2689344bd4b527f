"""Facts of a platform with default settings, for the tests of texts and patterns."""

from __future__ import annotations

from pathlib import Path

from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.edge_config.facts import Facts, facts_of
from imagemill.engine.limits import Limits
from imagemill.gateway.settings import ServerSettings


def facts(
    server: ServerSettings | None = None,
    delivery: DeliverySettings | None = None,
    cdn: CdnSettings | None = None,
    *,
    kind: str = "nginx",
    folder: Path | None = Path("/srv/pictures/.imagemill/variants"),
    origins: tuple[str, ...] = (),
    control: bool = False,
) -> Facts:
    """Return the facts of these settings."""
    return facts_of(
        server or ServerSettings(),
        delivery or DeliverySettings(),
        SizesSettings(),
        Limits(),
        cdn or CdnSettings(),
        kind=kind,
        folder=folder,
        site="default",
        listen=8081,
        origins=origins,
        control=control,
    )
