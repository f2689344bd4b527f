"""The rows of the request: what stands in an option list and is no part of a recipe."""

from __future__ import annotations

from imagemill.recipe import wording
from imagemill.recipe.options.option import Option
from imagemill.recipe.wording import encoded


def _read_download(text: str) -> str | bool:
    return True if text == "1" else wording.read_file_name(text)


REQUEST: tuple[Option, ...] = (
    Option(
        name="p",
        aliases=("preset", "t"),
        values="a preset's name of 1…64 letters, digits, -, _ and .",
        read=wording.read_name,
        example="p=card",
        row="T10",
        about="A preset; options beside it override it.",
    ),
    Option(
        name="dl",
        values="1, or a file name of 1…255 bytes (dl64 where it holds , or &)",
        read=_read_download,
        default="inline",
        example="dl=holiday.jpg",
        row="E10",
        about="Download instead of showing; changes a header, never the variant.",
    ),
    Option(
        name="dl64",
        key="dl",
        values="base64url of a file name of 1…255 bytes",
        read=encoded(wording.read_file_name),
        default="inline",
        example="dl64=YSwgYi5qcGc",
        row="E10",
        about="The same for any file name.",
    ),
)
"""Rows about the request, never part of a recipe."""
