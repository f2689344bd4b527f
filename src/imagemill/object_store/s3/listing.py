"""One answer of ListObjectsV2, read. Names come percent-encoded (`encoding-type=url`), for XML cannot hold each key.

Separate from the request, and our own: obstore's listing refuses a whole page for one key that it would not write
itself (`a//b`, a control character), and has no page of keys and common prefixes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from imagemill.object_store.guard import Away


@dataclass(frozen=True, slots=True)
class ListedObject:
    """A line: the whole key in the bucket, bytes, the store's own ETag as it writes it, seconds since 1970."""

    key: str
    size: int
    tag: str
    modified: float


@dataclass(frozen=True, slots=True)
class ListedPage:
    """A page as the store gave it; `more` says that there are further ones."""

    objects: tuple[ListedObject, ...]
    prefixes: tuple[str, ...]
    more: bool


def read_page(body: bytes) -> ListedPage:
    """Return what a ListBucketResult says; raises Away for anything else, such as half an answer."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - the store's own word; expat bounds entities since 2.4.1
        if _name(root) != "ListBucketResult":
            raise ValueError(root.tag)
        encoded = _text(root, "EncodingType") == "url"
        lines = [_line(one, encoded=encoded) for one in root if _name(one) == "Contents"]
        prefixes = [_key(one, "Prefix", encoded=encoded) for one in root if _name(one) == "CommonPrefixes"]
    except (ElementTree.ParseError, ValueError) as error:
        raise Away("a listing that cannot be read") from error
    return ListedPage(tuple(lines), tuple(prefixes), _text(root, "IsTruncated") == "true")


def _line(one: ElementTree.Element, *, encoded: bool) -> ListedObject:
    modified = datetime.fromisoformat(_text(one, "LastModified")).timestamp()
    return ListedObject(_key(one, "Key", encoded=encoded), int(_text(one, "Size")), _text(one, "ETag"), modified)


def _key(one: ElementTree.Element, name: str, *, encoded: bool) -> str:
    text = _text(one, name)
    return unquote_plus(text, errors="surrogateescape") if encoded else text


def _text(one: ElementTree.Element, name: str) -> str:
    return next((child.text or "" for child in one if _name(child) == name), "")


def _name(one: ElementTree.Element) -> str:
    """Return a tag without its namespace, which not every server writes."""
    return one.tag.rpartition("}")[2]
