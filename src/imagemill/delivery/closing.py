"""What was open until yesterday: prefixes that the settings have made private since the last start.

Their variants lie where a web server finds them, and in a CDN. Nobody asks us for those any more, so nobody would move
them: they are purged once, by the first process that starts with the new settings. A document of ours says which
prefixes that has been done for; one that is taken out of the settings is taken out there too, as new variants are open
from then on.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable

from imagemill.object_store.document import StoredDocument
from imagemill.object_store.port import ObjectStore

KEY = "private-prefixes.json"


class Closing:
    """Purges what has become private; used once, at the start."""

    def __init__(self, documents: ObjectStore, purge: Callable[[str], Awaitable[object]]) -> None:
        """`purge(prefix)` removes every kept variant below `prefix` from all layers."""
        self._stored = StoredDocument(documents, KEY, self._take)
        self._purge = purge
        self._done: tuple[str, ...] = ()

    async def close(self, prefixes: Iterable[str]) -> list[str]:
        """Purge those of `prefixes` that were not private before, and return them; raise what the stores raise."""
        wanted = tuple(sorted(set(prefixes)))
        await self._stored.load()
        new = [prefix for prefix in wanted if not prefix.startswith(self._done)] if self._done else list(wanted)
        for prefix in new:
            await self._purge(prefix)
        if wanted != self._done:
            await self._stored.change(lambda _: json.dumps({"prefixes": wanted}).encode())
        return new

    def _take(self, data: bytes | None) -> None:
        """A document that cannot be read says nothing: purging again costs some transcodes, and opens nothing."""
        try:
            found = () if data is None else tuple(map(str, json.loads(data)["prefixes"]))
        except (ValueError, KeyError, TypeError):
            found = ()
        self._done = found
