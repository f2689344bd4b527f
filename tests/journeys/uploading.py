"""What the journeys of uploads share: pictures, and a ticket's beginning and end."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from tests.serving import RunningServer

MIB = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def noise(size: tuple[int, int], form: str = "PNG", **how: Any) -> bytes:
    """Return a picture that does not compress."""
    pixels = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **how)
    return out.getvalue()


SMALL = noise((200, 150), "JPEG")


def ticket(server: RunningServer, key: str, **wanted: Any) -> dict[str, Any]:
    """Return a new upload; `url` is whole."""
    with server.client() as client:
        answer = client.post("/v1/uploads", json={"key": key, **wanted})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    if told["url"].startswith("/"):
        told["url"] = server.url + told["url"]
    return told


def shown(server: RunningServer, told: dict[str, Any]) -> dict[str, Any]:
    """Return what became of an upload."""
    with server.client() as client:
        found: dict[str, Any] = client.get(f"/v1/uploads/{told['id']}").json()
    return found


def content(server: RunningServer, key: str) -> bytes | None:
    """Return an original's bytes."""
    with server.client() as client:
        answer = client.get(f"/v1/content/{key}")
    return answer.content if answer.status_code == 200 else None
