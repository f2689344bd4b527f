"""The store in a folder behaves as the one in memory, whatever is done to it in whatever order."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from imagemill.errors import ImagemillError
from imagemill.object_store.local import LocalStore
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ALWAYS, Condition, ObjectInfo, ObjectStore, Upload
from imagemill.testing.contracts.object_store import NEW_ONLY, put, read

T = TypeVar("T")

SEGMENTS = st.sampled_from(["a", "b", "a-b", "a.jpg", "a0", "é", "x" * 256, ".Imagemill", "\U0010ffff", "B"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)
DATA = st.binary(max_size=40)
TEXTS = st.one_of(st.just(""), KEYS, KEYS.map(lambda key: key + "/"), KEYS.map(lambda key: key[:-1]))
NO_ETAG = "0" * 64


class StoreMachine(RuleBasedStateMachine):
    """Does everything to both stores and compares what they say."""

    def __init__(self) -> None:
        super().__init__()
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(dir=place))
        self.loop = asyncio.new_event_loop()
        self.local = LocalStore(self.folder / "root")
        self.model = MemoryStore()
        self.etags = [NO_ETAG]
        self.uploads: list[tuple[Upload, Upload]] = []

    def teardown(self) -> None:
        """Remove everything."""
        self.run(self.local.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one coroutine to its end."""
        return self.loop.run_until_complete(work)

    def both(self, local: Coroutine[Any, Any, T], model: Coroutine[Any, Any, T]) -> T | None:
        """Do the same to both stores; they must give equal answers or equal errors."""
        answers = [self.run(_outcome(local)), self.run(_outcome(model))]
        assert _told(answers[0]) == _told(answers[1])
        return None if isinstance(answers[0], ImagemillError) else answers[0]

    def condition(self, draw: st.DataObject) -> Condition:
        """Choose a condition, often one that holds."""
        etags = st.lists(st.sampled_from([*self.etags, "*"]), max_size=2).map(tuple)
        return draw.draw(
            st.one_of(st.just(ALWAYS), st.just(NEW_ONLY), etags.map(lambda some: Condition(if_match=some)))
        )

    @rule(key=KEYS, data=DATA, draw=st.data())
    def put(self, key: str, data: bytes, draw: st.DataObject) -> None:
        """Put, under any condition."""
        condition = self.condition(draw)
        info = self.both(put(self.local, key, data, condition), put(self.model, key, data, condition))
        if info is not None:
            self.etags.append(info.etag)

    @rule(key=KEYS, draw=st.data())
    def delete(self, key: str, draw: st.DataObject) -> None:
        """Delete, under any condition."""
        condition = self.condition(draw)
        self.both(self.local.delete(key, condition=condition), self.model.delete(key, condition=condition))

    @rule(key=KEYS)
    def read(self, key: str) -> None:
        """Read, whether it is there or not."""
        self.both(read(self.local, key), read(self.model, key))

    @rule(prefix=TEXTS, after=TEXTS, delimiter=st.sampled_from(["", "/", "a", "-", "//"]), limit=st.integers(1, 6))
    def list(self, prefix: str, after: str, delimiter: str, limit: int) -> None:
        """List a page of any kind."""
        pages = [
            self.run(store.list(prefix, delimiter=delimiter, after=after, limit=limit))
            for store in (self.local, self.model)
        ]
        told = [
            ([(info.key, info.size, info.etag) for info in page.objects], page.prefixes, page.next_after)
            for page in pages
        ]
        assert told[0] == told[1]

    @rule(data=DATA)
    def begin(self, data: bytes) -> None:
        """Leave an upload running."""
        pair = (self.run(self._begun(self.local, data)), self.run(self._begun(self.model, data)))
        self.uploads.append(pair)

    @rule(key=KEYS, draw=st.data())
    def finish(self, key: str, draw: st.DataObject) -> None:
        """Commit an upload that was left running."""
        if self.uploads:
            local, model = self.uploads.pop()
            condition = self.condition(draw)
            self.both(
                local.commit(key, content_type="a/b", condition=condition),
                model.commit(key, content_type="a/b", condition=condition),
            )

    @rule(key=KEYS, data=DATA)
    def change_by_hand(self, key: str, data: bytes) -> None:
        """Somebody rewrites a file in place; its type is then the one its name suggests."""
        path = self.folder / "root" / key
        if "x" * 256 not in key and path.is_file() and not key.startswith("."):
            path.write_bytes(data)
            os.utime(path, (1_500_000_000 + len(self.etags), 1_500_000_000 + len(self.etags)))
            info = self.run(self.local.head(key))
            assert info is not None
            self.etags.append(info.etag)
            self.model.put(key, data, info.content_type, ALWAYS, None)

    @rule()
    def crash(self) -> None:
        """The server is killed: nothing of what was running is left after a sweep, and all else is as it was."""
        left = len(self.uploads)
        for local, _ in self.uploads:
            os.close(local._descriptor)  # type: ignore[attr-defined]  # what the kernel does to a killed process
        self.uploads.clear()
        self.local = LocalStore(self.folder / "root")
        assert self.run(self.local.sweep(0)) == left

    @rule()
    def sweep(self) -> None:
        """A sweep takes nothing that anybody needs."""
        assert self.run(self.local.sweep(0)) == 0

    @invariant()
    def same_keys(self) -> None:
        """Both list the same keys with the same digests, and no folder is left empty."""
        pages = [self.run(store.list()) for store in (self.local, self.model)]
        assert [(i.key, i.etag) for i in pages[0].objects] == [(i.key, i.etag) for i in pages[1].objects]
        root = self.folder / "root"
        assert all(files or folders for path, folders, files in os.walk(root) if ".imagemill" not in path)

    @staticmethod
    async def _begun(store: ObjectStore, data: bytes) -> Upload:
        upload = await store.begin()
        await upload.write(data)
        return upload


async def _outcome(work: Coroutine[Any, Any, T]) -> T | ImagemillError:
    try:
        return await work
    except ImagemillError as error:
        return error


def _told(answer: object) -> object:
    """Return what two stores must agree on: not times, and not stamps."""
    if isinstance(answer, ImagemillError):
        return (type(answer), answer.code, answer.sentence)
    if isinstance(answer, ObjectInfo):
        return (answer.key, answer.size, answer.etag, answer.content_type, dict(answer.metadata))
    return answer


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
