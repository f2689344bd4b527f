from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.control.control_kit import Control, assert_problem

from imagemill.delivery import preset_book
from imagemill.delivery.preset_book import KEY, PresetBook
from imagemill.errors import InvalidRequest, PreconditionFailed
from imagemill.object_store.local import LocalStore
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import ALWAYS, Condition, ObjectStore

WRITTEN = {"hero": "w=1600,ar=16:9", "wide": "ar=2:1"}


def book(store: ObjectStore, written: dict[str, str] | None = None) -> PresetBook:
    """Return a book over `store`."""
    return PresetBook(written or {}, store, side=8192, pixels=16_000_000, clock=lambda: 1_700_000_000.9)


def test_create_read_replace_remove() -> None:
    """A preset goes through its life with the statuses, ETags and fields of the contract."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            assert (await client.get("/v1/presets")).json() == {"items": [], "next_cursor": None}
            assert_problem(await client.get("/v1/presets/card"), 404, "no_such_preset")
            made = await client.put("/v1/presets/card", json={"options": "width=300,bri=0,q=60"})
            assert made.status_code == 201
            assert made.headers["location"] == "/v1/presets/card"
            told = made.json()
            assert (told["name"], told["options"], told["canonical"]) == ("card", "width=300,bri=0,q=60", "w=300,q=60")
            assert told["managed_by"] == "api"
            assert told["modified"].endswith("Z")
            assert made.headers["etag"] == f'"{told["etag"]}"'
            again = await client.get("/v1/presets/card")
            assert again.json() == told
            same = await client.get("/v1/presets/card", headers={"if-none-match": made.headers["etag"]})
            assert (same.status_code, same.content) == (304, b"")
            head = await client.head("/v1/presets/card")
            assert (head.status_code, head.headers["etag"], head.content) == (200, made.headers["etag"], b"")
            assert (await client.head("/v1/presets")).status_code == 200
            unchanged = await client.put("/v1/presets/card", json={"options": "width=300,bri=0,q=60"})
            assert (unchanged.status_code, unchanged.json()) == (200, told)
            other = await client.put("/v1/presets/card", json={"options": "w=5"})
            assert other.status_code == 200
            assert other.headers["etag"] != made.headers["etag"]
            assert [item["options"] for item in (await client.get("/v1/presets")).json()["items"]] == ["w=5"]
            gone = await client.delete("/v1/presets/card")
            assert (gone.status_code, gone.content) == (204, b"")
            assert_problem(await client.delete("/v1/presets/card"), 404, "no_such_preset")

    asyncio.run(run())


def test_conditions_are_held() -> None:
    """If-Match and If-None-Match decide as RFC 9110 says; what fails changes nothing."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            url = "/v1/presets/card"
            first = await client.put(url, json={"options": "w=1"}, headers={"if-none-match": "*"})
            assert first.status_code == 201
            tag = first.headers["etag"]
            twice = await client.put(url, json={"options": "w=2"}, headers={"if-none-match": "*"})
            assert_problem(twice, 412, "precondition_failed")
            stale = await client.put(url, json={"options": "w=2"}, headers={"if-match": '"other"'})
            assert_problem(stale, 412, "precondition_failed")
            missing = await client.put("/v1/presets/none", json={"options": "w=2"}, headers={"if-match": "*"})
            assert_problem(missing, 412, "precondition_failed")
            assert (await client.get(url)).json()["options"] == "w=1"
            good = await client.put(url, json={"options": "w=2"}, headers={"if-match": tag})
            assert good.status_code == 200
            assert_problem(await client.delete(url, headers={"if-match": tag}), 412, "precondition_failed")
            assert (await client.delete(url, headers={"if-match": good.headers["etag"]})).status_code == 204

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("card", {"options": "w=0"}, "bad_preset"),
        ("card", {"options": ""}, "bad_preset"),
        ("card", {"options": "w=" + "1" * 2048}, "bad_preset"),
        ("card", {"options": "p=hero"}, "bad_preset"),
        ("card", {"options": "9000x9000"}, "bad_preset"),
        ("c%20d", {"options": "w=1"}, "bad_preset"),
        ("x" * 65, {"options": "w=1"}, "bad_preset"),
        ("card", {"options": "w=1", "name": "card"}, "invalid_body"),
        ("card", {"options": 5}, "invalid_body"),
        ("card", {}, "invalid_body"),
    ],
)
def test_a_wrong_preset_is_refused(name: str, body: dict[str, object], code: str) -> None:
    """400 in words, unknown fields included, and nothing is kept."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            problem = assert_problem(await client.put(f"/v1/presets/{name}", json=body), 400, code)
            assert len(problem["detail"]) > 20
            assert (await client.get("/v1/presets")).json()["items"] == []

    asyncio.run(run())


def test_presets_of_the_settings_are_read_only() -> None:
    """They are listed beside the others and answer 409 to every change."""

    async def run() -> None:
        control = Control(written=WRITTEN)
        async with control.client() as client:
            assert (await client.put("/v1/presets/a", json={"options": "w=1"})).status_code == 201
            items = (await client.get("/v1/presets")).json()["items"]
            assert [(item["name"], item["managed_by"]) for item in items] == [
                ("a", "api"),
                ("hero", "file"),
                ("wide", "file"),
            ]
            assert [item["canonical"] for item in items] == ["w=1", "w=1600,h=900", None]
            assert items[1]["modified"] is None
            put = await client.put("/v1/presets/hero", json={"options": "w=1"})
            assert_problem(put, 409, "managed_by_file")
            assert_problem(await client.delete("/v1/presets/hero"), 409, "managed_by_file")
            assert (await client.get("/v1/presets/hero")).json()["options"] == "w=1600,ar=16:9"

    asyncio.run(run())


def test_the_wrong_method_names_the_right_ones() -> None:
    """405 with Allow, and no key no answer."""

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            answer = await client.post("/v1/presets/card", json={})
            assert_problem(answer, 405)
            assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"
        async with control.client(key=None) as stranger:
            assert_problem(await stranger.get("/v1/presets"), 401)

    asyncio.run(run())


def test_there_are_never_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """409 at the bound; replacing and removing still work."""
    monkeypatch.setattr(preset_book, "MAX_PRESETS", 2)

    async def run() -> None:
        control = Control()
        async with control.client() as client:
            for name in ("a", "b"):
                assert (await client.put(f"/v1/presets/{name}", json={"options": "w=1"})).status_code == 201
            full = await client.put("/v1/presets/c", json={"options": "w=1"})
            assert_problem(full, 409, "too_many_presets")
            assert (await client.put("/v1/presets/a", json={"options": "w=2"})).status_code == 200
            assert (await client.delete("/v1/presets/a")).status_code == 204
            assert (await client.put("/v1/presets/c", json={"options": "w=1"})).status_code == 201

    asyncio.run(run())


# --- the book ------------------------------------------------------------------------------------------------------


def test_presets_survive_a_restart(tmp_path: Path) -> None:
    """What was acknowledged lies in one document on the disk, and another process reads the same."""

    async def run() -> None:
        store = LocalStore(tmp_path, tmp_path / "site", threads=1)
        first = book(store)
        await first.load()
        await first.put("card", "w=300", ALWAYS)
        await first.put("gone", "w=1", ALWAYS)
        await first.delete("gone", ALWAYS)
        await store.close()
        again = LocalStore(tmp_path, tmp_path / "site", threads=1)
        second = book(again)
        assert second.current == {}
        await second.load()
        assert second.current == first.current
        assert second.get("card").modified == 1_700_000_000
        await again.close()
        assert (tmp_path / KEY).is_file()

    asyncio.run(run())


def test_every_change_is_told_once_it_is_in_force() -> None:
    """Whoever remembers what URLs mean hears of each new snapshot, and of nothing that failed."""

    async def run() -> None:
        one = book(MemoryStore())
        seen: list[dict[str, str]] = []
        one.on_change(lambda: seen.append({name: preset.options for name, preset in one.current.items()}))
        await one.put("card", "w=1", ALWAYS)
        await one.put("card", "w=1", ALWAYS)
        with pytest.raises(PreconditionFailed):
            await one.put("card", "w=3", Condition(if_none_match=True))
        await one.put("card", "w=2", ALWAYS)
        await one.delete("card", ALWAYS)
        assert seen == [{"card": "w=1"}, {"card": "w=2"}, {}]

    asyncio.run(run())


def test_a_snapshot_never_changes() -> None:
    """A request that began with the old presets ends with them."""

    async def run() -> None:
        one = book(MemoryStore(), WRITTEN)
        before = one.current
        await one.put("card", "w=1", ALWAYS)
        assert "card" not in before
        assert "card" in one.current

    asyncio.run(run())


def test_two_writers_lose_nothing_of_each_other() -> None:
    """The document is written with If-Match: who comes second reads what the first wrote, and holds its conditions."""

    async def run() -> None:
        store = MemoryStore()
        first, second = book(store), book(store)
        await asyncio.gather(
            *(one.put(f"{name}{n}", "w=1", ALWAYS) for n in range(5) for name, one in (("a", first), ("b", second)))
        )
        await first.load()
        await second.load()
        assert first.current.keys() == second.current.keys() == {f"{name}{n}" for name in "ab" for n in range(5)}
        await first.put("card", "w=1", ALWAYS)
        with pytest.raises(PreconditionFailed):
            await second.put("card", "w=2", Condition(if_none_match=True))
        assert second.get("card").options == "w=1"

    asyncio.run(run())


async def lay(store: MemoryStore, data: bytes) -> None:
    """Put a document into the store behind the book's back."""
    upload = await store.begin()
    await upload.write(data)
    await upload.commit(KEY, content_type="application/json")


def test_what_this_version_cannot_read_is_kept() -> None:
    """A preset of a later version is unknown to URLs and comes to no harm when another is changed."""

    async def run() -> None:
        store = MemoryStore()
        await lay(store, b'{"presets": {"new": {"options": "hologram=1", "modified": 5}}}')
        one = book(store)
        await one.load()
        assert one.unreadable == ("new",)
        assert one.current == {}
        await one.put("card", "w=1", ALWAYS)
        later = book(store)
        await later.load()
        assert later.unreadable == ("new",)
        assert later.current.keys() == {"card"}

    asyncio.run(run())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"presets": []}', b'{"presets": {"a": "w=1"}}', b"\xff"])
def test_a_damaged_document_stops_the_start(data: bytes) -> None:
    """Serving without the presets would break every page that names one; the sentence says what to do."""

    async def run() -> None:
        store = MemoryStore()
        await lay(store, data)
        with pytest.raises(InvalidRequest) as refusal:
            await book(store).load()
        assert refusal.value.code == "bad_presets_document"
        assert "put back a good copy" in refusal.value.sentence

    asyncio.run(run())


def test_a_preset_of_the_settings_hides_one_of_the_api() -> None:
    """The settings win, and the other is there again when they no longer name it."""

    async def run() -> None:
        store = MemoryStore()
        await book(store).put("hero", "w=1", ALWAYS)
        with_file = book(store, WRITTEN)
        await with_file.load()
        assert with_file.get("hero").managed_by == "file"
        without = book(store)
        await without.load()
        assert without.get("hero").options == "w=1"

    asyncio.run(run())
