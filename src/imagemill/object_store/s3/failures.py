"""What a store that speaks S3 answered when it did not do it: by status and code, in our own few kinds.

Separate from the requests, so that both clients (obstore and our own) fail alike. The texts of these exceptions are for
nobody: `store` turns what is left after retries into public sentences, which name no endpoint, bucket or key of AWS.
"""

from __future__ import annotations

import re

from imagemill.object_store.guard import Away, Slow

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_TOO_SLOW = re.compile(r"kind: Timeout|TimedOut|operation timed out")
_NETWORK = re.compile(r"HTTP error|HttpError|hyper|reqwest|[Cc]onnect")
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_TRANSIENT_CODES = frozenset({"RequestTimeout", "SlowDown", "OperationAborted"})
_CONTESTED = frozenset({"", "ConditionalRequestConflict", "PreconditionFailed"})
CLOCK = frozenset({"RequestTimeTooSkewed"})
ENDED = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired"})
CREDENTIALS = ENDED | {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "XAdminUserNotFound",  # Versity's word for an unknown key, with 404
}


class Unmet(Exception):
    """The store says that the condition does not hold (412), or that somebody else writes there now (409)."""


class Missing(Exception):
    """There is no such object; `bucket` says that not even the bucket is there."""

    def __init__(self, *, bucket: bool = False) -> None:
        super().__init__("missing")
        self.bucket = bucket


class Denied(Exception):
    """The store will not do it for us; `code` is its word for why, empty where the answer had no body."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Full(Exception):
    """The store has no room left."""


class Odd(Exception):
    """An answer that repeating will not mend: a wrong region, a method that the server does not know."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


class Unreadable(Away):
    """obstore could not take in the headers of the answer (metadata that are no UTF-8, no date): another way may."""


def of_status(status: int, code: str) -> Exception:
    """Return the failure that a status and the code of its XML body mean."""
    if status in (304, 412) or (status == 409 and code in _CONTESTED):
        return Unmet()
    if status in (401, 403) or code in CREDENTIALS:
        return Denied(code)
    if status == 404:
        return Missing(bucket=code == "NoSuchBucket")
    if status in _TRANSIENT or code in _TRANSIENT_CODES:
        return Away(f"{status} {code}")
    if status == 507 or code in ("QuotaExceeded", "XMinioStorageFull"):
        return Full()
    return Odd(status, code)


def of_body(status: int, body: bytes) -> Exception:
    """Return the failure that an answer means."""
    found = _CODE.search(body[:4096].decode("utf-8", "replace"))
    return of_status(status, found[1] if found else "")


def of_obstore(error: Exception) -> Exception:
    """Return the failure behind an exception of obstore, which tells status and body only in its text."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is not None:
        return of_status(int(status[1]), code[1] if code else "")
    if _TOO_SLOW.search(text):
        return Slow("timed out")
    if _NETWORK.search(text):
        return Away("the connection failed")
    return Unreadable()
