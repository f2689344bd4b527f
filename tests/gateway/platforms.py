"""A platform on memory adapters with one picture, asked without a socket: for tests of whatever answers over HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from PIL import Image

from imagemill import assembly
from imagemill.data_folder import open_data_folder
from imagemill.settings import Settings


def picture(
    colour: tuple[int, int, int] = (200, 40, 40), mode: str = "RGB", size: tuple[int, int] = (320, 240)
) -> bytes:
    """Return a PNG of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).convert(mode).save(out, "PNG")
    return out.getvalue()


Scene = Callable[[httpx.AsyncClient, assembly.Platform], Awaitable[None]]


@asynccontextmanager
async def running(folder: Path, **flags: str) -> AsyncIterator[tuple[httpx.AsyncClient, assembly.Platform]]:
    """A platform on memory adapters with one picture, and a client that speaks to it without a socket."""
    settings = Settings.load(
        {"data.dir": folder, "originals.url": "memory://", "server.access_log": "false", **flags},
        environ={},
        cwd=folder,
    )
    held = open_data_folder(settings.data)
    platform = await assembly.build(settings, held)
    await platform.start()
    try:
        transport = httpx.ASGITransport(app=platform.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            key = (folder / "admin.key").read_text().strip()
            put = await client.put("/v1/originals/a.png", content=picture(), headers={"x-api-key": key})
            assert put.status_code == 201, put.text
            yield client, platform
    finally:
        await platform.close()
        held.close()


def play(folder: Path, scene: Scene, **flags: str) -> None:
    """Run one scene to its end."""

    async def whole() -> None:
        async with running(folder, **flags) as (client, platform):
            await scene(client, platform)

    asyncio.run(whole())
