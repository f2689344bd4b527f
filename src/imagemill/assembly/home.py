"""The places where the platform lives, a server and a function in the cloud, as its parts know them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from imagemill.cdn.port import Backlog
from imagemill.engine.port import Engine
from imagemill.observability.access_log import Log
from imagemill.observability.snapshot import Totals

if TYPE_CHECKING:  # what only some homes have
    from imagemill.coordination.redis import SharedRedis

SITE = "default"
"""The one site there is until custom domains come (row E4)."""


class RunningEngine(Engine, Protocol):
    """An engine as a home starts and watches it."""

    @property
    def size(self) -> int:
        """Jobs at a time that admission reckons with."""
        ...

    @property
    def ready_workers(self) -> int:
        """How many could take a job now or have one; 0 where nothing can be made."""
        ...

    async def start(self) -> None:
        """Make it ready; raises where that cannot be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What differs between the places where the platform lives.

    `cores` is how many workers all processes of the node have; `totals` returns what they have counted. Where the home
    `freezes`, the process stands still between two requests: a variant is kept before its answer, nobody is waited for,
    nothing is counted, and times are those of the wall clock. `asks_cdn` says that the CDN is told of changes here.
    `edge_secret` is the word of a CDN that judges signatures itself; `most_body` how many bytes an answer can have.
    `backlog` takes what the CDN does not take in time; None where that is asked again here.
    `key_place` says where the admin key is kept, where that is no file of the data folder (`control.auth.AdminKey`).
    """

    engine: RunningEngine
    log: Log
    cores: int
    redis: SharedRedis | None = None
    totals: Totals | None = None
    freezes: bool = False
    asks_cdn: bool = True
    edge_secret: str = field(default="", repr=False)
    most_body: int | None = None
    key_place: str = ""
    backlog: Backlog | None = None
