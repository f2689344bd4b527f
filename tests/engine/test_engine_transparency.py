from __future__ import annotations

import pytest

from imagemill.engine.geometry import lay_out
from imagemill.engine.port import Facts
from imagemill.engine.transparency import keeps_transparency
from imagemill.recipe.options import parse_options

TABLE = [
    # options, of an opaque original, of a clear one
    ("_", False, True),
    ("w=50,h=50,fit=contain", False, True),
    ("w=50,h=50,fit=contain,bg=transparent", True, True),
    ("pad=5,bg=0008", True, True),
    ("pad=5,bg=fff", False, False),
    ("bg=transparent", False, True),
    ("bg=fff", False, False),
    ("bg=auto", False, False),
    ("bg=blur", False, False),
    ("radius=5", True, True),
    ("mask=circle", True, True),
    ("radius=5,bg=fff", True, True),
    ("blur=3", False, True),
]


@pytest.mark.parametrize(("options", "opaque", "clear"), TABLE, ids=[row[0] for row in TABLE])
def test_whether_a_result_is_clear_somewhere(options: str, opaque: bool, clear: bool) -> None:
    """Told from the facts alone: an automatic format must hold what a JPEG would lose."""
    recipe = parse_options(options).recipe
    for alpha, expected in ((False, opaque), (True, clear)):
        facts = Facts(format="png", width=100, height=80, alpha=alpha)
        assert keeps_transparency(facts, recipe, lay_out(facts, recipe)) is expected
