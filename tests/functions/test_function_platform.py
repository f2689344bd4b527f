"""The platform of a function between two invocations, over a folder: what it notices, and what it has finished."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from imagemill import demo
from imagemill.assembly.functions import DATA, SITE, FunctionPlatform, build
from imagemill.data_folder import DataFolder, open_data_folder
from imagemill.delivery.preset_book import PresetBook
from imagemill.functions import admin_secret
from imagemill.functions.warm import Warm
from imagemill.object_store.port import ALWAYS
from imagemill.settings import Settings
from imagemill.settings.source import variable_of

PHOTO = next(Path(demo.__file__).with_name("photos").glob("*.jpg"))
Story = Callable[[FunctionPlatform, "Clock"], Awaitable[None]]


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with one picture."""
    held = open_data_folder(tmp_path / "data")
    shutil.copy(PHOTO, held.path / "a.jpg")
    return held


def tell(folder: DataFolder, story: Story) -> None:
    """Run `story` with a started platform."""

    async def whole() -> None:
        clock = Clock()
        settings = Settings.load(environ={"IMAGEMILL_DATA__DIR": str(folder.path)})
        platform = FunctionPlatform(settings, folder, clock=clock)
        await platform.start()
        try:
            await story(platform, clock)
        finally:
            await platform.close()

    asyncio.run(whole())


async def ask(platform: FunctionPlatform, path: str, waits: asyncio.Event | None = None) -> int:
    """Return the status of a GET; `waits` is set when the application looks whether its client is still there."""
    statuses: list[int] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("192.0.2.1", 1),
        "http_version": "1.1",
        "scheme": "http",
    }

    given: list[bool] = []

    async def receive() -> dict[str, object]:
        if given:
            if waits is not None:
                waits.set()
            await asyncio.Event().wait()  # as a server does while the client is there
        given.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    await platform.app(scope, receive, send)  # type: ignore[arg-type]  # a test's messages are plain dictionaries
    return statuses[0]


def test_a_variant_is_kept_when_its_answer_goes_out(folder: DataFolder) -> None:
    """Nothing runs behind the answer: what was made is in the store, and no task is left."""

    async def story(platform: FunctionPlatform, _: Clock) -> None:
        before = asyncio.all_tasks()
        assert await ask(platform, "/img/w=64,fm=webp/a.jpg") == 200
        kept = await platform.variants.list(SITE, "a.jpg")
        assert [info.name.leaf for info in kept] == ["w=64.webp"]
        assert await platform.settled()
        assert asyncio.all_tasks() == before

    tell(folder, story)


def test_an_answer_that_is_given_up_leaves_nothing_behind(folder: DataFolder) -> None:
    """The time of an invocation may end while a picture waits to be made: nobody waits for it, or for its client."""

    async def story(platform: FunctionPlatform, _: Clock) -> None:
        before = asyncio.all_tasks()
        async with AsyncExitStack() as held:
            for _busy in range(platform.engine.size + 1):
                await held.enter_async_context(platform.slots.slot("somebody", 0.001))
            waits = asyncio.Event()
            asked = asyncio.ensure_future(ask(platform, "/img/w=64,fm=webp/a.jpg", waits))
            await asyncio.wait_for(waits.wait(), 60)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
        assert await platform.settled()
        await asyncio.sleep(0)  # what was cancelled ends in the next turn of the loop
        assert asyncio.all_tasks() == before
        assert await platform.variants.list(SITE, "a.jpg") == ()

    tell(folder, story)


def test_nothing_is_answered_from_memory(folder: DataFolder) -> None:
    """A variant that the store lost, by a rule of the bucket say, is made and kept again."""

    async def story(platform: FunctionPlatform, _: Clock) -> None:
        for _time in range(2):
            assert await ask(platform, "/img/w=64,fm=webp/a.jpg") == 200
            assert await platform.variants.purge(SITE, key="a.jpg") == 1

    tell(folder, story)


def test_documents_of_others_are_seen_when_the_last_look_is_a_second_old(folder: DataFolder) -> None:
    """A preset that another function has made counts after a second of the wall clock, however long was slept."""

    async def story(platform: FunctionPlatform, clock: Clock) -> None:
        other = PresetBook({}, platform.documents, side=8192, pixels=16_000_000)
        await other.load()
        await other.put("small", "w=64", ALWAYS)
        clock.now += 0.5
        await platform.awake()
        assert "small" not in platform.presets.current
        clock.now += 600
        await platform.awake()
        assert "small" in platform.presets.current
        await other.delete("small", ALWAYS)
        clock.now -= 3600  # the machine was put on another host, whose clock is right
        await platform.awake()
        assert "small" not in platform.presets.current

    tell(folder, story)


def test_no_admin_key_is_made_unless_somebody_asks_for_it(folder: DataFolder) -> None:
    """The maker has no control API, so it has no key to lose."""

    async def story(platform: FunctionPlatform, _: Clock) -> None:
        assert await ask(platform, "/img/w=64,fm=webp/a.jpg") == 200
        assert not folder.admin_key.exists()
        assert await ask(platform, "/v1/originals") == 401
        assert folder.admin_key.exists()

    tell(folder, story)


@pytest.mark.parametrize(("said", "bytes_"), [("1769", 1769 * 2**20), ("", None), ("many", None)])
def test_the_memory_of_the_function_is_what_its_runtime_says(
    monkeypatch: pytest.MonkeyPatch, folder: DataFolder, said: str, bytes_: int | None
) -> None:
    """In megabytes, by a variable; elsewhere nobody says."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", said)

    async def story(platform: FunctionPlatform, _: Clock) -> None:
        assert platform.engine.machine_bytes == bytes_

    tell(folder, story)


def test_a_process_whose_engine_is_poisoned_ends_after_a_failure_too(
    monkeypatch: pytest.MonkeyPatch, folder: DataFolder
) -> None:
    """Whatever became of the invocation: the job that nobody could stop still runs, so no other one may come here."""
    client = SimpleNamespace(wait_next_invocation=None)
    monkeypatch.setitem(sys.modules, "awslambdaric.lambda_runtime_client", SimpleNamespace(LambdaRuntimeClient=client))
    settings = Settings.load(environ={variable_of("data.dir"): str(folder.path)})
    warm = Warm(lambda: build(settings, folder))

    async def work(platform: FunctionPlatform) -> NoReturn:
        platform.engine.poisoned = True
        raise LookupError("the store is away")

    with pytest.raises(LookupError):
        warm.run(work)
    assert client.wait_next_invocation is not None
    warm.close()


def test_the_admin_keys_variables_are_those_of_the_settings() -> None:
    """They are written out where the authorizer reads them, which must not load the settings."""
    assert variable_of("admin.key_file") == admin_secret.KEY_FILE
    assert variable_of("data.dir") == admin_secret.DATA_FOLDER
    assert str(DATA) == admin_secret.FOLDER
