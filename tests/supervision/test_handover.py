"""What a serving process is given by a supervisor of an older or newer program."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

from imagemill.originals.settings import SourceSettings
from imagemill.settings import Settings
from imagemill.supervision.handover import packed, unpacked


def settings() -> Settings:
    """Return settings that are not the defaults."""
    plain = Settings(data=Path("/somewhere"), presets={"thumb": "w=100"}, sources={"server.port": "flag"})
    return replace(
        plain,
        server=replace(plain.server, port=9001, trusted_proxies=("10.0.0.1",)),
        attached={"press": SourceSettings(hosts=("images.example.com",), seconds=3.0)},
    )


def test_what_is_handed_over_arrives() -> None:
    """All of it, the node's cores too."""
    assert unpacked(packed(settings(), 7)) == (settings(), 7)
    assert unpacked(packed(settings(), 7))[0].sources == {"server.port": "flag"}


def test_a_program_with_other_settings_understands_what_it_is_given() -> None:
    """A rolling restart to a newer program: what the supervisor does not know has its default, nothing is mistaken."""
    named, cores = pickle.loads(packed(settings(), 2))  # noqa: S301 - written a moment ago
    del named["server"]["drain_seconds"], named["freshness"]
    named["attached"]["press"].pop("idle_seconds")
    named["server"] = {"of_old": 1, **named["server"]}
    named["nothing_like_it"] = {"x": 1}
    found, _ = unpacked(pickle.dumps((named, cores)))
    assert found == settings()
