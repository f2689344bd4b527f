"""`imagemill url`: the address of a picture in a wanted size and format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag
from imagemill.cli.words import emit, say

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.client import Target


def url(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Which original.")],
    options: Annotated[str, typer.Argument(metavar="[OPTIONS]", help="Such as w=300,fm=webp.")] = "_",
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the URL of a picture as it is wanted.

    With the version of the original where it exists, so that the answer may be kept for ever.

    Examples:
      imagemill url animals/cat.jpg w=300
      imagemill url animals/cat.jpg 300x300,g=attention,fm=webp

    """
    import asyncio

    from imagemill.cli.client import Target
    from imagemill.cli.options import delivery_path

    delivery_path(options, key)  # a wrong option is said before a server is asked
    address, version = asyncio.run(_found(Target(data=data, config=config), key))
    link = address + delivery_path(options, key, version)
    if as_json:
        emit({"key": key, "url": link, "version": version})
    else:
        print(link)
    if version is None:
        say(f"imagemill: there is no original {key} yet, so the URL has no version and will answer 404.")


async def _found(target: Target, key: str) -> tuple[str, str | None]:
    """Return what links begin with, and the original's version if it exists."""
    from imagemill.cli.client import ServerSaid, connected, path_to

    async with connected(target) as remote:
        try:
            record = (await remote.call("GET", path_to("/v1/originals", key))).json()
        except ServerSaid as error:
            if error.status != 404:
                raise
            return remote.address, None
        # The record's own URL knows the public address; ours is only how we got there.
        public = str(record.get("url") or "").partition("/img/")[0]
        return public or remote.address, str(record["version"])
