"""`imagemill render`: pictures become variants in files, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.exit_codes import UsageError
from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag

if TYPE_CHECKING:  # imported when the command runs
    from imagemill.offline.bulk import Task
    from imagemill.settings import Settings


def render(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SRC", help="Files, folders, file:///… or imagemill:PREFIX/ (originals of --data)."),
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", help="What to make, as in a URL: w=300,fm=webp.", metavar="OPTIONS", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write to.", metavar="DIR")] = Path(),
    widths: Annotated[
        str | None, typer.Option(help="Several widths, such as 320,640,960.", metavar="LIST", show_default=False)
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="Several formats, such as avif,webp,jpeg.", metavar="LIST", show_default=False)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="How files are called, of {stem} {from} {width} {format} {ext}. "
            "Default: {stem}.{ext}, with several widths {stem}-{width}.{ext}.",
            metavar="TEMPLATE",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        Path, typer.Option(help="The folder in which wm=logo.png finds its pictures.", metavar="DIR")
    ] = Path(),
    jobs: Annotated[
        int | None,
        typer.Option(help="Workers. Default: one for each core.", min=1, max=256, metavar="N", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Make everything anew, over files that are there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a JSON report into this file.", metavar="FILE", show_default=False)
    ] = None,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Render pictures into files: any option of a URL, in several widths and formats with one decode each.

    A folder is walked, and its structure kept; the originals are never touched. Run the same command again to go on
    where a run was stopped: what is there, whole and from the same original, is left alone.

    Examples:
      imagemill render cat.jpg --to w=300,fm=webp
      imagemill render ~/Pictures --to fit=inside --widths 320,640,1280 --formats avif,webp,jpeg -o public/img
      imagemill render imagemill:photos/ --to p=card -o cards --jobs 2 --report cards.json

    """
    from imagemill.cli.render_workers import Workers
    from imagemill.settings import Settings

    settings = Settings.load({"config": config, "data.dir": data, "engine.workers": jobs})
    with Workers(settings) as workers:
        if not dry_run:
            workers.begin()  # they start while the rest is imported and read
        from imagemill.cli.render_run import Run, run

        asked = Run(
            sources=tuple(sources),
            task=_task(settings, to, widths, formats, name, force=force),
            output=output,
            layers=layers,
            dry_run=dry_run,
            report=report,
            as_json=as_json,
            data=data,
            config=config,
        )
        code = run(asked, workers)
    raise typer.Exit(code)


def _task(
    settings: Settings, to: str | None, widths: str | None, formats: str | None, name: str | None, *, force: bool
) -> Task:
    """Read what is wanted; raise UsageError with every fault."""
    from imagemill.errors import InvalidRequest
    from imagemill.offline.bulk import Task
    from imagemill.offline.making import Bounds
    from imagemill.offline.naming import naming
    from imagemill.offline.wanted import presets_of, wanted

    if to is None and widths is None and formats is None:
        raise UsageError("Say what to make: --to w=300,fm=webp, or --widths and --formats. `imagemill render --help`.")
    try:
        every = wanted(
            to or "_",
            widths=_numbers(widths),
            formats=_words(formats),
            presets=presets_of(settings.presets, settings.limits),
            limits=settings.limits,
        )
        named = naming(name, every)
    except InvalidRequest as error:
        raise UsageError(error.sentence, code=error.code, faults=error.faults) from None
    return Task(every=every, naming=named, bounds=Bounds(limits=settings.limits, engine=settings.engine), force=force)


def _words(text: str | None) -> list[str]:
    """The words of a list with commas; none for no list."""
    if text is None:
        return []
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"A list such as a,b,c was expected, received {text!r}.")
    return words


def _numbers(text: str | None) -> list[int]:
    """The numbers of a list with commas."""
    words = _words(text)
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UsageError(f"--widths: expected whole numbers of pixels such as 320,640, received {text!r}.")
    return [int(word) for word in words]
