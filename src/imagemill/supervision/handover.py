"""Settings on their way from the supervisor to a serving process, which may be of another version of the program.

Separate from both: a rolling restart takes the program as it is on disk now, while the supervisor goes on as it was
started. So values travel by their names. What only the new program knows has its default until the node is restarted,
what only the old one knew is left out; a whole pickled `Settings` would hand values over by their place.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from imagemill.originals.settings import SourceSettings
from imagemill.settings import Settings


def packed(settings: Settings, cores: int) -> bytes:
    """Return what a process is given: its share of the settings, and the cores of the whole node."""
    sections = _by_name(settings)
    named = {name: _by_name(value) if is_dataclass(value) else value for name, value in sections.items()}
    named["attached"] = {name: _by_name(source) for name, source in settings.attached.items()}
    return pickle.dumps((named, cores))


def unpacked(data: bytes) -> tuple[Settings, int]:
    """Return settings and cores of what `packed` wrote; only for bytes that our own parent gave us."""
    named, cores = pickle.loads(data)  # noqa: S301 - written by our parent, into memory that nobody else has
    plain = Settings()
    known: dict[str, Any] = {}
    for one in fields(Settings):
        if one.name in named:
            default, value = getattr(plain, one.name), named[one.name]
            known[one.name] = _made(type(default), value) if is_dataclass(default) else value
    known["attached"] = {name: _made(SourceSettings, source) for name, source in known["attached"].items()}
    return Settings(**known), cores


def _by_name(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}


def _made(owner: type[Any], named: Mapping[str, Any]) -> Any:
    return owner(**{one.name: named[one.name] for one in fields(owner) if one.name in named})
