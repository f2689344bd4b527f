"""Pages of a tree's keys in byte order, without walking what a page does not show.

The order of a walk is not the order of keys: `a-b` < `a.jpg` < `a/x` < `a0`, because `/` sorts after `-` and `.`. So a
folder takes its place among its siblings with the slash at its end; nothing but its own keys begins with that. Python
compares `str` by code point, which is the byte order of UTF-8.

A page begins at the folder part of its prefix and skips every folder that lies wholly before `after`. The sorted names
of large folders are remembered while their mtime stands still: paging through 100 000 files in one folder would read
it a hundred times otherwise.
"""

from __future__ import annotations

import bisect
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from imagemill.object_store.local.sidecar import mark_of, settled
from imagemill.object_store.local.tree import NOTHING_THERE, Segments, Tree
from imagemill.object_store.naming import MAX_KEY_BYTES
from imagemill.object_store.safe_name import is_ours

LARGE_FOLDER = 2_000
"""Names from which a folder is worth remembering; a smaller one is read in a millisecond."""
REMEMBERED_NAMES = 250_000
"""Names remembered in all, about 25 MB."""


@dataclass(slots=True)
class Window:
    """What a page still wants: keys with `prefix`, greater than `after`, not under `skip` (a prefix already told)."""

    prefix: str
    after: str
    skip: str = ""

    def wants(self, key: str) -> bool:
        """Whether `key` belongs on the page."""
        if key <= self.after or not key.startswith(self.prefix):
            return False
        return not (self.skip and key.startswith(self.skip))

    def may_hold(self, folder: str) -> bool:
        """Whether a wanted key may begin with `folder`, which ends in a slash."""
        if folder < self.after and not self.after.startswith(folder):
            return False
        if not folder.startswith(self.prefix) and not self.prefix.startswith(folder):
            return False
        return not (self.skip and folder.startswith(self.skip))


class Listing:
    """The keys of one tree. Blocks; safe in several threads."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._remembered: OrderedDict[Segments, tuple[str, list[str]]] = OrderedDict()
        self._guard = threading.Lock()

    def keys(self, window: Window) -> Iterator[str]:
        """Yield the keys that `window` wants, in order; `window.skip` may be moved on meanwhile.

        Links to folders, and what no key can address (names that are not UTF-8, `~`, paths over 1 024 bytes), are
        left out, and so are folders that we may not read.
        """
        base = window.prefix[: window.prefix.rfind("/") + 1]
        levels = [(base, self._beginning(base, window))]
        while levels:
            base, names = levels[-1]
            for name in names:
                path = base + name
                if name.endswith("/"):
                    if window.may_hold(path):
                        levels.append((path, self._beginning(path, window)))
                        break
                elif window.wants(path) and len(path.encode("utf-8")) <= MAX_KEY_BYTES:
                    yield path
            else:
                levels.pop()

    def _beginning(self, base: str, window: Window) -> Iterator[str]:
        """Yield the names in the folder `base` from the first that the window may want to the last."""
        names = self._names(base)
        low = ""
        for bound in (window.after, window.prefix):
            if bound.startswith(base):
                head, slash, _ = bound[len(base) :].partition("/")
                low = max(low, head + slash)
        rest = window.prefix[len(base) :]
        for index in range(bisect.bisect_left(names, low), len(names)):
            if rest and not names[index].startswith(rest):
                return
            yield names[index]

    def _names(self, base: str) -> list[str]:
        """Return the names in `base`, sorted, folders with a slash at the end; none where it is not to be read."""
        segments = tuple(base.split("/")[:-1])
        if any(segment in ("", ".", "..", "~") for segment in segments) or (segments and is_ours(segments[0])):
            return []
        if len(base.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES or "\0" in base:
            return []
        try:
            with self._tree.folder(segments, os.O_RDONLY) as folder:
                mark = mark_of(os.fstat(folder))
                with self._guard:
                    found = self._remembered.get(segments)
                if found is not None and found[0] == str(mark):
                    return found[1]
                names, lasting = self._read(folder, segments)
        except PermissionError:
            return []
        except OSError as error:
            if error.errno in NOTHING_THERE:
                return []
            raise
        if lasting and len(names) >= LARGE_FOLDER and settled(mark):
            self._remember(segments, str(mark), names)
        return names

    def _read(self, folder: int, segments: Segments) -> tuple[list[str], bool]:
        """Return the sorted names in an open folder, and whether only a change of the folder can change them."""
        names = []
        lasting = True
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name == "~" or (not segments and is_ours(name)) or not (name.isascii() or _is_utf8(name)):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not self._tree.hidden((*segments, name)):
                        names.append(name + "/")
                elif entry.is_file(follow_symlinks=False):
                    names.append(name)
                elif entry.is_symlink():
                    lasting = False
                    if self._tree.leads_to_object((*segments, name)):
                        names.append(name)
        names.sort()
        return names, lasting

    def _remember(self, segments: Segments, mark: str, names: list[str]) -> None:
        with self._guard:
            self._remembered[segments] = (mark, names)
            self._remembered.move_to_end(segments)
            while sum(len(kept) for _, kept in self._remembered.values()) > REMEMBERED_NAMES:
                self._remembered.popitem(last=False)


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
