"""What a shell is told at the end (contract, "Commands"); the one place where an error becomes a number."""

from __future__ import annotations

from imagemill.errors import ImagemillError
from imagemill.settings import SettingsError

DONE = 0
FAILED = 1
USAGE = 2
PARTLY = 3
INTERRUPTED = 130


class UsageError(ImagemillError):
    """The command line is wrong in a way that only the command itself can see."""

    code = "usage"


def exit_code_of(error: ImagemillError) -> int:
    """Return 2 where the words on the command line are wrong, else 1."""
    wrong_words = isinstance(error, UsageError) or (isinstance(error, SettingsError) and error.usage)
    return USAGE if wrong_words else FAILED


def exit_code_of_many(done: int, failed: int) -> int:
    """Return 0 when nothing failed, 1 when nothing was done, 3 when some of each."""
    if not failed:
        return DONE
    return PARTLY if done else FAILED
