"""What a server in front says by itself, in the form of our own errors (RFC 9457): nothing here, origin away."""

from __future__ import annotations

import json

NOTHING = (404, "Not Found", "not_found", "There is nothing at this address.")
METHOD = (405, "Method Not Allowed", "method_not_allowed", "The method is not for this address; GET and HEAD are.")
AWAY = (503, "Service Unavailable", "origin_away", "The image server cannot be reached; ask again.")


def body(answer: tuple[int, str, str, str], request_id: str) -> str:
    """Return the JSON of an answer; `request_id` is the server's variable for it. The status stands last."""
    status, title, code, detail = answer
    return json.dumps(
        {
            "type": "about:blank",
            "title": title,
            "detail": detail,
            "code": code,
            "request_id": request_id,
            "status": status,
        }
    )


def nothing_kept(seconds: int) -> str:
    """Return the Cache-Control of a 404, which `delivery.not_found_max_age` says: the same as Imagemill's own."""
    return f"public, max-age={seconds}" if seconds else "no-store"
