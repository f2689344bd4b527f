"""`imagemill explain`: what a URL means and what would happen to it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag
from imagemill.cli.words import emit, visible

BROWSER = "image/avif,image/webp,image/apng,image/*,*/*;q=0.8"
"""What a present Chromium sends for an image."""


def explain(
    url: Annotated[str, typer.Argument(metavar="URL", help="A delivery URL, or only its path.")],
    accept: Annotated[
        str,
        typer.Option(
            help="The Accept header to ask with; by default that of Chromium.", metavar="HEADER", show_default=False
        ),
    ] = BROWSER,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain what a delivery URL means.

    Its preset, its canonical options, the order of work, the verdict (allowed, refused or sent on), the cache key
    and the cost. Nothing is made.

    Examples:
      imagemill explain /img/w=300,fm=webp/cat.jpg
      imagemill explain /img/p=card,dpr=2/cat.jpg
      imagemill explain 'https://img.example.com/img/300x300/cat.jpg?v=0a1b2c3d4e5f' --json

    """
    import asyncio

    from imagemill.cli.client import Target, connected

    async def work() -> dict[str, Any]:
        async with connected(Target(data=data, config=config)) as remote:
            answer = await remote.call("GET", "/v1/explain", params={"url": url}, headers={"accept": accept})
            told: dict[str, Any] = answer.json()
            return told

    told = asyncio.run(work())
    if as_json:
        emit(told)
        return
    told.get("reason", {}).pop("errors", None)  # the sentence beside them says the same
    for name, value in told.items():
        for line in _lines(value):
            print(f"{name:<12}{visible(line)}")
            name = ""


def _lines(value: object) -> list[str]:
    """Return a value of the explanation as lines: a chain of steps, a table of headers, or one word."""
    if isinstance(value, dict):
        return [f"{name}: {inner}" for name, inner in value.items()] or ["none"]
    if isinstance(value, list):
        return [" → ".join(map(str, value))] if all(len(str(v)) < 30 for v in value) and value else _each(value)
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return ["none" if value is None else str(value)]


def _each(values: list[object]) -> list[str]:
    return [str(value) for value in values] or ["none"]
