"""What a kept variant's file must say when a CDN sends it from a bucket without asking us: as our own answer would.

Separate from `plan`, which writes the headers of one answer: a file answers the address that names its version, without
a signature and without `dl`, whoever asked for it first.
"""

from __future__ import annotations

from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.caching_headers import IMMUTABLE, findable
from imagemill.delivery.disposition import disposition
from imagemill.originals.values import Original
from imagemill.recipe.vocabulary import Format
from imagemill.variants.port import FileHeaders

MOST_TAGS = 1700
"""Bytes of tags that fit into an object: S3 takes 2 kB of metadata, names included."""
MOST_COUNTED = 50
"""Tags of one answer that CloudFront keeps; it leaves aside what comes after (Developer Guide, "What you need to know
when invalidating tags")."""


def file_headers(
    original: Original, layers: tuple[Original, ...], form: Format, tagging: Tagging = PLAIN
) -> FileHeaders:
    """Return the headers of the file of a variant of `original` with these `layers`, written as `form`."""
    tags = tagging.header(original, layers)[1].decode("ascii")
    fitting = tagging.separator.join(tags.split(tagging.separator)[:MOST_COUNTED])
    if len(fitting) > MOST_TAGS:
        fitting = fitting[: MOST_TAGS + 1].rpartition(tagging.separator)[0]
    return FileHeaders(
        cache_control=findable(IMMUTABLE, counted=fitting == tags).decode(),
        content_disposition=disposition(original.key, form.extension, None).decode("ascii"),
        cache_tag=fitting,
    )
