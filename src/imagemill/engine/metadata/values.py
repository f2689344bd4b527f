"""All metadata of one picture, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagemill.engine.metadata.exif import Exif
from imagemill.engine.metadata.iptc import Iptc
from imagemill.engine.metadata.xmp import Xmp


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a picture says of itself; `texts` are comments and PNG's text chunks by their keywords."""

    exif: Exif = field(default_factory=Exif)
    iptc: Iptc = ()
    xmp: Xmp = field(default_factory=Xmp)
    texts: Mapping[str, str] = field(default_factory=dict)
