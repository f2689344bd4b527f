"""The text of CloudFront's function: within its limits, in the language of its runtime, and never claiming too much."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tests.edge_config import cloudfront_cases as cases
from tests.edge_config.edge_facts import facts
from tests.tools import need
from typer.testing import CliRunner

from imagemill.cli.app import app
from imagemill.delivery.permission import EDGE_HEADER
from imagemill.delivery.settings import DeliverySettings
from imagemill.edge_config.cloudfront import MAX_BYTES, cloudfront_function, static_reasons
from imagemill.errors import InvalidRequest
from imagemill.gateway.settings import ServerSettings

LARGE = DeliverySettings(access="sizes", private=tuple(f"customers/{number:03}/" for number in range(150)))
DELIVERIES = {
    "default": DeliverySettings(),
    "open": cases.OPEN,
    "sizes": cases.SIZES,
    "presets": cases.PRESETS,
    "signed": cases.SIGNED,
    "off": DeliverySettings(negotiation="off"),
    "large": LARGE,
    "odd prefixes": DeliverySettings(private=("a/b (c)+'x'/", "%&/", "*.*/", "`{x}`/", "</script>/", "[^a]|b/", "//")),
}
FORBIDDEN = (
    # Names: nothing that reaches beyond the request, runs text, or waits.
    *("eval", "Function", "fetch", "require", "process", "globalThis", "setTimeout", "XMLHttpRequest", "kvs", "await"),
    # Statements that runtime 2.0 does not have.
    *("class", "of", "import(", "yield", "with", "debugger"),
)


@pytest.fixture(params=sorted(DELIVERIES))
def delivery(request: pytest.FixtureRequest) -> DeliverySettings:
    """One platform's settings after the other."""
    return DELIVERIES[request.param]


@pytest.mark.parametrize("private", [False, True])
def test_it_is_small_enough(delivery: DeliverySettings, private: bool) -> None:
    """CloudFront takes 10 kB; a hundred and fifty private prefixes still are."""
    assert len(cloudfront_function(cases.cloudfront_facts(delivery), private=private).encode()) <= MAX_BYTES


@pytest.mark.parametrize("private", [False, True])
def test_it_is_javascript_of_that_runtime(delivery: DeliverySettings, private: bool, tmp_path: Path) -> None:
    """Node can read it, and it has only what the runtime has beside ES 5.1: const, let, arrows."""
    text = cloudfront_function(cases.cloudfront_facts(delivery), private=private)
    path = tmp_path / "function.mjs"
    path.write_text(text)
    subprocess.run([need("node", "nodejs"), "--check", str(path)], check=True, capture_output=True, timeout=60)
    assert text.isascii()
    first, rest = text.split("\n", 1)
    assert first == "import cf from 'cloudfront';"
    code = _without_literals(rest)
    for word in FORBIDDEN:
        assert not re.search(rf"(?<![\w.$]){re.escape(word)}(?!\w)", code), word
    for sign in ("?.", "??", "...", "`", "?<=", "?<!", "**=", "#", "||=", "&&="):
        assert sign not in code, sign
    assert "?<" not in text  # no look-behind; and named groups are not needed
    assert not re.search(r"(?:const|let|var)\s*[\[{]|=>\s*\{\s*\}|\([^()]*=[^()=>]*\)\s*=>", code)  # no destructuring


def _without_literals(code: str) -> str:
    """Return the code without comments, strings and regular expressions."""
    code = re.sub(r"^\s*//.*$", "", code, flags=re.MULTILINE)
    code = re.sub(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", "''", code)
    return re.sub(r"(?<=[=(\[ ])/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*(?=[;,.)])", "0", code)


def test_no_secret_of_the_platform_is_in_it() -> None:
    """Whoever may read the distribution's configuration reads the function: the names of headers, no word of theirs."""
    text = cloudfront_function(cases.cloudfront_facts(cases.OPEN), private=True)
    assert text.count(EDGE_HEADER) == 1  # where a viewer's own is dropped


def test_the_same_settings_give_the_same_text() -> None:
    """A template changes only when a setting does."""
    one, two = (cloudfront_function(cases.cloudfront_facts(cases.SIZES)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize(
    ("delivery", "key_group", "word"),
    [
        (DeliverySettings(), False, None),
        (cases.OPEN, False, None),
        (cases.SIZES, False, None),
        (cases.SIZES, True, None),
        (cases.PRESETS, False, "presets"),
        (cases.PRESETS, True, "presets"),
        (cases.SIGNED, False, "signed"),
        (cases.SIGNED, True, None),
    ],
)
def test_what_cannot_be_static_is_named(delivery: DeliverySettings, key_group: bool, word: str | None) -> None:
    """Where access cannot be judged at the edge, the function never writes a name, and there is a sentence for why."""
    reasons = static_reasons(cases.cloudfront_facts(delivery), key_group=key_group)
    text = cloudfront_function(cases.cloudfront_facts(delivery), private=key_group)
    assert [f'delivery.access = "{word}"' in reason for reason in reasons] == ([True] if word else [])
    assert ("staticName" in text) is not bool(reasons)


def test_a_platform_below_a_path_is_refused() -> None:
    """A distribution of its own has the whole domain."""
    below = facts(ServerSettings(public_url="https://example.com/pictures"), kind="cloudfront", folder=None)
    with pytest.raises(InvalidRequest, match="/pictures"):
        cloudfront_function(below)


@pytest.mark.parametrize(
    ("flags", "environ", "warned"),
    [
        ([], {}, False),
        ([], {"IMAGEMILL_DELIVERY__ACCESS": "presets"}, True),
        ([], {"IMAGEMILL_DELIVERY__ACCESS": "signed"}, True),
        (["--private"], {"IMAGEMILL_DELIVERY__ACCESS": "signed"}, False),
    ],
)
def test_the_command_prints_it(flags: list[str], environ: dict[str, str], warned: bool, tmp_path: Path) -> None:
    """`imagemill edge-config cloudfront` writes the text, and says where nothing would be static."""
    done = CliRunner().invoke(app, ["edge-config", "cloudfront", "--data", str(tmp_path), *flags], env=environ)
    assert done.exit_code == 0, done.stderr
    private = bool(flags)
    access = environ.get("IMAGEMILL_DELIVERY__ACCESS", "")
    settings = DeliverySettings(access=access)  # type: ignore[arg-type]  # one of its words
    assert done.stdout == cloudfront_function(cases.cloudfront_facts(settings), private=private)
    assert ("nothing is static" in done.stderr) is warned
