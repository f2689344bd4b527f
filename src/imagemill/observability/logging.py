"""Events in words: JSON lines on standard error, or text on a terminal (structlog).

Separate from the access log: events are rare, of many shapes, and may come from any library. structlog, which with what
it brings takes 70 ms to import, is imported when it is configured or first used: a function in the cloud does without
(`configure_plain`).
"""

from __future__ import annotations

import logging
import sys
from typing import Any

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
CLIENTS = ("httpx", "httpcore")
"""HTTP clients of ours log each request below warnings with its URL, which may carry a secret."""

_plain: Any = None


def wants_text(form: str) -> bool:
    """Whether `form` ("json", "text", or "" to choose by terminal) means lines for people."""
    return form == "text" or (not form and sys.stderr.isatty())


def configure(*, form: str, level: str) -> None:
    """Send events to standard error as `form` ("json", "text", or "" to choose by terminal) from `level` up.

    Libraries and our own modules that use the standard library's `logging` take the same way out.
    """
    import structlog

    last: Any = structlog.dev.ConsoleRenderer() if wants_text(form) else structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    _quieten_clients()


def configure_plain(*, level: str) -> None:
    """Send events to standard error as JSON lines from `level` up, with nothing but the standard library."""
    global _plain
    from imagemill.observability.plain_events import PlainEvents, PlainHandler

    _plain = PlainEvents(LEVELS[level])
    root = logging.getLogger()
    root.handlers[:] = [PlainHandler(_plain)]
    root.setLevel(LEVELS[level])
    _quieten_clients()
    # libvips tells each step of a job at "info", and here a job runs in the process that logs.
    logging.getLogger("pyvips").setLevel(max(LEVELS[level], logging.WARNING))


def _quieten_clients() -> None:
    for client in CLIENTS:
        logging.getLogger(client).setLevel(logging.WARNING)


def events() -> Any:
    """Return the logger of events; use as `events().info("original.replaced", key=key)`."""
    if _plain is not None:
        return _plain
    import structlog

    return structlog.get_logger()
