"""The verbs of the engine port, each as one request and its answer (`protocol`): alike wherever the jobs are done.

Separate from `pool` and `in_process`, which say where a job runs, how long it waits and what stops it.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import TypeVar

from imagemill.engine import protocol
from imagemill.engine.findings import Findings
from imagemill.engine.limits import Limits
from imagemill.engine.port import SET_JOBS, Facts, Job, Rendered, Source

Wanted = TypeVar("Wanted", protocol.Seen, protocol.Told, protocol.Made, protocol.MadeSet)


class Verbs(abc.ABC):
    """The verbs over `_perform`, which each home of the engine has its own way of."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    @abc.abstractmethod
    async def _perform(
        self,
        request: protocol.Request,
        sources: tuple[Source, ...],
        *,
        work: str,
        expects: type[protocol.Success],
        body_bytes: int,
    ) -> tuple[protocol.Answer, bytes]:
        """Return the answer to `request` about the first source, whose layers the others are, and its body.

        `work` is what strikes are counted by; the answer is one that it `expects`, or Failed; its body has at most
        `body_bytes`. Raises Overloaded where the job cannot be done now, Unprocessable where it broke a limit.
        """

    async def probe(self, source: Source) -> Facts:
        """Read the header only (engine.port.Engine.probe)."""
        answer, _ = await self._answer(protocol.Probe(source.size), (source,), "probe", protocol.Seen)
        return answer.facts

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once (engine.port.Engine.verify)."""
        answer, _ = await self._answer(protocol.Verify(source.size), (source,), "verify", protocol.Seen)
        return answer.facts

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Tell everything of the original (engine.port.Engine.inspect)."""
        request = protocol.Inspect(source.size, facts)
        _, body = await self._answer(request, (source,), "inspect", protocol.Told, protocol.FINDINGS_BYTES)
        return protocol.findings_of(body)

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the variant (engine.port.Engine.render)."""
        request = protocol.Render(source.size, protocol.order_of(job, [layer.size for layer in layers]))
        work = f"{request.order.recipe} {request.order.format}"
        answer, body = await self._answer(request, (source, *layers), work, protocol.Made, self._limits.result_bytes)
        return _rendered(answer, body, answer.cost.cpu_seconds, answer.cost.peak_bytes)

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make many variants with one decode (engine.port.Engine.render_set)."""
        if not 0 < len(jobs) <= SET_JOBS:
            raise ValueError(f"expected 1 to {SET_JOBS} jobs in a set, received {len(jobs)}")
        orders = [protocol.order_of(job) for job in jobs]
        work = " ".join(f"{order.recipe} {order.format}" for order in orders)
        most = min(len(jobs) * self._limits.result_bytes, protocol.SET_BYTES)
        request = protocol.RenderSet(source.size, orders)
        answer, body = await self._answer(request, (source,), work, protocol.MadeSet, most)
        cost = answer.cost
        return tuple(
            _rendered(part, data, cost.cpu_seconds / len(jobs), cost.peak_bytes)
            for part, data in zip(answer.parts, protocol.pieces(answer.parts, body), strict=True)
        )

    async def _answer(
        self,
        request: protocol.Request,
        sources: tuple[Source, ...],
        work: str,
        expects: type[Wanted],
        body_bytes: int = 0,
    ) -> tuple[Wanted, bytes]:
        answer, body = await self._perform(request, sources, work=work, expects=expects, body_bytes=body_bytes)
        if isinstance(answer, protocol.Failed):
            raise protocol.error_of(answer)
        if not isinstance(answer, expects):
            raise TypeError(f"expected {expects.__name__}, received {type(answer).__name__}")
        return answer, body


def _rendered(made: protocol.Made | protocol.Part, data: bytes, cpu_seconds: float, peak_bytes: int) -> Rendered:
    return Rendered(
        data=data,
        width=made.width,
        height=made.height,
        pages=made.pages,
        cpu_seconds=cpu_seconds,
        peak_bytes=peak_bytes,
    )
