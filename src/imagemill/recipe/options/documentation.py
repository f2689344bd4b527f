"""`docs/options.md`, written from the table: `python -m imagemill.recipe.options.documentation > docs/options.md`.

A test compares the page with what stands here, so the two cannot drift apart.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from imagemill.recipe.availability import LATER
from imagemill.recipe.negotiation import DENSITIES, LADDER
from imagemill.recipe.options.gallery import GALLERY, Example
from imagemill.recipe.options.layers import LAYERS, WORDS
from imagemill.recipe.options.option import Option
from imagemill.recipe.options.output import OUTPUT
from imagemill.recipe.options.request import REQUEST
from imagemill.recipe.options.table import PICTURE
from imagemill.recipe.order import ORDER
from imagemill.recipe.quality import EQUAL_LOOKS, JXL_DISTANCES
from imagemill.recipe.spelling import write_number

_INTRODUCTION = """# Options

An image's URL is `/img/<options>/<key>`. The options are one path segment: `_` for none, or a list such as
`w=300,h=200,fm=webp`, split on `,` or `&`. The first item may also be `300x200`, `300x` or `x200`. A name that is
unknown, stands twice (also under another name) or has no value is answered with 400 and a list of everything wrong.
Numbers are ASCII digits with at most three places after the point. Values hold no `,`, `&` or `/`: text, keys and file
names that do go as base64url in `text64`, `wm64` and `dl64`.

The order of work is fixed, whatever the order of the list:

{order}

This page is written from the code's own table (`python -m imagemill.recipe.options.documentation`)."""

_PRESETS = """

A preset (`p=card`) is a list of options with a name, from the settings or the control API ([access](access.md)).
Options beside it win, and put aside what they contradict: `radius` a `mask`, `max_bytes`, `fm=jpeg` and `fm=gif` a
`lossless`, `lossless` a `max_bytes`; a second side the preset's `ar`, `ar` the preset's second side. A preset may lack
what a URL will bring: with `wide` being `ar=16:9`, `p=wide,w=640` is `w=640,h=360`."""

_EQUAL = """## Equal recipes are one variant

Each recipe has one canonical text: the options in the order of this page, without defaults. Two spellings of the same
picture are kept once. So `300x200`, `width=300&height=200` and `w=150,h=100,dpr=2` are all `w=300,h=200`, and:

* with one side given, or none, every `fit` and `g` means the same and is left out;
* `ar` beside a side in pixels becomes the other side; `dpr` is multiplied in, and without `w` and `h` becomes a percent
  size (above 100 % only with `enlarge=1`);
* percent sizes of 100 and more without `enlarge=1` are the picture itself (but for the canvas of `fit=contain`);
* `bg=transparent` is left out where nothing is filled (`fit=contain`, `pad` and `rot` fill something);
* `flip=hv` is `rot=180`; angles are taken modulo 360;
* `q` is left out where it changes nothing: lossless results, GIF, and PNG at 100. A stated `q=76` stays, because the
  default is a setting."""


def page() -> str:
    """Return the whole page in Markdown."""
    return (
        "\n\n".join(
            [
                _INTRODUCTION.format(order=" → ".join(ORDER)),
                "## The picture\n\n" + _table(PICTURE) + _gallery(PICTURE),
                "## Layers and text\n\n" + _table((*LAYERS, *WORDS)) + _gallery((*LAYERS, *WORDS)),
                "## The bytes\n\n" + _table(OUTPUT) + _gallery(OUTPUT),
                "## The request\n\n" + _table(REQUEST) + _PRESETS,
                _EQUAL,
                _together(),
                _qualities(),
                _hints(),
            ]
        )
        + "\n"
    )


def row(option: Option) -> str:
    """Return an option's line of the table."""
    names = " ".join(f"`{name}`" for name in (option.name, *option.aliases))
    return f"| {names} | {option.values} | {option.default} | `{option.example}` | {option.about} | {_built(option)} |"


def _table(options: Iterable[Option]) -> str:
    head = "| name (aliases) | values | default | example | what it does | built |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(row(option) for option in options)


def _built(option: Option) -> str:
    """Return "yes", or which parts answer 501 so far and the capability that will bring them."""
    owner = "wm" if option in LAYERS else "text" if option in WORDS else option.name
    later = [entry for entry in LATER if entry.option == owner]
    if not later:
        return "yes"
    if all(entry.what == entry.option for entry in later):
        return f"no: {later[0].row}"
    return "yes, but " + ", ".join(f"`{entry.what}`: {entry.row}" for entry in later)


def _gallery(options: Iterable[Option]) -> str:
    """The pictures of some options, three in a row, each above the words that made it."""
    names = {option.key for option in options}
    shown = [example for example in GALLERY if example.option in names]
    if not shown:
        return ""
    head = "| | | |\n|---|---|---|\n"
    cells = [_picture(example) for example in shown] + [""] * (-len(shown) % 3)
    return "\n\n" + head + "\n".join(f"| {' | '.join(cells[at : at + 3])} |" for at in range(0, len(cells), 3))


def _picture(example: Example) -> str:
    """A cell of the gallery."""
    return f"![{example.options}](pictures/options/{example.file})<br>`{example.options}`"


def _together() -> str:
    return """## What cannot stand together

`ar` with both `w` and `h`; `mask` with `radius`; `lossless=1` with `max_bytes`, `fm=jpeg` or `fm=gif`. `ar` needs `w`
or `h`; the options of a layer need its `wm`, those of the text need `text`. After `dpr` each side with its padding is
at most 8192 pixels, and both together at most 16 megapixels."""


def _qualities() -> str:
    lines = "\n".join(
        f"| {jpeg} | {webp} | {avif} | {jxl:g} |"
        for (jpeg, webp, avif), (_, jxl) in zip(EQUAL_LOOKS, JXL_DISTANCES, strict=True)
    )
    return f"""## One scale of quality

`q` is on JPEG's scale; the other encoders get the value that looks equal (mean SSIMULACRA2 of fourteen photographs at
560 pixels; for JPEG XL it is libjxl's distance), interpolated between these points. A palette of `fm=png` takes `q` as
it is.

| `q` = JPEG | WebP | AVIF | JPEG XL |
|---|---|---|---|
{lines}

How each encoder is set, and why, is written in [encoders](encoders.md)."""


def _hints() -> str:
    ladder = ", ".join(str(width) for width in LADDER)
    densities = ", ".join(write_number(density) for density in DENSITIES)
    return f"""## Hints

`w=auto` takes the next larger of the ladder's widths:

{ladder}

`dpr=auto` takes the next larger of {densities}. Headers are read, and named in `Vary`, only where the URL says `auto`:
`Sec-CH-Width` and `Width`, `Sec-CH-DPR` and `DPR`, `Save-Data` for `q=auto`, `Accept` for `fm=auto`."""


if __name__ == "__main__":
    sys.stdout.write(page())
