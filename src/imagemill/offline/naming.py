"""What a variant's file is called: a template over the original's name, and the names that must not meet.

Pure. A name depends only on what is known before a picture is opened (but for `{ext}` and `{format}` of an automatic
format), so that names which would overwrite each other are found before any work is done.
"""

from __future__ import annotations

import posixpath
import string
from dataclasses import dataclass

from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.offline.wanted import Wanted
from imagemill.recipe.vocabulary import Format

FIELDS = ("stem", "from", "width", "format", "ext")
"""Words of a template: the original's name without its ending; that ending; the width of the list of widths; the
format's word; the format's usual ending."""

ANY = "*"
"""Stands in a name for what an automatic format has yet to say; no file name that we write holds it."""


@dataclass(frozen=True, slots=True)
class Naming:
    """A checked template, such as `{stem}-{width}.{ext}`; `/` in it makes folders."""

    template: str

    def name(self, original: str, one: Wanted, output: Format | None) -> str:
        """Return the path below the output folder of a variant of `original`, itself a path below its source.

        `output` None gives the name with `ANY` where the format would show.
        """
        folder, _, last = original.rpartition("/")
        stem, ending = posixpath.splitext(last)
        written = self.template.format_map(
            {
                "stem": stem,
                "from": ending.removeprefix("."),
                "width": "" if one.width is None else one.width,
                "format": ANY if output is None else output.value,
                "ext": ANY if output is None else output.extension,
            }
        )
        return f"{folder}/{written}" if folder else written


def naming(template: str | None, every: tuple[Wanted, ...]) -> Naming:
    """Return the naming of a template, or of the default: `{stem}.{ext}`, with several widths `{stem}-{width}.{ext}`.

    Raises InvalidRequest for a word that is none, a way out of the folder, or a template that gives two of the wanted
    variants one name.
    """
    several = len({one.width for one in every}) > 1
    template = template or ("{stem}-{width}.{ext}" if several else "{stem}.{ext}")
    words = _words(template)
    example = Naming(template).name("a/b.c", every[0], Format.JPEG)
    if template.startswith("/") or ".." in template.split("/") or example.endswith("/"):
        raise _bad("a file name, perhaps with folders in front, inside of the output folder", template)
    if several and "width" not in words:
        raise _bad("{width} in it, since there are several widths", template)
    if len({one.recipe.output.format for one in every}) > 1 and not {"ext", "format"} & words:
        raise _bad("{ext} or {format} in it, since there are several formats", template)
    return Naming(template)


def _words(template: str) -> set[str]:
    """The words of a template; plain ones, without the conversions and attributes of Python's own formatting."""
    found: set[str] = set()
    try:
        for _, word, form, conversion in string.Formatter().parse(template):
            if word is None:
                continue
            if word not in FIELDS or form or conversion:
                raise _bad(f"only the words {', '.join('{' + name + '}' for name in FIELDS)}", template)
            found.add(word)
    except ValueError:
        raise _bad("a name such as {stem}-{width}.{ext}", template) from None
    if not {"stem"} & found:
        raise _bad("{stem} in it, since there may be several originals", template)
    return found


def _bad(expected: str, template: str) -> InvalidRequest:
    fault = Fault("name", expected, shown(template))
    return InvalidRequest(f"The template of names is wrong: {fault}.", code="bad_name", faults=(fault,))
