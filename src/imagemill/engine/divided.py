"""The engine over two classes of workers: the everyday formats in one pool, the rare ones in another.

Decoders of rare formats (SVG, HEIC, JPEG XL …) are larger, younger and attacked more, so they are loaded only into
processes of their own, which hold no other picture (architecture, "Decoders are not trusted"). Those start at the first
original that needs them: a site without one pays neither their memory nor their start. A picture with one rare layer is
made there too, as is every JPEG XL, because the encoder lives beside the decoder.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence

from imagemill.engine.findings import Findings
from imagemill.engine.frames import FILMS, frame_count
from imagemill.engine.pool import PoolStats, WorkerPool
from imagemill.engine.port import Facts, Job, Rendered, Source
from imagemill.engine.sniff import HEAD_BYTES, RARE, recognise
from imagemill.recipe.vocabulary import Format

_RARE = frozenset(RARE)

_log = logging.getLogger(__name__)


class DividedEngine:
    """`engine.port.Engine` that hands each job to the pool for its formats. To be used on one event loop.

    `size`, the number of jobs at a time that admission reckons with, is the first pool's: the second shares its cores.
    """

    def __init__(self, usual: WorkerPool, rare: Callable[[], WorkerPool]) -> None:
        """`rare` gives the second pool, not yet started; it is called when the first rare original comes."""
        self.size = usual.size
        self._usual = usual
        self._make_rare = rare
        self._rare: WorkerPool | None = None
        self._starting: asyncio.Task[WorkerPool] | None = None
        self._closing = False

    async def start(self) -> None:
        """Start the workers of everyday formats; ImagemillError `no_worker` where one cannot start."""
        await self._usual.start()

    async def probe(self, source: Source) -> Facts:
        """Read the header only (engine.port.Engine.probe)."""
        return await (await self._pool_of_bytes(source)).probe(source)

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once (engine.port.Engine.verify)."""
        return await (await self._pool_of_bytes(source)).verify(source)

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Tell everything of the original (engine.port.Engine.inspect)."""
        return await (await self._pool(rare=facts.format in _RARE)).inspect(source, facts)

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the variant (engine.port.Engine.render)."""
        return await (await self._pool(rare=_is_rare(job))).render(source, job, layers)

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make many variants with one decode (engine.port.Engine.render_set)."""
        return await (await self._pool(rare=any(map(_is_rare, jobs)))).render_set(source, jobs)

    async def close(self) -> None:
        """Stop the workers of both classes; running jobs are finished first where that is quick."""
        self._closing = True
        starting = self._starting
        if starting is not None:
            await asyncio.wait([starting])
        await asyncio.gather(*(pool.close() for pool in self._pools()))

    # What observers use

    @property
    def reads(self) -> tuple[str, ...]:
        """The formats that this installation reads, in the words of `sniff`; empty before `start`."""
        return self._usual.reads

    @property
    def revision(self) -> str:
        """The engine's revision as the workers report it; empty before `start`."""
        return self._usual.revision

    @property
    def confined(self) -> tuple[str, ...]:
        """What confines the workers on this machine, in the words of `confinement.confine`."""
        return self._usual.confined

    @property
    def busy(self) -> int:
        """Workers with a job."""
        return sum(pool.busy for pool in self._pools())

    @property
    def ready_workers(self) -> int:
        """Workers of everyday formats that have a job or could take one: without them nothing is served."""
        return self._usual.ready_workers

    def pids(self) -> list[int]:
        """The process ids of all workers."""
        return sorted(pid for pool in self._pools() for pid in pool.pids())

    def stats(self) -> PoolStats:
        """Return the counts of both classes together; `size` is the first's, as `struck` is shared."""
        all_stats = [pool.stats() for pool in self._pools()]
        return PoolStats(
            size=self.size,
            alive=sum(stats.alive for stats in all_stats),
            busy=sum(stats.busy for stats in all_stats),
            waiting=sum(stats.waiting for stats in all_stats),
            jobs=dict(sum((Counter(stats.jobs) for stats in all_stats), Counter())),
            kills=dict(sum((Counter(stats.kills) for stats in all_stats), Counter())),
            starts=sum(stats.starts for stats in all_stats),
            cpu_seconds=sum(stats.cpu_seconds for stats in all_stats),
            struck=all_stats[0].struck,
        )

    def _pools(self) -> tuple[WorkerPool, ...]:
        return (self._usual,) if self._rare is None else (self._usual, self._rare)

    async def _pool_of_bytes(self, source: Source) -> WorkerPool:
        """The pool for bytes nobody has looked at. What is not read here goes to the first, which says so in words."""
        kind = recognise(os.pread(source.descriptor, min(HEAD_BYTES, source.size), 0))
        return await self._pool(rare=kind in _RARE and kind in self.reads)

    async def _pool(self, *, rare: bool) -> WorkerPool:
        """The pool of a class; the first caller of the second starts it, and all callers wait for that."""
        if not rare or self._closing:
            return self._usual
        if self._rare is not None:
            return self._rare
        if self._starting is None:
            self._starting = asyncio.create_task(self._start_rare())
        # A caller who leaves must not take the start away from the others.
        return await asyncio.shield(self._starting)

    async def _start_rare(self) -> WorkerPool:
        """Start the second pool; where it cannot be started, the next caller tries again."""
        try:
            pool = self._make_rare()
            await pool.start()
            self._rare = pool
            _log.info("the workers of rare formats have started: %s", ", ".join(_RARE.intersection(pool.reads)))
            return pool
        finally:
            self._starting = None


def _is_rare(job: Job) -> bool:
    """Whether any decoder or encoder of a job is a rare one."""
    film = job.format in FILMS and frame_count(job.facts, job.recipe, job.format) > 1
    return film or job.format is Format.JXL or any(facts.format in _RARE for facts in (job.facts, *job.layers))
