"""`imagemill url`: the address of a picture in a wanted size and format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag, ExpiresFlag, JsonFlag
from imagemill.cli.sign import seconds_of, signed_urls
from imagemill.cli.words import emit, say
from imagemill.errors import Refused

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.client import Target


def url(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Which original.")],
    options: Annotated[
        str | None,
        typer.Argument(
            metavar="VARIANT",
            help="Such as w=300,fm=webp. Default: the whole picture, or the largest that the site lets everybody ask.",
            show_default=False,
        ),
    ] = None,
    signed: Annotated[
        bool, typer.Option("--sign", help="Sign it, so that it opens what strangers may not see; see imagemill sign.")
    ] = False,
    expires: ExpiresFlag = "1h",
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the URL of a picture as it is wanted.

    With the version of the original where it exists, so that the answer may be kept for ever.

    Examples:
      imagemill url animals/cat.jpg w=300
      imagemill url animals/cat.jpg 300x300,g=attention,fm=webp
      imagemill url users/ann/cat.jpg w=300 --sign --expires 10m

    """
    import asyncio

    from imagemill.cli.client import Target
    from imagemill.cli.options import delivery_path

    path = delivery_path(options or "_", key)  # a wrong option is said before a server is asked
    lifetime = seconds_of(expires)
    target = Target(data=data, config=config)
    found = asyncio.run(_found(target, key))
    version = found.version
    wanted = delivery_path(options or "_", key, version) if version else path
    link = found.address + wanted
    if signed:
        # The path alone: the server knows server.public_url, which the record of a private original does not tell.
        (link,) = [one["url"] for one in asyncio.run(signed_urls(target, [wanted], lifetime, None))]
    elif options is None and version is not None:
        if found.path is None:
            raise Refused(
                f"This site lets nobody ask for {key} without a signature or a preset: it is private, or "
                "delivery.access is not open and neither a size nor a preset is listed. --sign prints a link for it.",
                code="nothing_listed",
            )
        link = found.address + found.path
    if as_json:
        emit({"key": key, "url": link, "version": version})
    else:
        print(link)
    if version is None:
        say(f"imagemill: there is no original {key} yet, so the URL has no version and will answer 404.")


class _Found(NamedTuple):
    """What links begin with; and of an original that exists its version and the path that everybody may ask."""

    address: str
    version: str | None = None
    path: str | None = None


async def _found(target: Target, key: str) -> _Found:
    from imagemill.cli.client import ServerSaid, connected, path_to

    async with connected(target) as remote:
        try:
            record = (await remote.call("GET", path_to("/v1/originals", key))).json()
        except ServerSaid as error:
            if error.status != 404:
                raise
            return _Found(remote.address)
        # The record's own URL knows the public address; ours is only how we got there.
        public, mount, path = str(record.get("url") or "").partition("/img/")
        return _Found(public or remote.address, str(record["version"]), mount + path if mount else None)
