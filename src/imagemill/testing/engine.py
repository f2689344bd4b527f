"""An engine in one process, on Pillow: for tests of what surrounds the engine, where speed and isolation are no matter.

Separate from the real one, which needs worker processes. It keeps the port's promises about errors and limits on
pixels, and can be told to wait, so that tests can interleave a slow make with other things.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import warnings
from collections.abc import Sequence

from PIL import Image

from imagemill.engine.findings import Findings, Swatch
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts, Job, Rendered, Source
from imagemill.engine.preview import data_uri
from imagemill.engine.summaries.blurhash import blurhash
from imagemill.engine.summaries.palette import average, palette
from imagemill.engine.summaries.perceptual_hash import perceptual_hash
from imagemill.engine.summaries.pixels import Pixels as Codes
from imagemill.engine.summaries.thumbhash import thumbhash
from imagemill.errors import NotAnImage, Unprocessable
from imagemill.recipe.model import Pixels
from imagemill.recipe.vocabulary import Format

FORMATS = {"JPEG": "jpeg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}


class PillowEngine:
    """An `engine.port.Engine`; `probes`, `verifications` and `renders` count its work."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.probes = 0
        self.verifications = 0
        self.renders = 0
        self.inspections = 0
        self.gate = asyncio.Event()
        """Every verb waits for it; set at first, so that only a test which clears it sees a slow engine."""
        self.gate.set()

    async def probe(self, source: Source) -> Facts:
        """Read the header only."""
        self.probes += 1
        await self.gate.wait()
        return self._facts(self._open(source))

    async def verify(self, source: Source) -> Facts:
        """Decode every pixel once."""
        self.verifications += 1
        await self.gate.wait()
        image = self._open(source)
        facts = self._facts(image)
        try:
            image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise Unprocessable("The image is damaged.") from error
        return facts

    async def inspect(self, source: Source, facts: Facts) -> Findings:
        """Tell the facts, the colours and the hashes, and no metadata; `inspections` counts."""
        self.inspections += 1
        await self.gate.wait()
        small = self._open(source).convert("RGBA")
        small.thumbnail((100, 100))
        pixels = Codes.from_rgba(*small.size, small.tobytes())
        small.thumbnail((16, 16))
        out = io.BytesIO()
        small.save(out, "webp")
        colours = palette(pixels)
        return Findings(
            format=facts.format,
            width=facts.width,
            height=facts.height,
            pages=facts.pages,
            animated=facts.animated,
            alpha=facts.alpha,
            average=average(pixels),
            dominant=colours[0][0],
            palette=tuple(Swatch(*colour) for colour in colours),
            blurhash=blurhash(pixels),
            thumbhash=base64.b64encode(thumbhash(pixels)).decode(),
            perceptual_hash=perceptual_hash(pixels),
            preview=data_uri(out.getvalue()),
        )

    async def render_set(self, source: Source, jobs: Sequence[Job]) -> tuple[Rendered, ...]:
        """Make each by itself."""
        return tuple([await self.render(source, job) for job in jobs])

    async def render(self, source: Source, job: Job, layers: Sequence[Source] = ()) -> Rendered:
        """Make the picture fit its box; other parts of the recipe are not carried out."""
        self.renders += 1
        await self.gate.wait()
        image = self._open(source).convert("RGB")
        width, height = job.recipe.resize.width, job.recipe.resize.height
        image.thumbnail(
            (
                width.count if isinstance(width, Pixels) else image.width,
                height.count if isinstance(height, Pixels) else image.height,
            )
        )
        out = io.BytesIO()
        image.save(out, format=job.format.value if job.format is not Format.JPEG else "jpeg")
        return Rendered(
            data=out.getvalue(), width=image.width, height=image.height, pages=1, cpu_seconds=0.0, peak_bytes=0
        )

    async def close(self) -> None:
        """Nothing is held."""

    def _open(self, source: Source) -> Image.Image:
        data = os.pread(source.descriptor, source.size, 0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of bombs; the limits below answer them
                image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
        except Image.DecompressionBombError:
            raise Unprocessable("The image has too many pixels.", code="too_many_pixels") from None
        except (OSError, SyntaxError, ValueError) as error:
            raise NotAnImage("The bytes are no image in a format this installation reads.") from error
        if image.width * image.height > self._limits.pixels_streaming:
            raise Unprocessable("The image has too many pixels.", code="too_many_pixels")
        return image

    @staticmethod
    def _facts(image: Image.Image) -> Facts:
        pages = getattr(image, "n_frames", 1)
        return Facts(
            format=FORMATS[image.format or ""],
            width=image.width,
            height=image.height,
            pages=pages,
            animated=pages > 1,
            alpha="A" in image.mode,
        )
