"""The validators of a variant: its entity tag and the second it says it was modified (RFC 9110 section 8.8).

A web server in front of us serves kept variants from the disk, and the only tag it can give them is made of a file's
time and size. So ours is the same text, `"<seconds in hex>-<bytes in hex>"`, and a client may ask now the one and now
the other. To be a strong validator all the same, no two pictures of one address may have the same second:

* each change of an original begins a new step of `STEP` seconds, and what is made of it says a second in that step or
  later (`Originals.modified_from`);
* within a step each format has a second of its own, so that the formats of one address differ.

Where an address can lead to other bytes without a change of its original (a preset, layers, a client's hints), no web
server finds the file by it; such an address is `undated` and has a tag of the bytes themselves.
"""

from __future__ import annotations

from imagemill.originals.changes import STEP
from imagemill.recipe.vocabulary import Format
from imagemill.variants.port import Kept

_PLACES = {form: place for place, form in enumerate(form for form in Format if form.concrete)}


def modified_in(step: int, form: Format) -> int:
    """Return the second, of those from `step` on (seconds since 1970, a multiple of `STEP`), that `form` has."""
    return step + _PLACES[form] % STEP


def entity_tag(kept: Kept, *, dated: bool) -> bytes:
    """Return the strong tag of these bytes, quoted: of time and size where the address is `dated`, else SHA-256."""
    if dated:
        return b'"%x-%x"' % (int(kept.modified), len(kept.data))
    return b'"' + kept.etag.encode() + b'"'
