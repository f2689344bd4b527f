"""Resources of the contract that this version does not carry out: 501 that names the row, never a puzzling 404."""

from __future__ import annotations

from imagemill.errors import NotBuilt

ROWS = {
    "versions": "O4",
    "restores": "O4",
    "sites": "E4",
    "rules": "E8",
    "api-keys": "G3",
    "plans": "G4",
    "policies": "O7",
    "usage": "G4",
    "batches": "T12",
    "jobs": "T12",
    "audit": "G7",
    "canaries": "G6",
    "events": "G2",
}
"""The first segment after `/v1/` and the row of the capability table that will answer it."""


def check_built(path: bytes) -> None:
    """Raise NotBuilt for a `path` (raw) below a resource that is still to come."""
    name = path.removeprefix(b"/v1/").split(b"/", 1)[0].decode("ascii", "replace")
    if path.startswith(b"/v1/") and name in ROWS:
        raise NotBuilt(f"/v1/{name} is not in this version (row {ROWS[name]} of the capability table).", row=ROWS[name])
