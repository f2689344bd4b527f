"""Where things lie: people's files in the root, ours apart.

    <root>/<key>                           the object, under its own name
    <apart>/uploads/                       what is being written; same file system as the root, so that rename works
    <apart>/objects/<2 hex>/<62 hex>.json  sidecars
    <apart>/odd/<64 hex>                   objects whose key no path can hold

`apart` is `<root>/.imagemill` unless it is set; in a folder mounted read-only it lies elsewhere.
"""

# ruff: noqa: PTH103, PTH116, PTH118, PTH120
# Paths here are strings: pathlib has no calls relative to an open folder, and costs more than the system call itself.

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from imagemill.errors import InvalidRequest
from imagemill.object_store.durable import sync_folder_at
from imagemill.object_store.local.sidecar import Sidecars
from imagemill.object_store.local.tree import Segments, Tree
from imagemill.object_store.safe_name import digest_name, is_ours, path_segments

ODD = "odd"
UPLOADS = "uploads"


@dataclass(frozen=True, slots=True)
class Home:
    """A place where a key's object may lie."""

    tree: Tree
    segments: Segments


class Layout:
    """The folders of one local store."""

    def __init__(self, root: Path, apart: Path) -> None:
        """Make both folders where they are missing and can be made. Raises OSError without a root to read."""
        real, ours = os.path.realpath(root), os.path.realpath(apart)
        os.makedirs(real, exist_ok=True)
        self._apart = _inside(ours, real)
        if ours == real or (_inside(real, ours) or ("",))[0] in (ODD, UPLOADS, "objects"):
            raise InvalidRequest(
                "The folder of originals and the one for Imagemill's own files are the same; they must be apart.",
                code="bad_store",
            )
        self.theirs = Tree(real, self.is_hidden)
        self.ours = Tree(ours)
        self.uploads = os.path.join(ours, UPLOADS)
        self.odd = os.path.join(ours, ODD)
        self.sidecars = Sidecars(Path(ours), Path(self.uploads))
        self.why_read_only = self._prepare()

    def homes(self, key: str) -> tuple[Home, ...]:
        """Return where `key` may lie; what is in an earlier place hides what is in a later one."""
        odd = Home(self.ours, (ODD, digest_name(key)))
        segments = path_segments(key, len(os.fsencode(self.theirs.root)))
        if segments is None or self.is_hidden(segments):
            return (odd,)
        return (Home(self.theirs, segments), odd)

    def is_hidden(self, segments: Segments) -> bool:
        """Whether a path below the root is one of our own files."""
        return is_ours(segments[0]) or (self._apart is not None and segments[: len(self._apart)] == self._apart)

    def _prepare(self) -> str | None:
        """Make our own folders durably; return why nothing can be written, None when it can."""
        root, ours = self.theirs.root, self.ours.root
        try:
            for folder in (self.uploads, self.odd):
                os.makedirs(folder, 0o700, exist_ok=True)
            self.sidecars.prepare()
            sync_folder_at(ours)
            sync_folder_at(os.path.dirname(ours))
        except OSError:
            return "the folder for Imagemill's own files cannot be written"
        if not os.access(root, os.W_OK | os.X_OK):
            return "the folder of originals cannot be written"
        if os.stat(root).st_dev != os.stat(self.uploads).st_dev:
            return "Imagemill's own files are on another disk than the originals, so nothing can be moved into place"
        return None


def _inside(path: str, folder: str) -> Segments | None:
    """Return the way from `folder` down to `path`, None when it lies elsewhere."""
    start = folder.rstrip("/") + "/"
    return tuple(path[len(start) :].split("/")) if path.startswith(start) else None
