"""What a bundle says when it cannot be made: one sentence, and nothing half made."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from deploy.aws import bundle, elf
from deploy.aws.archive import compile_for, name_and_version, unpack, write_zip
from deploy.aws.trim import trim
from deploy.aws.wheels import BundleError, Pin, Target, fetch, pins
from tests.bundles import HERE, shelf

NO_INDEX = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/", "PIP_RETRIES": "1", "PIP_NO_CACHE_DIR": "1"}
"""Nothing listens on port 9 ("discard"): the package index is away."""


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip without an index."""
    for name, value in NO_INDEX.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


def test_an_unknown_architecture_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """And so are those that there are."""
    assert bundle.main(["delivery", "--arch", "riscv"]) == 1
    assert capsys.readouterr().err == "aws-bundle: architecture 'riscv' is not one of arm64, x86_64\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["thumbnails"], "there is no bundle 'thumbnails', only delivery and control"),
        (["--python", "2.7"], "a Python version such as 3.13 is expected, not '2.7'"),
    ],
)
def test_what_is_asked_wrongly_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence on standard error, and exit status 1."""
    assert bundle.main(arguments) == 1
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("offline")
def test_without_the_index_it_says_so(tmp_path: Path) -> None:
    """No network and no wheels of an earlier run."""
    with pytest.raises(BundleError, match="the package index cannot be reached"):
        fetch({"cffi": pins(bundle.KINDS["delivery"].lock)["cffi"]}, HERE, tmp_path)


@pytest.mark.usefixtures("offline")
def test_a_wheel_that_was_changed_on_the_shelf_is_not_used(tmp_path: Path, delivery_code: Path) -> None:
    """What an earlier run left is held to the lock file's hashes like anything else."""
    assert delivery_code.is_dir()  # so the shelf is filled
    wanted = {"cffi": pins(bundle.KINDS["delivery"].lock)["cffi"]}
    wheel = next((shelf() / f"{HERE.arch}-{HERE.abi}").glob("cffi-*.whl"))
    copy = tmp_path / f"{HERE.arch}-{HERE.abi}" / wheel.name
    copy.parent.mkdir()
    shutil.copyfile(wheel, copy)
    assert fetch(wanted, HERE, tmp_path) == {"cffi": copy}
    copy.write_bytes(copy.read_bytes() + b"\0")
    with pytest.raises(BundleError):
        fetch(wanted, HERE, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"cannot be read \(No such file or directory\); `make lock` writes it"),
        ("# nothing\n", "pins nothing"),
        ("cffi==2.1.1\n", "gives no hash for cffi"),
    ],
)
def test_a_lock_file_that_pins_too_little_is_refused(text: str | None, words: str, tmp_path: Path) -> None:
    """No version is chosen by chance."""
    lock = tmp_path / "requirements.lock"
    if text is not None:
        lock.write_text(text)
    with pytest.raises(BundleError, match=words):
        pins(lock)


def test_a_lock_file_is_read_as_pip_reads_it(tmp_path: Path) -> None:
    """Names as indexes compare them, hashes over several lines, comments aside."""
    lock = tmp_path / "requirements.lock"
    first, second = "a" * 64, "b" * 64
    lock.write_text(
        f"Pillow_HEIF==1.8.1 \\\n    --hash=sha256:{first} \\\n    --hash=sha256:{second}\n    # via x==1\n"
    )
    assert pins(lock) == {"pillow-heif": Pin("pillow-heif", "1.8.1", frozenset({first, second}))}


def test_compiling_with_another_python_is_refused(tmp_path: Path) -> None:
    """Its files would be ignored, and every cold start would compile: that must not pass unseen."""
    with pytest.raises(BundleError, match=rf"is Python {HERE.python.replace('.', '[.]')}, but the bundle is for 3\.99"):
        compile_for(sys.executable, "3.99", tmp_path)
    with pytest.raises(BundleError, match="cannot be run"):
        compile_for(str(tmp_path / "python"), "3.13", tmp_path)


def test_code_that_does_not_compile_is_refused(tmp_path: Path) -> None:
    """By the interpreter that it is for."""
    (tmp_path / "broken.py").write_text("def (:\n")
    with pytest.raises(BundleError, match="cannot compile the bundle"):
        compile_for(sys.executable, HERE.python, tmp_path)


def test_a_rule_about_a_library_that_no_longer_fits_is_an_error(tmp_path: Path, delivery_code: Path) -> None:
    """The next release of a wheel may need other libraries: better an error than a function that cannot start."""
    heif = next(delivery_code.glob("pillow_heif.libs/libheif-*"))
    copy = tmp_path / "pillow_heif.libs" / heif.name
    copy.parent.mkdir()
    shutil.copyfile(heif, copy)  # it has lost its need already
    with pytest.raises(BundleError, match=r"no longer needs libx265; take the rule out of deploy/aws/trim\.py"):
        trim(tmp_path)


def test_a_wheel_is_unpacked_without_leaving_its_folder(tmp_path: Path) -> None:
    """Names that climb out are passed over; files of `.data` go where an installer puts them (PEP 427)."""
    wheel = tmp_path / "it-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in (
            "../outside.py",
            "it/__init__.py",
            "it/tests/test_it.py",
            "it/it.pyi",
            "it-1.data/purelib/it/pure.py",
            "it-1.data/scripts/it",
            "it-1.dist-info/RECORD",
            "it-1.dist-info/licenses/LICENSE.md",
        ):
            archive.writestr(name, "x = 1\n")
        archive.writestr("it-1.dist-info/METADATA", "Metadata-Version: 2.4\nName: it\nVersion: 1\n\nName: not it\n")
    into = tmp_path / "into"
    names = {path.relative_to(into).as_posix() for path in unpack(wheel, into)}
    licence = "it-1.dist-info/licenses/LICENSE.md"
    assert names == {"it/__init__.py", "it/pure.py", "it-1.dist-info/METADATA", licence}
    assert (into / "it-1.dist-info" / "METADATA").read_bytes() == b"Metadata-Version: 2.1\nName: it\nVersion: 1\n"
    assert not (tmp_path / "outside.py").exists()


def test_metadata_is_cut_to_name_and_version() -> None:
    """The rest depends on the tool that built the wheel, down to its version."""
    assert name_and_version("Metadata-Version: 2.4\nName: a\nVersion: 2\nSummary: Name: b\n\nName: c\n") == (
        b"Metadata-Version: 2.1\nName: a\nVersion: 2\n"
    )


def test_a_zip_that_is_not_finished_has_not_its_name(tmp_path: Path) -> None:
    """It gets it with its last byte: what is deployed is never half a function."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "here.py").write_text("x = 1\n")
    target = tmp_path / "it.zip"
    target.mkdir()  # in the way of the last step
    with pytest.raises(OSError, match="directory"):
        write_zip(folder, target)
    target.rmdir()
    assert write_zip(folder, target) == target.stat().st_size


@pytest.mark.parametrize("body", [b"", b"\x7fELF\x01\x01", b"MZ" + bytes(100)])
def test_what_is_no_library_is_not_taken_for_one(body: bytes) -> None:
    """32 bits, another system, nothing at all."""
    assert not elf.is_elf(body)
    with pytest.raises(elf.NotElf):
        elf.stripped(body)


def test_pip_is_told_every_platform_that_lambda_runs() -> None:
    """Without manylinux_2_24 pip would take a release of obstore from years ago."""
    flags = Target("arm64").pip_flags
    assert "--platform=manylinux_2_24_aarch64" in flags
    assert "--platform=manylinux_2_28_aarch64" in flags
    assert {"--abi=cp313", "--abi=abi3", "--abi=none", "--python-version=3.13"} <= set(flags)


def test_the_compiler_is_this_python_or_one_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PYTHON399 names one; a program on the PATH counts only if it runs, as a switch of versions may hold none."""
    switch = tmp_path / "python3.99"
    switch.write_text("#!/bin/sh\nexit 127\n")
    switch.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON399", raising=False)
    assert bundle.compiler_for(HERE.python) == sys.executable
    assert bundle.compiler_for("3.99") is None
    switch.write_text("#!/bin/sh\nexit 0\n")
    assert bundle.compiler_for("3.99") == str(switch)
    monkeypatch.setenv("PYTHON399", "/opt/python")
    assert bundle.compiler_for("3.99") == "/opt/python"
