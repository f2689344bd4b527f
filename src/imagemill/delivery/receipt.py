"""What became of one purge, and how that is written into the log of purges, where every process can tell of it.

Separate from `purging`, which carries purges out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from imagemill.delivery.purge_target import PurgeTarget

DONE, PENDING, FAILED = "done", "pending", "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one purge: `layers` by name are done, pending or failed; `removed` counts variants of the store.

    `started` is in seconds since 1970; `reason` is a sentence that says why the CDN has not taken it, where it failed.
    """

    id: str
    target: PurgeTarget | None
    tag: str | None
    layers: Mapping[str, str]
    removed: int
    started: float
    reason: str = ""

    def of_cdn(self, state: str, reason: str = "") -> Receipt:
        """Return the same with what the CDN came to."""
        return replace(self, layers={**self.layers, "cdn": state}, reason=reason)


def written_receipt(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as it stands in the log."""
    target = receipt.target
    return {
        "key": None if target is None else target.key,
        "prefix": None if target is None else target.prefix,
        "leaf": None if target is None else target.leaf,
        "tag": receipt.tag,
        "layers": dict(receipt.layers),
        "removed": receipt.removed,
        "started": receipt.started,
        "reason": receipt.reason,
    }


def read_receipt(site: str, number: str, noted: Mapping[str, Any]) -> Receipt:
    """Return what stands in the log of the purge `number`."""
    target = None
    if noted["tag"] is None:
        target = PurgeTarget(site=site, key=noted["key"], prefix=noted["prefix"], leaf=noted["leaf"])
    return Receipt(
        number,
        target,
        noted["tag"],
        noted["layers"],
        noted["removed"],
        noted["started"],
        noted.get("reason", ""),  # a log from before reasons were noted
    )
