"""`imagemill get`: an original as it was uploaded, or a variant of it, into a file or down the pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from imagemill.cli.exit_codes import UsageError
from imagemill.cli.flags import ConfigFlag, DataFlag
from imagemill.cli.words import bytes_in_words, say

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    import httpx

    from imagemill.cli.client import Remote, Target

_MINUTE = 60


def get(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Which original.")],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="File or folder; - is stdout.", metavar="FILE", show_default=False),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="Get it rendered, such as w=300,fm=webp.", metavar="OPTIONS", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite a file that is there.")] = False,
    data: DataFlag = None,
    config: ConfigFlag = None,
) -> None:
    """Get an original, untouched, or a variant of it.

    Without -o it is written into the present folder under the last part of its key.

    Examples:
      imagemill get animals/cat.jpg
      imagemill get animals/cat.jpg --variant w=300,fm=webp -o thumb.webp
      imagemill get animals/cat.jpg -o - | exiftool -

    """
    import asyncio

    from imagemill.cli.client import Target, path_to

    if variant is None:
        path = path_to("/v1/content", key)
    else:
        from imagemill.cli.options import delivery_path

        path = delivery_path(variant, key)
    asyncio.run(_fetch(Target(data=data, config=config), path, key, output, force=force))


async def _fetch(target: Target, path: str, key: str, output: str | None, *, force: bool) -> None:
    from imagemill.cli.client import connected

    async with connected(target) as remote, _answer(remote, path) as response:
        if output == "-":
            async for chunk in response.aiter_raw():
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return
        file = _place(output, _name(response, key))
        if file.exists() and not force:
            raise UsageError(f"{file} exists already; write elsewhere with -o, or overwrite it with --force.")
        size = await _write(response, file)
    say(f"{file}  {bytes_in_words(size)}")


@asynccontextmanager
async def _answer(remote: Remote, path: str) -> AsyncIterator[httpx.Response]:
    """Ask for `path`; what strangers may not see is asked once more, signed: whoever has the key may sign."""
    from imagemill.cli.client import ServerSaid

    async with AsyncExitStack() as held:
        try:
            response = await held.enter_async_context(remote.stream("GET", path))
        except ServerSaid as error:
            if error.code != "needs_signature":
                raise
            signed = await remote.call("POST", "/v1/signed-urls", json={"urls": [path], "expires": _MINUTE})
            # The link may be one of server.public_url; the server that we speak to has the picture too, and our key.
            query = signed.json()["items"][0]["url"].partition("?")[2]
            response = await held.enter_async_context(remote.stream("GET", f"{path}?{query}"))
        yield response


def _place(output: str | None, name: str) -> Path:
    if output is None:
        return Path(name)
    path = Path(output)
    return path / name if path.is_dir() or output.endswith("/") else path


def _name(response: httpx.Response, key: str) -> str:
    """Return the key's last part; a variant gets the ending of what it is now."""
    from email.message import Message

    name = key.rpartition("/")[2]
    message = Message()
    message["content-disposition"] = response.headers.get("content-disposition", "")
    told = message.get_filename() or ""
    if "." not in told or response.url.path.startswith("/v1/"):
        return name
    ending = told.rpartition(".")[2]
    return f"{name.rpartition('.')[0] or name}.{ending}"


async def _write(response: httpx.Response, file: Path) -> int:
    size = 0
    with replacing(file) as part:
        async for chunk in response.aiter_raw():
            part.write(chunk)
            size += len(chunk)
    return size


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """Open a file beside `file` that takes its name at the end: a broken download leaves no half picture."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as written:
            yield written
        part.replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
