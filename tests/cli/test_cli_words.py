from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.programs import imagemill

from imagemill.cli.app import COMMANDS, TRACE, name_of, run
from imagemill.cli.exit_codes import UsageError, exit_code_of, exit_code_of_many
from imagemill.cli.words import bytes_in_words, counted, visible
from imagemill.errors import NotFound
from imagemill.settings import SettingsError

NAMES = [name_of(command) for command in COMMANDS]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_teaches_by_example(name: str, tmp_path: Path) -> None:
    """--help of each command names its parts apart and ends in lines that can be copied."""
    ended = imagemill(name, "--help", cwd=tmp_path)
    assert ended.code == 0
    assert "Example" in ended.out
    usage = ended.out.partition("\n\n")[0].split()
    assert "[[" not in ended.out
    assert len(usage) == len(set(usage)), "two parts of the usage have one name"
    assert f"\n    imagemill {name}" in ended.out or f"| imagemill {name}" in ended.out


def test_the_list_of_commands_names_each(tmp_path: Path) -> None:
    """`imagemill --help` and `imagemill` alone list every command."""
    ended = imagemill("--help", cwd=tmp_path)
    listed = [line.split()[0] for line in ended.out.partition("Commands:\n")[2].splitlines() if line.startswith("  ")]
    assert listed[: len(NAMES)] == NAMES
    assert imagemill(cwd=tmp_path).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serv"], "Did you mean 'serve'"),
        (["serve", "--prot", "1"], "--port"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--port", "70000"], "server.port (flag): expected a whole number from 0 to 65535, received '70000'"),
        (["serve", "--workers", "-1"], "engine.workers (flag)"),
        (["serve", "--log-format", "xml"], "log.format (flag)"),
        (["serve", "here"], "unexpected extra argument"),
        (["put"], "Missing argument"),
        (["sign"], "Missing argument"),
        (["sign", "/img/_/a.jpg", "--expires", "soon"], "--expires: expected a time such as 30m"),
        (["put", "nowhere.jpg"], "There is no file or folder nowhere.jpg."),
        (["put", "-"], "give it a key"),
        (["put", ".", "--key", "a.jpg"], "--key names one original"),
        (["get"], "Missing argument"),
        (["get", "a.jpg", "--variant", "wdith=300"], "width"),
        (["url", "a.jpg", "w=0,fm=wepb"], "webp"),
        (["purge"], "Name what to purge"),
        (["purge", "a.jpg", "--all-variants"], "Name what to purge"),
        (["purge", "a.jpg", "--tag", "summer"], "--tag TAG"),
        (["purge", "--prefix", "a", "--variant", "w=1"], "goes with a key"),
        (["purge", "a.jpg", "--variant", "q=900"], "1…100"),
        (["rm", "-r", ""], "every original"),
    ],
)
def test_mistakes_on_the_command_line_are_usage(arguments: list[str], said: str, tmp_path: Path) -> None:
    """A wrong command line ends with 2 and the words that put it right; nothing is created."""
    ended = imagemill(*arguments, cwd=tmp_path)
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == []


def test_every_wrong_option_is_named(tmp_path: Path) -> None:
    """A list with three faults is answered with all three."""
    ended = imagemill("url", "a.jpg", "w=0,fit=covr,zz=1", cwd=tmp_path)
    assert all(part in ended.err for part in ("w:", "fit:", "zz:"))


@pytest.mark.parametrize("command", [["ls"], ["get", "a.jpg"], ["rm", "a.jpg"], ["purge", "a.jpg"], ["url", "a.jpg"]])
def test_a_wrong_folder_is_not_created(command: list[str], tmp_path: Path) -> None:
    """A command that only looks says that there is no data folder here, and how to name the right one."""
    ended = imagemill(*command, cwd=tmp_path)
    assert ended.code == 1
    assert "There is no data folder" in ended.err
    assert "--data" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """The address is named, and the variable that holds it."""
    ended = imagemill("ls", cwd=tmp_path, env={"IMAGEMILL_SERVER": "http://127.0.0.1:9"})
    assert ended.code == 1
    assert "No Imagemill server answers at http://127.0.0.1:9" in ended.err
    assert "IMAGEMILL_SERVER" in ended.err


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"IMAGEMILL_SERVER": "img.example.com"}, "expected a URL such as https://"),
        ({"IMAGEMILL_SERVER": "http://127.0.0.1:9", "IMAGEMILL_API_KEY_FILE": "nowhere"}, "cannot be read"),
    ],
)
def test_a_wrong_environment_is_named(env: dict[str, str], said: str, tmp_path: Path) -> None:
    """The variable that is wrong is named before anything is sent."""
    ended = imagemill("ls", cwd=tmp_path, env=env)
    assert ended.code == 1
    assert said in ended.err
    assert "IMAGEMILL_" in ended.err


def test_version_is_answered_without_the_command_line(tmp_path: Path) -> None:
    """`imagemill --version` imports nothing that it does not need."""
    code = "import sys; sys.argv[1:] = ['--version']; import imagemill.__main__ as m; m.main(); print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.startswith("imagemill 0.")
    assert not {"typer", "rich", "httpx", "fastapi"} & set(printed.split())


def test_help_and_start_import_nothing_heavy() -> None:
    """Registering every command costs no HTTP client, framework, progress bar, server or picture library."""
    code = "import sys, imagemill.cli.app; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"rich", "httpx", "fastapi", "pydantic", "granian", "pyvips", "structlog", "msgspec", "asyncio", "tomllib"}
    assert not heavy & set(printed.split())


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9999, "10 kB"),
        (999_600, "1.0 MB"),
        (34e6, "34 MB"),
    ],
)
def test_bytes_in_words(count: int, words: str) -> None:
    """Two figures are enough to compare sizes."""
    assert bytes_in_words(count) == words


def test_words_for_a_terminal() -> None:
    """A key cannot write escape sequences or turn the direction of a terminal's text."""
    assert visible("a\x1b[31m\u202eb.jpg") == "a\\x1b[31m\\u202eb.jpg"
    assert visible("café 日本.jpg") == "café 日本.jpg"
    assert (counted(1, "variant"), counted(0, "variant")) == ("1 variant", "0 variants")


def test_exit_codes() -> None:
    """0 done, 1 failed, 2 usage, 3 partly failed."""
    assert [exit_code_of_many(*pair) for pair in ((3, 0), (0, 2), (1, 2), (0, 0))] == [0, 1, 3, 0]
    assert exit_code_of(NotFound("x")) == 1
    assert exit_code_of(UsageError("x")) == 2
    assert exit_code_of(SettingsError("x")) == 1
    assert exit_code_of(SettingsError("x", usage=True)) == 2


def test_an_unforeseen_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake of ours shows no trace unless somebody asks for it."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("surprise")

    monkeypatch.setattr("imagemill.settings.Settings.load", broken)
    monkeypatch.setattr(sys, "argv", ["imagemill", "settings"])
    assert run() == 1
    assert "a mistake in Imagemill itself: KeyError: 'surprise'" in capsys.readouterr().err
    monkeypatch.setenv(TRACE, "1")
    with pytest.raises(KeyError):
        run()
