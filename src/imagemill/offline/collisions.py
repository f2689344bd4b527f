"""Names that would overwrite each other, or an original: found before the first picture is opened.

One walk over the originals, which remembers eight bytes a name: a million files are some 70 MB and nothing is listed
twice in memory. Only when two meet is the walk done again, to say which.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from imagemill.errors import InvalidRequest
from imagemill.offline.naming import ANY, Naming
from imagemill.offline.originals import Original
from imagemill.offline.wanted import Wanted
from imagemill.recipe.vocabulary import Format

_AUTOMATIC = (Format.JPEG, Format.PNG, Format.GIF)
"""What an automatic format may become where nothing is negotiated."""


def check_names(originals: Iterable[Original], every: tuple[Wanted, ...], naming: Naming, root: Path) -> int:
    """Return how many originals there are; raise InvalidRequest (`name_taken`) where two files would have one name.

    An automatic format may become any, so `a.png` and `a.jpg` meet in it.
    """
    base = os.path.realpath(root)
    endings = _open_endings(every)
    targets: set[int] = set()
    sources: set[int] = set()
    count = 0
    for original in originals:
        count += 1
        for name in {possible_name(original, one, naming) for one in every}:
            mark = hash(name)
            if mark in targets:
                raise _two(originals, every, naming, original, name)
            targets.add(mark)
        sources.update(hash(name) for name in _below(original, base, endings))
    if sources & targets:
        raise _over(originals, every, naming, base)
    return count


def _open_endings(every: tuple[Wanted, ...]) -> frozenset[str]:
    """The endings, with their dots, that a variant may get whose format is known only when the picture is."""
    undecided = {one.recipe.output.format for one in every if not one.recipe.output.format.concrete}
    formats = _AUTOMATIC if undecided <= {Format.AUTO} else tuple(one for one in Format if one.concrete)
    return frozenset(f".{one.extension}" for one in formats if undecided)


def possible_name(original: Original, one: Wanted, naming: Naming) -> str:
    """Return a variant's name, with `ANY` for the format that is known only when the picture is."""
    asked = one.recipe.output.format
    return naming.name(original.name, one, asked if asked.concrete else None)


def _below(original: Original, base: str, endings: frozenset[str]) -> Iterable[str]:
    """The original's own name in the output folder, if it lies there; with any ending, if it has one of `endings`.

    Endings are compared as they are in lower case: a folder may not tell `A.JPG` from `A.jpg`.
    """
    if original.path is None:
        return ()
    path = os.path.realpath(original.path)
    if not path.startswith(base + os.sep):
        return ()
    name = path[len(base) + 1 :]
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - strings throughout
    return (name, f"{stem}.{ANY}") if ending.lower() in endings else (name,)


def _two(
    originals: Iterable[Original], every: tuple[Wanted, ...], naming: Naming, second: Original, name: str
) -> InvalidRequest:
    """Say which two originals meet in `name`."""
    for first in originals:
        if any(possible_name(first, one, naming) == name for one in every):
            break
    both = f"Both {first.shown} and {second.shown} would be written to {name}"
    return InvalidRequest(
        f"{both}; name them apart with --name, such as '{{stem}}.{{from}}.{{ext}}'.", code="name_taken"
    )


def _over(originals: Iterable[Original], every: tuple[Wanted, ...], naming: Naming, base: str) -> InvalidRequest:
    """Say which original would be overwritten."""
    targets = {hash(possible_name(original, one, naming)) for original in originals for one in every}
    shown = next(
        original.shown
        for original in originals
        if any(hash(name) in targets for name in _below(original, base, _open_endings(every)))
    )
    return InvalidRequest(
        f"A variant would be written over the original {shown}, or might be; choose another folder with -o, or another "
        "name with --name, such as '{stem}-small.{ext}'.",
        code="name_taken",
    )
