"""The control application over connected parts. Separate because its framework takes some 300 ms to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagemill.assembly.sources import event_places
from imagemill.control.app import create_control
from imagemill.delivery.explain import Explain
from imagemill.delivery.signed_link import Links
from imagemill.gateway.asgi import AsgiApp

if TYPE_CHECKING:  # it imports this when control is first asked for
    from imagemill.assembly.parts import Parts


def build_control(parts: Parts) -> AsgiApp:
    """Return the application that answers `/v1`, `/openapi.json` and `/docs`."""
    settings = parts.settings
    return create_control(
        originals=parts.originals,
        variants=parts.variants,
        limits=settings.limits,
        public_url=settings.server.public_url,
        api_url=parts.api_url,
        access=parts.access,
        body_seconds=settings.server.body_seconds,
        admin_key=parts.keys,
        explain=Explain(
            parts.originals,
            parts.variants,
            settings.delivery,
            parts.access,
            parts.signatures,
            parts.presets,
            settings.engine,
            settings.limits,
        ),
        presets=parts.presets,
        inspector=parts.inspector,
        uploads=parts.uploads,
        links=Links(parts.signing_keys, settings.signing, settings.server.public_url),
        purging=parts.purging,
        attempts=parts.throttling.attempts,
        rates=settings.throttle,
        places=event_places(settings),
        most_body=parts.most_body,
    )
