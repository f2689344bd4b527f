"""`imagemill purge`: remove kept variants; they are made again when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagemill.cli.exit_codes import UsageError, exit_code_of_many
from imagemill.cli.flags import ConfigFlag, DataFlag, DryRunFlag, JsonFlag
from imagemill.cli.words import counted, emit, tell_failed, visible

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.client import Remote, Target


def purge(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Originals whose variants go.")] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Every original whose key begins with this.", metavar="PREFIX", show_default=False),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(
            help="Only this variant of KEY, in every format: options such as w=300.",
            metavar="OPTIONS",
            show_default=False,
        ),
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option(help="Every original with this tag.", metavar="TAG", show_default=False),
    ] = None,
    all_variants: Annotated[bool, typer.Option("--all-variants", help="The variants of every original.")] = False,
    dry_run: DryRunFlag = False,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Remove kept variants; originals stay, and variants are made again when asked for.

    Replacing or removing an original purges by itself.

    Examples:
      imagemill purge animals/cat.jpg
      imagemill purge animals/cat.jpg --variant w=300
      imagemill purge --prefix animals/ --dry-run
      imagemill purge --tag summer
      imagemill purge --all-variants

    """
    import asyncio

    from imagemill.cli.client import Target

    keys = keys or []
    if [bool(keys), prefix is not None, tag is not None, all_variants].count(True) != 1:
        raise UsageError("Name what to purge: one or more keys, --prefix PREFIX, --tag TAG, or --all-variants.")
    if variant is not None and not keys:
        raise UsageError("--variant names a variant of an original, so it goes with a key.")
    if variant is not None:
        from imagemill.cli.options import asked_options

        asked_options(variant)  # a wrong option is said before a server is asked
    target = Target(data=data, config=config)
    if keys:
        code = asyncio.run(_purge_keys(target, keys, variant, dry_run=dry_run, as_json=as_json))
    elif tag is not None:
        code = asyncio.run(_purge_tag(target, tag, dry_run=dry_run, as_json=as_json))
    else:
        code = asyncio.run(_purge_prefix(target, prefix or "", dry_run=dry_run, as_json=as_json))
    raise typer.Exit(code)


async def _purge_keys(target: Target, keys: list[str], variant: str | None, *, dry_run: bool, as_json: bool) -> int:
    from imagemill.cli.client import ServerSaid, connected

    done = 0
    async with connected(target) as remote:
        for key in keys:
            try:
                removed = await _purge_key(remote, key, variant, dry_run=dry_run)
            except ServerSaid as error:
                if error.code == "unauthenticated":
                    raise
                tell_failed(error, {"key": key}, key, as_json=as_json)
                continue
            done += 1
            _tell({"key": key}, key, removed, dry_run=dry_run, as_json=as_json)
    return exit_code_of_many(done, len(keys) - done)


async def _purge_key(remote: Remote, key: str, variant: str | None, *, dry_run: bool) -> int:
    """Purge one original and return how many variants went (or would)."""
    from imagemill.cli.client import path_to
    from imagemill.recipe.canonical import without_layers

    path = path_to("/v1/variants", key)
    if variant is None and not dry_run:
        return int((await remote.call("DELETE", path)).json()["removed"])
    kept = [str(item["variant"]) for item in await _kept(remote, key)]
    if variant is not None:
        wanted = leaves_of(variant)
        kept = [leaf for leaf in kept if without_layers(leaf) in wanted]
    removed = 0
    for leaf in kept:
        if dry_run:
            removed += 1
        else:
            removed += int((await remote.call("DELETE", path, params={"variant": leaf})).json()["removed"])
    return removed


async def _purge_prefix(target: Target, prefix: str, *, dry_run: bool, as_json: bool) -> int:
    from imagemill.cli.client import connected

    async with connected(target) as remote:
        removed = await (_kept_below(remote, prefix) if dry_run else _purged(remote, {"prefix": prefix}))
    where = f"below {prefix}" if prefix else "of every original"
    _tell({"prefix": prefix}, where, removed, dry_run=dry_run, as_json=as_json)
    return 0


async def _purge_tag(target: Target, tag: str, *, dry_run: bool, as_json: bool) -> int:
    from imagemill.cli.client import connected

    async with connected(target) as remote:
        removed = await (_kept_below(remote, "", tag) if dry_run else _purged(remote, {"tag": tag}))
    _tell({"tag": tag}, f"tagged {tag}", removed, dry_run=dry_run, as_json=as_json)
    return 0


async def _purged(remote: Remote, asked: dict[str, str]) -> int:
    """Purge what `asked` says in the words of the API, and return how many variants went."""
    return int((await remote.call("POST", "/v1/purges", json=asked)).json()["removed"])


async def _kept_below(remote: Remote, prefix: str, tag: str | None = None) -> int:
    """Return how many variants are kept of the originals below `prefix`, or of those of them that have `tag`."""
    from imagemill.cli.listing import originals

    kept = 0
    async for item in originals(remote, prefix):
        if tag is None or tag in item.get("tags", ()):
            kept += len(await _kept(remote, str(item["key"])))
    return kept


async def _kept(remote: Remote, key: str) -> list[dict[str, Any]]:
    from imagemill.cli.client import path_to

    items: list[dict[str, Any]] = (await remote.call("GET", path_to("/v1/variants", key))).json()["items"]
    return items


def leaves_of(options: str) -> frozenset[str]:
    """Return the names under which a variant with these options may be kept: one for each format and client bucket."""
    from typing import get_args

    from imagemill.cli.options import asked_options
    from imagemill.recipe.canonical import Bucket, leaf_of
    from imagemill.recipe.vocabulary import Format

    recipe = asked_options(options).recipe
    stated = recipe.output.format
    formats = [stated] if stated.concrete else [format_ for format_ in Format if format_.concrete]
    buckets: list[Bucket | None] = [None, *get_args(Bucket)]
    return frozenset(leaf_of(recipe, format_, bucket) for format_ in formats for bucket in buckets)


def _tell(about: dict[str, object], name: str, removed: int, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        emit({**about, "would_remove" if dry_run else "removed": removed})
    else:
        print(f"{visible(name)}  {counted(removed, 'variant')} {'would be removed' if dry_run else 'removed'}")
