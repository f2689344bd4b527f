"""`imagemill ls`: which originals there are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag
from imagemill.cli.words import bytes_in_words, emit, visible


def ls(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Only keys that begin with this.")] = "",
    long: Annotated[bool, typer.Option("-l", "--long", help="Also print size, time, format and pixels.")] = False,
    folders: Annotated[bool, typer.Option("-d", "--folders", help="Stop at the next / like a folder listing.")] = False,
    limit: Annotated[
        int | None, typer.Option(help="Print at most this many.", min=1, metavar="N", show_default=False)
    ] = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List originals in order of their keys, one a line.

    Examples:
      imagemill ls
      imagemill ls -l animals/
      imagemill ls --json | jq -r .key

    """
    import asyncio

    from imagemill.cli.client import Target, connected
    from imagemill.cli.listing import originals

    async def work() -> None:
        async with connected(Target(data=data, config=config)) as remote:
            async for item in originals(remote, prefix, delimiter="/" if folders else "", limit=limit):
                if as_json:
                    emit(remote.absolute(item))
                else:
                    print(_long(item) if long else visible(str(item.get("key", item.get("prefix")))))

    asyncio.run(work())


def _long(item: dict[str, Any]) -> str:
    name = visible(str(item.get("key", item.get("prefix"))))
    if "key" not in item:
        return f"{'':>8}  {'':20}  {'':24}  {name}"
    when = str(item.get("modified") or "")[:19].replace("T", " ")
    pixels = f" {item['width']}×{item['height']}" if item.get("width") else ""
    what = f"{item.get('content_type', '')}{pixels}"
    return f"{bytes_in_words(int(item.get('size', 0))):>8}  {when:20}  {what:24}  {name}"
