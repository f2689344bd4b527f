"""An object open for reading, for every store that has its bytes as a descriptor; see `port.OpenObject`."""

from __future__ import annotations

import os

from imagemill.object_store.port import ObjectInfo


class Opened:
    """What an object is and a descriptor of its bytes, which is closed with it."""

    def __init__(self, info: ObjectInfo, descriptor: int) -> None:
        """Take over `descriptor`."""
        self._info = info
        self._descriptor = descriptor

    @property
    def info(self) -> ObjectInfo:
        """What it is."""
        return self._info

    def fileno(self) -> int:
        """Return the descriptor, for reading only."""
        if self._descriptor < 0:
            raise ValueError("the object is closed")
        return self._descriptor

    def close(self) -> None:
        """Release the descriptor; safe to call twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
