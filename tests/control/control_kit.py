"""What tests of the control API share: the application over memory adapters, and two ways to ask it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import httpx
from tests.originals.library_kit import Kit

from imagemill.control.app import create_control
from imagemill.control.auth import AdminKey
from imagemill.delivery.access import Access
from imagemill.delivery.fills import Fills
from imagemill.delivery.inspection import Inspector
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.purge_target import PurgeTarget
from imagemill.delivery.purging import Purging
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.signed_link import Links
from imagemill.delivery.slots import Slots
from imagemill.delivery.spend import Spending
from imagemill.engine.settings import EngineSettings
from imagemill.gateway.asgi import AsgiApp
from imagemill.object_store.memory import MemoryStore
from imagemill.observability.metrics import Metrics
from imagemill.originals.notifications import Place
from imagemill.signing.key_book import KeyBook
from imagemill.signing.settings import SigningSettings
from imagemill.throttling.memory import MemoryLimiter
from imagemill.uploads.intake import Intake
from imagemill.uploads.quarantine import Quarantine
from imagemill.uploads.settings import UploadsSettings
from imagemill.uploads.tickets import Tickets

OWN_KEY = "a-key-of-ones-own-0123456789"
OPEN = Access.of(DeliverySettings(), SizesSettings())


@dataclass
class Answer:
    """An answer as it went over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@dataclass
class Control:
    """The control API of one test."""

    kit: Kit = field(default_factory=Kit)
    public_url: str = ""
    access: Access = OPEN
    body_seconds: float = 5.0
    written: Mapping[str, str] = field(default_factory=dict)
    uploads: UploadsSettings = field(default_factory=lambda: UploadsSettings(max_bytes=300_000))
    later: float = 0.0
    places: tuple[Place, ...] = ()
    purged: list[tuple[str | None, str | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "admin.key"
            path.write_text(OWN_KEY + "\n")
            path.chmod(0o600)
            self.key = AdminKey(path)
        limits = self.kit.limits
        self.presets = PresetBook(self.written, MemoryStore(), side=limits.side_result, pixels=limits.pixels_result)
        self.inspector = Inspector(
            originals=self.kit.originals,
            engine=self.kit.engine,
            slots=Slots(workers=2, queue=100, queue_seconds=8.0),
            spending=Spending(MemoryLimiter(), burst=60.0, rate=1.0),
            metrics=Metrics(),
            settings=EngineSettings(),
            limits=limits,
        )
        self.purging = Purging(
            site=self.kit.originals.site,
            variants=self.kit.variants,
            fills=Fills(),
            caches={"memory": self._note_purge},
        )
        self.signing_keys = KeyBook((), MemoryStore())
        self.app: AsgiApp = create_control(
            originals=self.kit.originals,
            variants=self.kit.variants,
            limits=self.kit.limits,
            public_url=self.public_url,
            access=self.access,
            admin_key=self.key,
            explain=self._explain,
            purging=self.purging,
            presets=self.presets,
            inspector=self.inspector,
            uploads=self.intake(),
            links=Links(self.signing_keys, SigningSettings(), self.public_url),
            body_seconds=self.body_seconds,
            places=self.places,
        )

    def intake(self) -> Intake:
        """Return what takes uploads by browsers, over a folder that goes with the test."""
        folder = Path(mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder)
        self.quarantine = Quarantine(folder / "quarantine", self.uploads.quarantine_bytes)
        self.tickets = Tickets(MemoryStore())
        self.uploading = Intake(
            self.kit.originals,
            self.tickets,
            self.quarantine,
            self.uploads,
            upload_bytes=self.kit.limits.upload_bytes,
            clock=lambda: time.time() + self.later,
        )
        return self.uploading

    async def _explain(self, url: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        return {"url": url, "headers": dict(headers)}

    async def _note_purge(self, target: PurgeTarget) -> None:
        self.purged.append((target.key, target.prefix, target.leaf))

    def client(self, *, key: str | None = OWN_KEY) -> httpx.AsyncClient:
        """Return an HTTP client that shows `key`."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://mill.test", headers=headers)

    async def raw(
        self,
        method: str,
        path: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        query: bytes = b"",
        key: str | None = OWN_KEY,
        piece: int = 65536,
        receive: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    ) -> Answer:
        """Ask with the very bytes of `path`, which an HTTP client would tidy up."""
        fields = [(name.lower().encode(), text.encode("latin-1")) for name, text in (headers or {}).items()]
        if key is not None:
            fields.append((b"authorization", f"Bearer {key}".encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "headers": fields,
            "client": ("127.0.0.1", 1),
            "server": ("mill.test", 80),
        }
        sent: list[dict[str, Any]] = []
        rest = [body[start : start + piece] for start in range(0, len(body), piece)] or [b""]

        async def from_body() -> dict[str, Any]:
            if not rest:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": rest.pop(0), "more_body": bool(rest)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive or from_body, send)
        fields_back = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], fields_back, b"".join(one.get("body", b"") for one in sent[1:]))


def assert_problem(answer: httpx.Response | Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem in the contract's shape, and return its document."""
    got = answer.status_code if isinstance(answer, httpx.Response) else answer.status
    document: dict[str, Any] = answer.json()
    assert got == document["status"] == status, document
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["imagemill-error"] == document["code"]
    assert {"type", "title", "detail", "request_id"} <= document.keys()
    assert "Traceback" not in str(document)
    if code is not None:
        assert document["code"] == code
    return document
