"""From the words of a person to the path of a delivery URL.

Separate from the commands, so that a wrong option is answered alike everywhere: every wrong part, each with what was
expected, before anything is asked of a server.
"""

from __future__ import annotations

from imagemill.cli.exit_codes import UsageError
from imagemill.dialects.native.compose import path_for
from imagemill.errors import InvalidRequest
from imagemill.recipe.options import Asked, parse_options


def asked_options(options: str) -> Asked:
    """Return what an option list asks for; raise UsageError that names every wrong part."""
    try:
        return parse_options(options)
    except InvalidRequest as error:
        raise UsageError(error.sentence, code=error.code, faults=error.faults) from None


def delivery_path(options: str, key: str, version: str | None = None) -> str:
    """Return the path of `key` with `options`, in the canonical spelling, which caches share.

    A preset and a download name are no part of a recipe's text; a list with one is kept as it was written.
    """
    asked = asked_options(options)
    plain = asked.preset is None and asked.download is None
    try:
        return path_for(asked.recipe if plain else options, key, version)
    except InvalidRequest as error:
        raise UsageError(error.sentence, code=error.code, faults=error.faults) from None
