from __future__ import annotations

import subprocess
import sys

HEAVY = {
    *("pyvips", "PIL", "numpy", "ctypes", "xml.parsers.expat", "fastapi", "pydantic", "httpx", "rich"),
    *("imagemill.engine.render", "imagemill.engine.metadata", "imagemill.engine.steps", "imagemill.engine.rare.libjxl"),
}
"""Decoders and what loads them, readers of strangers' metadata, frameworks of the control API and the shell."""


def test_what_answers_hits_imports_no_decoder_and_no_framework() -> None:
    """The delivery path knows pictures by their facts; whatever decodes is in the workers."""
    code = "import sys, imagemill.delivery.pipeline, imagemill.delivery.info; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(printed.split())
