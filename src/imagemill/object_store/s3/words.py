"""What people are told when the store refuses: public sentences without endpoint, bucket or key of AWS.

Separate from `failures`, which are for the code. For a stranger these are all "the store is away" (503); the person who
runs it finds the reason in the sentence, which readiness and `doctor` show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imagemill.errors import Conflict, ImagemillError, Overloaded, Refused, StorageFull
from imagemill.object_store.s3.failures import CLOCK, CREDENTIALS, Denied, Full, Missing, Odd, Unmet

RETRY_AFTER = 5.0


@contextmanager
def told(doing: str, *, to_read: bool = False) -> Iterator[None]:
    """Turn a refusal inside into the error that people may see; `doing` completes "The store could not …".

    Unmet and Missing of an object go through: only the caller knows what they mean.
    """
    try:
        yield
    except (Denied, Full, Odd) as error:
        raise public(error, doing, to_read=to_read) from error
    except Missing as error:
        if error.bucket:
            raise _unavailable(doing, "there is no such bucket", code="no_such_bucket") from error
        raise


def public(error: Exception, doing: str, *, to_read: bool = False) -> ImagemillError:
    """Return the error for a refusal that no repeating mends."""
    if isinstance(error, Full):
        return StorageFull(f"The store could not {doing}: it has no room left.")
    if isinstance(error, Denied):
        return _denied(error.code, doing, to_read=to_read)
    if isinstance(error, Odd) and error.status == 409:
        return Conflict(f"The store could not {doing}: its other keys leave no room for this one.", code="key_conflict")
    if isinstance(error, Odd) and error.code in ("PermanentRedirect", "AuthorizationHeaderMalformed"):
        return _unavailable(doing, "the bucket is in another region; set s3.region, or ?region= in its URL")
    if isinstance(error, Odd):
        return _unavailable(doing, f"it answered {error.status}")
    assert not isinstance(error, Unmet)
    return _unavailable(doing, "it failed")


def _denied(code: str, doing: str, *, to_read: bool) -> ImagemillError:
    if code in CLOCK:
        return _unavailable(doing, "its clock and ours are too far apart", code="store_denied")
    if code in CREDENTIALS:
        return _unavailable(doing, "it does not accept our credentials", code="store_denied")
    if code == "NoCredentials":
        return _unavailable(doing, "we have no credentials for it", code="store_denied")
    if to_read:
        return _unavailable(doing, "we are not allowed to read it", code="store_denied")
    return Refused(f"The store could not {doing}: we are not allowed to write there.", code="read_only")


def _unavailable(doing: str, why: str, *, code: str = "store_failed") -> Overloaded:
    return Overloaded(f"The store could not {doing}: {why}.", code=code, retry_after=RETRY_AFTER)
