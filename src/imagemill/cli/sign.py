"""`imagemill sign`: links that open what strangers may not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagemill.cli.exit_codes import UsageError
from imagemill.cli.flags import ConfigFlag, DataFlag, ExpiresFlag, JsonFlag
from imagemill.cli.words import emit

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.client import Target

NEVER = "never"
_AT_ONCE = 1000


def sign(
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="Addresses of pictures, whole or from /img/ on.")],
    expires: ExpiresFlag = "1h",
    kid: Annotated[
        str | None,
        typer.Option(help="The key that signs. Default: the first there is.", metavar="KID", show_default=False),
    ] = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign URLs: whoever has the link sees the picture until its time is over.

    It signs exactly the options and the original of the URL. The server signs; its keys stand in signing.keys or are
    made with POST /v1/signing-keys.

    Examples:
      imagemill sign /img/w=300/users/ann/cat.jpg
      imagemill sign https://img.example.com/img/w=300,text=Hi/cat.jpg --expires 7d

    """
    import asyncio

    from imagemill.cli.client import Target

    lifetime = seconds_of(expires)
    for one in asyncio.run(signed_urls(Target(data=data, config=config), urls, lifetime, kid)):
        if as_json:
            emit(one)
        else:
            print(one["url"])


def seconds_of(text: str) -> int | None:
    """Return a duration such as 1h in whole seconds, None for "never"; raise UsageError."""
    from imagemill.settings.values import BadValue, Rule, Unit, parse

    if text == NEVER:
        return None
    try:
        seconds = int(float(str(parse(text, float, Rule(unit=Unit.SECONDS, low=1)))))
    except BadValue:
        raise UsageError(f"--expires: expected a time such as 30m, 12h or 7d, or {NEVER}, received {text!r}.") from None
    return seconds


async def signed_urls(target: Target, urls: list[str], lifetime: int | None, kid: str | None) -> list[dict[str, Any]]:
    """Return the server's records of `urls`, signed and with an address; raise ServerSaid or Unreachable."""
    from imagemill.cli.client import connected

    signed: list[dict[str, Any]] = []
    async with connected(target) as remote:
        for start in range(0, len(urls), _AT_ONCE):
            asked = {"urls": urls[start : start + _AT_ONCE], "expires": lifetime, "kid": kid}
            answer = await remote.call("POST", "/v1/signed-urls", json=asked)
            signed += [remote.absolute(record) for record in answer.json()["items"]]
    return signed
