"""What this installation writes: all formats, JPEG XL where libjxl is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imagemill.engine.writable import check_writable, writable
from imagemill.recipe.vocabulary import Format

WITHOUT = """
from imagemill.engine.rare import jxl_library

jxl_library.find_spec = lambda name: None
jxl_library._SYSTEM_FOLDERS = ()
from imagemill.delivery.formats import bucket_for
from imagemill.engine.rare.decoder import readable
from imagemill.engine.writable import check_writable
from imagemill.errors import InvalidRequest
from imagemill.recipe.vocabulary import Format

print(bucket_for("image/jxl,image/webp", frozenset()), bucket_for("image/jxl", frozenset()), "jxl" in readable())
check_writable(Format.WEBP)
try:
    check_writable(Format.JXL)
except InvalidRequest as error:
    print(error.code, error.sentence)
"""


@pytest.mark.parametrize("form", [form for form in Format if form.concrete])
def test_everything_is_written_where_everything_is_installed(form: Format) -> None:
    """The extras are there in the tests."""
    check_writable(form)
    assert form in writable()


def test_without_libjxl_the_answer_says_what_to_install() -> None:
    """`fm=jxl` is refused in words, `auto` passes it over, and originals in it are not read."""
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "webp jpg False"
    assert second.startswith("not_installed ")
    assert "pip install 'imagemill[jxl]'" in second
