"""Events without a library: one JSON line each, whatever is in them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from imagemill.observability.plain_events import PlainEvents, PlainHandler


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written on standard error."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_a_line_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """The fields that structlog writes: event, level, time, and what was said; what JSON has no word for as text."""
    PlainEvents(logging.INFO).warning("purge.failed", key="a\nb", tags={"x"})
    (line,) = lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {"event": "purge.failed", "key": "a\nb", "tags": "{'x'}", "level": "warning"}


def test_what_is_below_the_level_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """Each method has its own level."""
    events = PlainEvents(logging.WARNING)
    for method in ("debug", "info", "warning", "error"):
        getattr(events, method)("it")
    assert [line["level"] for line in lines(capsys)] == ["warning", "error"]


def test_an_exception_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """As the one being handled, or as one that is given."""
    events = PlainEvents(logging.INFO)
    try:
        raise KeyError("x")
    except KeyError as error:
        events.exception("here")
        events.error("there", exc_info=True)
        given = error
    events.error("later", exc_info=given)
    assert all("KeyError: 'x'" in line["exception"] for line in lines(capsys))


def test_libraries_take_the_same_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A record of the standard library's logging is such a line, with the name of who said it."""
    record = logging.LogRecord("a.library", logging.ERROR, "f", 1, "went %s", ("wrong",), None)
    PlainHandler(PlainEvents(logging.INFO)).emit(record)
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("went wrong", "a.library", "error")


def test_plain_events_are_configured_for_the_process() -> None:
    """Ours and the libraries' come as lines; an HTTP client's own words, which have URLs, do not; no structlog."""
    script = """
import logging, sys
from imagemill.observability.logging import configure_plain, events
configure_plain(level="info")
events().info("ours")
logging.getLogger("some.library").info("theirs")
logging.getLogger("httpx").info("GET https://secret")
assert "structlog" not in sys.modules
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    assert [json.loads(line)["event"] for line in told.splitlines()] == ["ours", "theirs"]
