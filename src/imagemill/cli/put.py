"""`imagemill put`: files and folders become originals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.exit_codes import UsageError, exit_code_of_many
from imagemill.cli.flags import ConfigFlag, DataFlag, JsonFlag

if TYPE_CHECKING:  # imported when the command runs: httpx alone takes 100 ms
    from imagemill.cli.upload import Upload


def put(
    sources: Annotated[list[str], typer.Argument(metavar="FILE", help="Files or folders; - reads standard input.")],
    prefix: Annotated[str, typer.Option(help="Put them below this prefix.", metavar="PREFIX")] = "",
    key: Annotated[str | None, typer.Option(help="The key of the one file.", metavar="KEY")] = None,
    no_replace: Annotated[
        bool, typer.Option("--no-replace", help="Leave originals alone that are there already.")
    ] = False,
    if_none_match: Annotated[
        bool, typer.Option("--if-none-match", help="Fail where an original is there already.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Only those with a signed link may see them; see imagemill sign.")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Uploads at once.", min=1, max=64, metavar="N")] = 4,
    data: DataFlag = None,
    config: ConfigFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Store pictures as originals.

    A file gets its name as key; a folder is walked, and its files get their path within it (hidden files, and the
    admin key and settings of a data folder, are left out). An original of the same key is replaced, and its variants
    go at once.

    Examples:
      imagemill put cat.jpg
      imagemill put cat.jpg --key animals/cat.jpg
      imagemill put ~/Pictures/2024 --prefix 2024 --no-replace
      curl -s https://example.com/cat.jpg | imagemill put - --key cat.jpg

    """
    import asyncio

    from imagemill.cli.client import Target
    from imagemill.cli.upload import Conditions, upload_all

    uploads = planned(sources, prefix, key)
    conditions = Conditions(skip_present=no_replace, fail_present=if_none_match, private=private)
    target = Target(data=data, config=config, create=True)
    done, failed = asyncio.run(upload_all(target, uploads, conditions, jobs=jobs, as_json=as_json))
    raise typer.Exit(exit_code_of_many(done, failed))


def planned(sources: list[str], prefix: str, key: str | None) -> list[Upload]:
    """Return what goes where; raise UsageError for names that lead nowhere."""
    from imagemill.cli.upload import Upload
    from imagemill.object_store.naming import RESERVED

    below = prefix if not prefix or prefix.endswith("/") else prefix + "/"
    if key is not None and (len(sources) != 1 or Path(sources[0]).is_dir()):
        raise UsageError("--key names one original, so it goes with one file; use --prefix for several or a folder.")
    if key is not None:
        key = checked(below, normal(key))
    found: list[Upload] = []
    for source in sources:
        if source == "-":
            if key is None:
                raise UsageError("Standard input has no name; give it a key: imagemill put - --key KEY.")
            found.append(Upload(None, below + key))
            continue
        path = Path(source)
        if path.is_dir():
            names = [(file, str(file.relative_to(path))) for file in files_below(path)]
            found += [Upload(file, normal(below + name)) for file, name in names if name not in RESERVED]
        elif path.exists():
            found.append(Upload(path, normal(below + (key or path.name))))
        else:
            raise UsageError(f"There is no file or folder {source}.")
    return found


def files_below(folder: Path) -> list[Path]:
    """Return the files of a folder and its folders by name; hidden ones (`.DS_Store`, `.git/`) are not meant."""
    import os

    def refuse(error: OSError) -> None:
        raise UsageError(f"The folder {error.filename} cannot be read: {error.strerror}.")

    found: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(here) / name for name in sorted(names) if not name.startswith(".")]
    if not found:
        print(f"imagemill: there are no files in {folder}.", file=sys.stderr)
    return found


def checked(below: str, key: str) -> str:
    """Return a key that a person typed if it can be one below this prefix; raise UsageError."""
    from imagemill.errors import InvalidRequest
    from imagemill.object_store.naming import check_new_key

    try:
        check_new_key(below + key)
    except InvalidRequest as error:
        raise UsageError(error.sentence) from None
    return key


def normal(key: str) -> str:
    """Return the key in Unicode normal form C: macOS hands out file names in form D."""
    import unicodedata

    return unicodedata.normalize("NFC", key)
