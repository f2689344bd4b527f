"""Where variants lie on a disk, and which names may be part of a path there.

    <root>/<site>/<key>/~/current            symbolic link to the version that is served
    <root>/<site>/<key>/~/<version>/<leaf>   a kept variant
    <root>/<site>/<key>/~/record.json        the original's record; readable by us alone
    <root>/.odd/<digest>/~/…                 the same for a key that no path can hold, with its text in key.txt
    <root>/.tmp/<process>/  <root>/.trash/   being written, being removed

A web server that maps a URL to `…/~/current/<leaf>` finds variants without us; those of an odd key it misses.
"""

from __future__ import annotations

import re

from imagemill.errors import InvalidRequest, shown
from imagemill.object_store.safe_name import MAX_SEGMENT, digest_name, path_segments
from imagemill.variants.port import VariantName

HOME = "~"
CURRENT = "current"
RECORD = "record.json"
KEY_TEXT = "key.txt"
NOT_VERSIONS = frozenset({CURRENT, RECORD, KEY_TEXT})
ODD = ".odd"
TEMPORARY = ".tmp"
TRASH = ".trash"

LONGEST_REST = 400
"""Bytes that follow a key in the longest path: `/~/`, version, leaf."""

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Paths:
    """Paths below one root, as strings. Raises InvalidRequest for a name that could be another's path."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.temporary = f"{root}/{TEMPORARY}"
        self.trash = f"{root}/{TRASH}"
        self.odd = f"{root}/{ODD}"

    def site(self, site: str) -> str:
        """Return the folder of a site."""
        return f"{self.root}/{check_site(site)}"

    def home(self, site: str, key: str) -> str:
        """Return the folder of everything we made of an original."""
        folder = self.site(site)
        if path_segments(key, len(folder.encode()) + LONGEST_REST) is None:
            return f"{self.odd}/{digest_name(f'{site}/{key}')}/{HOME}"
        return f"{folder}/{key}/{HOME}"

    def is_odd(self, home: str) -> bool:
        """Whether a home is that of a key no path can hold."""
        return home.startswith(self.odd + "/")

    def version(self, name: VariantName) -> str:
        """Return the folder of a version."""
        return f"{self.home(name.site, name.key)}/{check_version(name.version)}"

    def variant(self, name: VariantName) -> str:
        """Return the file of a variant."""
        return f"{self.version(name)}/{check_leaf(name.leaf)}"


def check_site(site: str) -> str:
    """Return `site` if it can be a folder's name beside ours."""
    if not _SITE.fullmatch(site):
        raise InvalidRequest(f"“{shown(site)}” cannot be the name of a site.", code="bad_site")
    return site


def check_version(version: str) -> str:
    """Return `version` if it can be a folder's name beside `current`."""
    if not _VERSION.fullmatch(version) or version in NOT_VERSIONS:
        raise InvalidRequest(f"“{shown(version)}” is not a version of an original.", code="bad_version")
    return version


def check_leaf(leaf: str) -> str:
    """Return `leaf` if it can be a file's name."""
    size = len(leaf.encode("utf-8", "surrogatepass"))
    if leaf in ("", ".", "..") or "/" in leaf or "\0" in leaf or size > MAX_SEGMENT:
        raise InvalidRequest(f"“{shown(leaf)}” is not the name of a variant.", code="bad_variant")
    return leaf


def check_purge(key: str | None, prefix: str | None, leaf: str | None) -> None:
    """Raise InvalidRequest unless a purge names either a key or a prefix, and no impossible variant."""
    if leaf is not None:
        check_leaf(leaf)
    if (key is None) == (prefix is None):
        raise InvalidRequest("A purge names a key or a prefix, and not both.", code="bad_purge")
