"""What an inspection found out, kept in the original's record and, for those asked lately, in memory.

Separate from `changing`, because nothing here changes an original, and from the entries: findings are a few kilobytes,
so a hundred thousand of them would not be worth their memory. They belong to bytes (`etag`): other bytes under the key
have none until they are inspected again.
"""

from __future__ import annotations

from collections import OrderedDict

from imagemill.engine.findings import Findings, decode_findings, encode_findings
from imagemill.object_store.key_locks import KeyLocks
from imagemill.originals.entries import Entries
from imagemill.originals.finding import Finder
from imagemill.originals.values import Original

MAX_IN_MEMORY = 512


class KeptFindings:
    """Findings by original; safe to use from any task of one event loop."""

    def __init__(self, finder: Finder, entries: Entries, locks: KeyLocks) -> None:
        """The parts of the library that it works with."""
        self._finder = finder
        self._entries = entries
        self._locks = locks
        self._recent: OrderedDict[tuple[str, str], Findings] = OrderedDict()

    async def read(self, original: Original) -> Findings | None:
        """Return what is known of these very bytes without decoding them; None where nobody has looked."""
        name = (original.key, original.info.etag)
        findings = self._recent.get(name)
        if findings is None:
            record = await self._finder.record(*name)
            if record is None or record.findings is None:
                return None
            try:
                findings = decode_findings(record.findings)
            except ValueError:
                return None  # of another version of ours, or damaged: it can be found out again
        self._remember(name, findings)
        return findings

    async def keep(self, original: Original, findings: Findings) -> None:
        """Keep findings beside the original, where it is still the one that was looked at, and that can be written."""
        name = (original.key, original.info.etag)
        self._remember(name, findings)
        async with self._locks.hold(original.key):
            entry = self._entries.known(original.key)
            if entry is None or entry.original.info.etag != original.info.etag:
                return
            entry.placeholder = entry.placeholder or findings.preview
            await self._finder.try_to_write(entry, encode_findings(findings))

    def _remember(self, name: tuple[str, str], findings: Findings) -> None:
        self._recent[name] = findings
        self._recent.move_to_end(name)
        if len(self._recent) > MAX_IN_MEMORY:
            self._recent.popitem(last=False)
