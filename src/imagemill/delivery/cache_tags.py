"""The names by which a CDN can purge: `Cache-Tag` (contract, "Response headers").

    default/photos/2024/cat.jpg      the original: site and key
    default/photos/2024/             each folder it is in, nearest first
    default/photos/
    default/                         the site
    tag:summer                       its own tags, where a CDN is configured

Text rather than digests, so that a person can purge a folder in the CDN's own console, and a web server can write the
header of a file it serves without us. Keys are a stranger's: all but unreserved characters and "/" are percent-encoded
(RFC 3986 section 2.3), so a tag holds no comma, space or control character; one too long for any CDN is a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from imagemill.originals.values import Original

MAX_TAG = 200
"""Characters; Fastly takes 1 024 a key and 16 384 in all, Cloudflare 1 024, CloudFront 256."""
MAX_FOLDERS = 8
"""Folders named by one answer, the widest ones: what lies deeper is purged by the eighth folder above it."""


def tag_of(site: str, name: str) -> str:
    """Return the tag of an original's key, or of a folder (`name` ends in "/", or is empty for the whole site)."""
    text = f"{site}/{quote(name, safe='/')}"
    if len(text) <= MAX_TAG:
        return text
    end = "/" if name.endswith("/") else ""
    return f"{site}/~{hashlib.sha256(name.encode()).hexdigest()[:32]}{end}"


def tag_of_word(word: str) -> str:
    """Return the tag of one of the original's own tags."""
    text = f"tag:{quote(word, safe='')}"
    return text if len(text) <= MAX_TAG else f"tag:~{hashlib.sha256(word.encode()).hexdigest()[:32]}"


def cache_tags(site: str, key: str) -> list[str]:
    """Return the tags of an original by its key: its own, its folders' from the nearest, the site's."""
    return [tag_of(site, name) for name in (key, *reversed(folders_of(key)), "")]


def folders_of(key: str) -> list[str]:
    """Return the folders of a key or prefix that answers name, widest first; each ends in "/"."""
    parts = key.split("/")[:-1][:MAX_FOLDERS]
    return ["/".join(parts[:end]) + "/" for end in range(1, len(parts) + 1)]


def tag_that_covers(site: str, prefix: str) -> str:
    """Return the narrowest tag that every original below `prefix` has; it may be wider than the prefix."""
    return tag_of(site, (folders_of(prefix) or [""])[-1])


@dataclass(frozen=True, slots=True)
class Tagging:
    """How answers name what they show, for whoever stands in front.

    `name` is the header; `separator` stands between tags. With `words` the originals' own tags are named too: only
    where a CDN is configured that can purge by them, because a web server that serves our files cannot know them.
    `lifetime` is the header that tells such a CDN alone to keep what the public may see for longer (RFC 9213), since
    it is told when that changes. `most` is how many tags of an answer the CDN counts, where that may be too few.
    """

    name: bytes = b"cache-tag"
    separator: str = ","
    words: bool = False
    lifetime: tuple[bytes, bytes] | None = None
    most: int | None = None

    def header(self, original: Original, layers: Iterable[Original] = ()) -> tuple[bytes, bytes]:
        """Return the header of an answer that shows `original` with the originals of its `layers`.

        Words come last: where not all fit, what has changed is still found.
        """
        tags = cache_tags(original.site, original.key)
        tags += [tag_of(layer.site, layer.key) for layer in layers]
        tags += [tag_of_word(word) for word in original.description.tags] if self.words else []
        return self.name, self.separator.join(dict.fromkeys(tags)).encode()

    def counted(self, value: bytes) -> bool:
        """Whether the CDN counts every tag of `value`, which `header` wrote: else a purge may miss the answer."""
        return self.most is None or value.count(self.separator.encode()) < self.most


PLAIN = Tagging()
