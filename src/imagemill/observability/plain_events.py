"""Events as JSON lines on standard error with nothing but the standard library: the same fields that structlog writes.

Separate from `logging`, which chooses: where a cold start waits for every import (functions in the cloud), this is
enough.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class PlainEvents:
    """A logger of events, with the methods of structlog's that we use."""

    def __init__(self, level: int) -> None:
        """Events below `level` (numbers of the standard library's `logging`) are dropped."""
        self._level = level

    def debug(self, event: str, **fields: object) -> None:
        """What only somebody looking for a fault wants to know."""
        self.write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What happened."""
        self.write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What somebody should look at."""
        self.write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What went wrong."""
        self.write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """What went wrong, with the exception that is being handled."""
        self.write(logging.ERROR, event, {**fields, "exception": traceback.format_exc()})

    def write(self, level: int, event: str, fields: dict[str, object]) -> None:
        """Write one line, unless it is below the level; `exc_info` of an exception becomes its traceback."""
        if level < self._level:
            return
        error = fields.pop("exc_info", None)
        if isinstance(error, BaseException):
            fields = {**fields, "exception": "".join(traceback.format_exception(error))}
        elif error:
            fields = {**fields, "exception": traceback.format_exc()}
        line = {
            "event": event,
            **fields,
            "level": logging.getLevelName(level).lower(),
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        # A log line must never be what fails: what JSON cannot say is told as Python shows it.
        sys.stderr.write(json.dumps(line, default=repr) + "\n")
        sys.stderr.flush()


class PlainHandler(logging.Handler):
    """Takes what libraries log the same way out."""

    def __init__(self, events: PlainEvents) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as an event."""
        error = record.exc_info[1] if record.exc_info else None
        fields: dict[str, object] = {} if error is None else {"exc_info": error}
        self._events.write(record.levelno, record.getMessage(), {**fields, "logger": record.name})
