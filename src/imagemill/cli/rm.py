"""`imagemill rm`: remove originals, and with them their variants."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.exit_codes import UsageError, exit_code_of_many
from imagemill.cli.flags import ConfigFlag, DataFlag, DryRunFlag, JsonFlag
from imagemill.cli.words import counted, emit, say, tell_failed, visible

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.client import Remote, Target


def rm(
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="Which originals; prefixes with --recursive.")],
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Remove every original whose key begins with KEY.")
    ] = False,
    dry_run: DryRunFlag = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove originals; their variants go at once.

    Examples:
      imagemill rm animals/cat.jpg
      imagemill rm -r animals/ --dry-run
      imagemill rm -r animals/ --yes

    """
    import asyncio

    from imagemill.cli.client import Target

    if recursive and "" in keys and not (yes or dry_run or _person()):
        raise UsageError('The prefix "" means every original; say --yes if that is meant, or look with --dry-run.')
    target = Target(data=data, config=config)
    done, failed = asyncio.run(_remove(target, keys, recursive=recursive, dry_run=dry_run, yes=yes, as_json=as_json))
    raise typer.Exit(exit_code_of_many(done, failed))


async def _remove(
    target: Target, keys: list[str], *, recursive: bool, dry_run: bool, yes: bool, as_json: bool
) -> tuple[int, int]:
    from imagemill.cli.client import connected
    from imagemill.cli.listing import originals

    async with connected(target) as remote:
        if recursive:
            found: dict[str, None] = {}
            for prefix in keys:
                found |= {str(item["key"]): None async for item in originals(remote, prefix)}
            keys = list(found)
            if not keys:
                say("No original begins with that; nothing was removed.")
            elif not dry_run and not yes and not _confirmed(len(keys)):
                say("Nothing was removed.")
                return 0, 1
        done = 0
        for key in keys:
            done += await _remove_one(remote, key, dry_run=dry_run, as_json=as_json)
    if recursive and not as_json:
        say(f"{counted(done, 'original')} {'would be' if dry_run else 'were' if done != 1 else 'was'} removed.")
    return done, len(keys) - done


async def _remove_one(remote: Remote, key: str, *, dry_run: bool, as_json: bool) -> bool:
    from imagemill.cli.client import ServerSaid, path_to

    try:
        await remote.call("GET" if dry_run else "DELETE", path_to("/v1/originals", key))
    except ServerSaid as error:
        if error.code == "unauthenticated":
            raise
        tell_failed(error, {"key": key}, key, as_json=as_json)
        return False
    if as_json:
        emit({"key": key, "status": "would be removed" if dry_run else "removed"})
    else:
        print(f"{visible(key)}  {'would be removed' if dry_run else 'removed'}")
    return True


def _person() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _confirmed(count: int) -> bool:
    """Ask a person; a script is not asked, it has said what it wants."""
    return not _person() or typer.confirm(f"Remove {counted(count, 'original')} and all their variants?", err=True)
