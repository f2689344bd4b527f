"""`imagemill info`: everything known of pictures, in a store or just lying there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagemill.cli.exit_codes import exit_code_of_many
from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag
from imagemill.cli.words import complain, emit

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from collections.abc import AsyncIterator

    from imagemill.errors import ImagemillError

KEYS_AT_ONCE = 100
"""As many as one request may name."""


def info(
    pictures: Annotated[list[str], typer.Argument(metavar="KEY|FILE…", help="Originals, or files that lie here.")],
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell everything known of pictures: size, colours, placeholders, EXIF, IPTC, XMP.

    A name of a file that exists is that file, looked at without any store; with --data every name is a key.

    Examples:
      imagemill info animals/cat.jpg --data ~/Pictures
      imagemill info holiday/*.jpg --json | jq -r '[.file, .location.latitude] | @tsv'

    """
    import asyncio

    files = [] if data is not None else [name for name in pictures if Path(name).is_file()]
    keys = [name for name in pictures if name not in files]
    failed = 0

    async def work() -> None:
        nonlocal failed
        async for name, outcome in _all(files, keys, data, config):
            if isinstance(outcome, dict):
                _show(outcome, as_json=as_json)
            else:
                failed += 1
                complain(outcome, name)

    asyncio.run(work())
    if failed:
        raise typer.Exit(exit_code_of_many(len(pictures) - failed, failed))


async def _all(
    files: list[str], keys: list[str], data: Path | None, config: Path | None
) -> AsyncIterator[tuple[str, dict[str, Any] | ImagemillError]]:
    """Yield what is told of each, or why nothing is: files first, then keys, each in their order."""
    if files:
        async for one in _of_files(files, config):
            yield one
    if keys:
        from imagemill.data_folder import BadFolder

        try:
            async for one in _of_keys(list(dict.fromkeys(keys)), data, config):
                yield one
        except BadFolder as error:
            if data is not None:
                raise
            for name in keys:  # whoever names no store most likely mistyped a file
                yield name, _neither(error)


def _neither(error: ImagemillError) -> ImagemillError:
    from imagemill.errors import NotFound

    return NotFound(f"There is no such file, and no store to look for such a key. {error.sentence}")


async def _of_files(
    files: list[str], config: Path | None
) -> AsyncIterator[tuple[str, dict[str, Any] | ImagemillError]]:
    from imagemill.cli.file_info import info_of_files

    async for name, outcome in info_of_files(files, config):
        yield name, outcome


async def _of_keys(
    keys: list[str], data: Path | None, config: Path | None
) -> AsyncIterator[tuple[str, dict[str, Any] | ImagemillError]]:
    from imagemill.cli.client import ServerSaid, Target, connected

    async with connected(Target(data=data, config=config)) as remote:
        for start in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[start : start + KEYS_AT_ONCE]
            answer = await remote.call("POST", "/v1/info", json={"keys": some})
            for item in answer.json()["items"]:
                problem = item["problem"]
                if problem is None:
                    yield item["key"], remote.absolute(item["info"])
                else:
                    said = ServerSaid(str(problem["detail"]), status=item["status"], code=str(problem["code"]))
                    yield item["key"], said


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(told)
        return
    from imagemill.cli.info_words import lines_of

    for line in lines_of(told):
        print(line)
