"""What is told of files that lie on this machine, without a store: the same worker processes look at them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from imagemill.cli.exit_codes import UsageError
from imagemill.delivery.info import whole_info
from imagemill.engine.port import Engine, Source
from imagemill.errors import ImagemillError, TooLarge
from imagemill.settings import Settings
from imagemill.workers import build_engine


async def info_of_files(
    files: list[str], config: Path | None
) -> AsyncIterator[tuple[str, dict[str, Any] | ImagemillError]]:
    """Yield each file's name with what is told of it, or with the error that it met."""
    settings = Settings.load({"config": config, "engine.workers": "1"})
    engine = build_engine(settings, spare=0)
    await engine.start()
    try:
        for name in files:
            try:
                yield name, await _told(engine, name, settings.limits.upload_bytes)
            except ImagemillError as error:
                yield name, error
    finally:
        await engine.close()


async def _told(engine: Engine, name: str, most: int) -> dict[str, Any]:
    try:
        with await asyncio.to_thread(Path(name).open, "rb") as file:
            return await _told_of(engine, name, file, most)
    except OSError as error:
        raise UsageError(f"The file cannot be read: {error.strerror}.") from None


async def _told_of(engine: Engine, name: str, file: BufferedReader, most: int) -> dict[str, Any]:
    size = file.seek(0, 2)
    if size > most:
        raise TooLarge(f"The file has {size} bytes; at most {most} are looked at (limits.upload_bytes).")
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    source = Source(descriptor=file.fileno(), size=size, digest=digest)
    facts = await engine.probe(source)
    findings = await engine.inspect(source, facts)
    return {"file": name, "size": size, "sha256": digest, **whole_info(findings)}
