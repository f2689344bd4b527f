"""Settings of throttling: how often a site, a route and a client may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleSettings:
    """The `[throttle]` section; rates as `throttling.rates` reads them."""

    account: Annotated[str, "Requests to the whole site, pages of health and metrics aside."] = ""
    delivery: Annotated[str, "Requests for pictures (/img, /info, /srcset), all clients together."] = ""
    control: Annotated[str, "Calls of the control API (/v1), all clients together."] = ""
    uploads: Annotated[str, "Calls that bring an original, all clients together."] = ""
    delivery_client: Annotated[str, "Requests for pictures by one client."] = ""
    control_client: Annotated[str, "Calls of the control API by one client."] = ""
    uploads_client: Annotated[str, "Calls that bring an original, by one client."] = ""
    wrong_keys: Annotated[
        str, "Calls with a wrong key or none by one client, on each node; over it no key is looked at (O2)."
    ] = "5/s burst 100"
    nodes: Annotated[
        int, "Nodes that share these limits through limits.url; each admits its share while Redis is away."
    ] = 1
