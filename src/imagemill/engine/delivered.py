"""Which parts of a recipe this engine carries out; the rest is refused, never silently left out.

The server refuses such recipes before they get here, with better words; this is the last line, so that no caller of the
engine can get a picture that lacks something it asked for.
"""

from __future__ import annotations

from imagemill.engine.port import Job
from imagemill.errors import NotBuilt
from imagemill.recipe.model import Adjust, Recipe, SearchedQuality
from imagemill.recipe.vocabulary import Anchor, Dynamic, Format, Metadata, Profile

_WRITTEN = frozenset((Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF))


def refuse_what_is_not_built(job: Job) -> None:
    """Raise NotBuilt, naming everything in the job's recipe that this version cannot do."""
    missing = [(word, row) for word, row, asked in _beyond(job.recipe) if asked]
    if job.format not in _WRITTEN:
        missing.append((f"writing {job.format.value}", "T2"))
    if missing:
        words = ", ".join(word for word, _ in missing)
        raise NotBuilt(f"Not built yet: {words}.", row=missing[0][1])


def _beyond(recipe: Recipe) -> tuple[tuple[str, str, bool], ...]:
    """Option, row of the capability table, whether this recipe asks it."""
    output = recipe.output
    return (
        ("gravity faces", "T3", recipe.resize.gravity is Anchor.FACES),
        ("flip", "T5", recipe.flip is not None),
        ("rotate", "T5", recipe.rotate != 0),
        ("blur", "T5", recipe.blur is not None),
        ("sharpen", "T5", recipe.sharpen is not None),
        ("pixelate", "T5", recipe.pixelate is not None),
        ("colour adjustments", "T5", recipe.adjust != Adjust()),
        ("redact", "T5", recipe.redact is not None),
        ("layers", "T6", bool(recipe.layers)),
        ("searched quality", "T7", isinstance(output.quality, SearchedQuality)),
        ("max_bytes", "T7", output.max_bytes is not None),
        ("kept metadata", "T4", output.metadata is not Metadata.NONE),
        ("icc=keep", "T4", output.profile is Profile.KEEP),
        ("hdr=keep", "T4", output.dynamic is Dynamic.KEEP),
    )
