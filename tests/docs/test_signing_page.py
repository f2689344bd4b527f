"""The signers of docs/signing.md, each run in its language: they all make the link of the test vector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, blocks_of
from tests.signing.test_signature import SECRET, VECTOR
from tests.tools import need

from imagemill.dialects.native.parse import parse_url
from imagemill.signing.gate import Asking, Gate, ShortClaim
from imagemill.signing.keys import KeyRing, SigningKey
from imagemill.signing.settings import SigningSettings
from imagemill.signing.signature import image_text

PAGE = ROOT / "docs" / "signing.md"
RUNS = {
    "js": ("sign.cjs", "node", "nodejs", []),
    "ruby": ("sign.rb", "ruby", "ruby", []),
    "php": ("sign.php", "php", "php-cli", []),
    "go": ("sign.go", "go", "golang-go", ["run"]),
    "python": ("sign.py", sys.executable, "python3", []),
}
"""Language → the file's name, the program, Debian's package of it, and its words before the file."""
LONGEST = 6
"""Lines of a signer, without what a language wants around it."""


@pytest.mark.parametrize("language", RUNS)
def test_a_signer_makes_the_link_of_the_vector(language: str, tmp_path: Path) -> None:
    """Written to a file and run as it stands; what it prints opens the picture."""
    name, program, package, words = RUNS[language]
    found = program if Path(program).is_absolute() else need(program, package)
    snippet = blocks_of(PAGE, language)[0]
    lines = [line for line in snippet.splitlines() if line.strip("{} \t") and not line.startswith(("package", "func"))]
    assert len(lines) <= LONGEST
    (tmp_path / name).write_text(snippet)
    done = subprocess.run([found, *words, name], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    assert link == f"/img/w=300,fm=webp/users/ann/cat.jpg?v=0123456789ab&exp=1893456000&s={VECTOR}"
    path, _, query = link.encode().partition(b"?")
    asked = parse_url(path, query)
    ring = KeyRing([SigningKey(kid="web", kind="hmac", secret=SECRET.decode())])
    gate = Gate(lambda: ring, SigningSettings(), clock=lambda: 1893456000 - 60)
    text = image_text(asked.options_text, asked.key, asked.expires or "", asked.v or "")
    assert gate.check_link(Asking(path, query), ShortClaim(text, asked.signature or "", asked.expires)) is not None


def test_the_vector_stands_on_the_page() -> None:
    """For whoever writes a signer in another language."""
    page = PAGE.read_text(encoding="utf-8")
    assert VECTOR in page
    assert SECRET.decode() in page
