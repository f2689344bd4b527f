"""Which formats this installation writes: all but JPEG XL, which needs libjxl (the extra `jxl`).

Separate from `steps.encode`, because planning asks too, in the server, where no decoder is loaded: it looks at what is
installed and loads nothing.
"""

from __future__ import annotations

from functools import cache

from imagemill.engine.rare import jxl_library
from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.vocabulary import Format


@cache
def writable() -> frozenset[Format]:
    """Return the formats that can be written here."""
    missing = frozenset() if jxl_library.find() else frozenset({Format.JXL})
    return frozenset(form for form in Format if form.concrete) - missing


def check_writable(output: Format) -> None:
    """Raise InvalidRequest (`not_installed`), naming what to install, for a format that cannot be written here."""
    if output not in writable():
        raise InvalidRequest(
            "This installation does not write JPEG XL. It needs the extra `jxl`: pip install 'imagemill[jxl]'.",
            code="not_installed",
            faults=(Fault("fm", ", ".join(sorted(writable())), output.value),),
        )
