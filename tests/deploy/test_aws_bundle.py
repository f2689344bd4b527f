"""The zips that Lambda runs: what is in them, what is not, and the same bytes every time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from deploy.aws import bundle, elf, trim
from deploy.aws.archive import LICENCE
from deploy.aws.bundle import KINDS, Bundle
from deploy.aws.wheels import BundleError, Target, pins
from tests.bundles import code_of, made

ROOT = Path(__file__).resolve().parents[2]
AARCH64 = 183
"""The machine's number in an ELF header."""

NEEDED = ("awslambdaric", "cffi", "cryptography", "httpx", "msgspec", "obstore", "PIL", "pillow_heif", "pyvips")
NOT_AMONG = ("boto3", "botocore", "fastapi", "granian", "numpy", "pydantic", "redis", "rich", "typer", "uvloop")


@pytest.fixture(scope="module")
def arm64_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is released: for Lambda's Python on arm64, whatever the tests run on; not compiled."""
    return code_of("delivery", tmp_path_factory.mktemp("arm64"), Target("arm64"))


def python(code: Path, program: str) -> str:
    """Run a program that sees the bundle and Python's library alone; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-P", "-c", program],
        env={"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=code,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_bytes_are_the_same_every_time(delivery_zip: Bundle, tmp_path: Path) -> None:
    """Made again, elsewhere and by somebody whose files are private, the zip is the same."""
    before = os.umask(0o077)
    try:
        again = made("delivery", tmp_path / "again")
    finally:
        os.umask(before)
    one, other = (hashlib.sha256(each.path.read_bytes()).hexdigest() for each in (delivery_zip, again))
    assert one == other


def test_entries_have_fixed_times_modes_and_order(delivery_zip: Bundle) -> None:
    """Nothing of the machine that made it; whatever Lambda's user is, it may read."""
    with zipfile.ZipFile(delivery_zip.path) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644, 0o100755}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


@pytest.mark.parametrize("name", NEEDED)
def test_what_it_must_import_is_there(name: str, delivery_code: Path) -> None:
    """Each package is imported from the bundle, with nothing installed."""
    assert python(delivery_code, f"import {name}; print({name}.__file__)").startswith(str(delivery_code))


def test_the_handler_imports_without_what_only_a_server_needs(delivery_code: Path) -> None:
    """Nothing heavy is loaded before the first request; nothing of the command line is even there."""
    loaded = python(delivery_code, "import sys, imagemill.functions.delivery; print(*sys.modules)").split()
    tops = {name.partition(".")[0] for name in loaded}
    assert "imagemill" in tops
    assert not tops & {*NOT_AMONG, "cryptography", "httpx", "PIL", "prometheus_client", "structlog"}
    assert not (delivery_code / "imagemill" / "cli").exists()
    assert not (delivery_code / "imagemill" / "control").exists()


@pytest.mark.parametrize("name", ["control", "events", "authorizer"])
def test_the_other_handlers_import_from_theirs(name: str, control_code: Path) -> None:
    """The functions behind the API and the queue have a bundle of their own."""
    assert "handler" in python(control_code, f"import imagemill.functions.{name} as it; print(it.handler.__name__)")


def test_what_a_function_never_runs_is_left_out(delivery_code: Path) -> None:
    """No server, no SDK, no tests, no headers, no type stubs."""
    assert not {path.name for path in delivery_code.iterdir()} & set(NOT_AMONG)
    left = [path for path in delivery_code.rglob("*") if re.search(r"/tests?/|\.(pyi|h|pyx|typed)$", str(path))]
    assert left == []
    assert not list(delivery_code.rglob("*x265*"))


def test_heic_is_read_without_the_encoder(delivery_code: Path, corpus: Path) -> None:
    """Libheif works though the library that it names is gone."""
    program = (
        "import sys, pillow_heif; one = pillow_heif.HeifFile(open(sys.argv[1], 'rb').read())[0];"
        "print(*one.size, len(one.data) // one.size[1] // one.size[0])"
    )
    program = program.replace("sys.argv[1]", repr(str(corpus / "heif" / "example.heic")))
    assert python(delivery_code, program).split() == ["1280", "854", "3"]


@pytest.mark.parametrize("form", ["BMP", "ICO", "PNG", "AVIF"])
def test_what_is_left_of_pillow_reads_what_we_read_with_it(form: str, delivery_code: Path) -> None:
    """Each format that the engine gives to Pillow is written and read by it."""
    program = (
        f"import io; from PIL import Image, {form.title()}ImagePlugin as it; made = io.BytesIO();"
        f"Image.new('RGB', (16, 16), 'red').save(made, '{form}'); made.seek(0);"
        f"print(it.{form.title()}ImageFile(made).convert('RGB').getpixel((8, 8)))"
    )
    red, green, blue = map(int, re.findall(r"\d+", python(delivery_code, program)))
    assert red > 240
    assert max(green, blue) < 16


def test_licences_travel_with_what_they_license(delivery_code: Path) -> None:
    """Every package that says its licence in a file of its wheel says it here, and so do we."""
    named = [path.relative_to(delivery_code).as_posix() for path in delivery_code.rglob("*") if path.is_file()]
    with_licence = {name.partition("/")[0] for name in named if LICENCE.search(name)}
    shipped = {path.name for path in delivery_code.glob("*.dist-info")}
    # Their wheels hold no such file; both name it in their metadata (MIT, Apache-2.0).
    silent = {name for name in shipped if name.startswith(("obstore-", "snapshot_restore_py-"))}
    assert shipped - silent <= with_licence
    assert "imagemill/engine/fonts/LICENSE-DejaVu.txt" in named


def test_packages_tell_their_names_and_versions(delivery_code: Path) -> None:
    """What scanners of vulnerabilities read is that of the lock file."""
    program = "from importlib.metadata import distributions as all_; print(*(f'{d.name}=={d.version}' for d in all_()))"
    told = {pair.lower().replace("_", "-") for pair in python(delivery_code, program).split()}
    wanted = {f"{pin.name}=={pin.version}" for pin in pins(KINDS["delivery"].lock).values()}
    assert wanted <= told
    assert {one for one in told - wanted if not one.startswith("imagemill==")} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_locks_are_those_of_the_project(kind: str) -> None:
    """What runs on Lambda is what the tests ran with; hashes too."""
    ours, project = pins(KINDS[kind].lock), pins(ROOT / "requirements-dev.lock")
    for name, pin in ours.items():
        assert pin.version == project[name].version, name
        assert pin.hashes <= project[name].hashes, name


def test_what_is_released_is_for_arm64_and_whole(arm64_code: Path) -> None:
    """Every library in it is for that machine, and needs nothing but what is there or in Lambda's system."""
    libraries = [path for path in arm64_code.rglob("*.so*") if elf.is_elf(path.read_bytes()[:6])]
    assert len(libraries) > 10
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries} == {AARCH64}
    assert trim.unresolved(arm64_code) == {}


def test_delivery_is_at_most_70_mb_unpacked(delivery_zip: Bundle, arm64_code: Path) -> None:
    """On either machine; the table of sizes adds up to what is there."""
    with zipfile.ZipFile(delivery_zip.path) as archive:
        there = sum(entry.file_size for entry in archive.infolist())
    assert there == delivery_zip.unpacked
    assert there <= 70_000_000
    assert sum(path.stat().st_size for path in arm64_code.rglob("*") if path.is_file()) <= 70_000_000


def test_it_is_compiled_for_the_python_that_runs_it(delivery_zip: Bundle, arm64_code: Path) -> None:
    """Compiled files are trusted without a look at times; none are there where no such Python was."""
    with zipfile.ZipFile(delivery_zip.path) as archive:
        compiled = [name for name in archive.namelist() if name.endswith(".pyc")]
        flags = {archive.read(name)[4] for name in compiled}
    assert any(name.startswith("imagemill/delivery/__pycache__/pipeline.") for name in compiled)
    assert flags == {1}  # PEP 552: by a hash, which is not checked
    assert not list(arm64_code.rglob("*.pyc"))


def test_a_bundle_that_is_too_large_is_an_error_with_the_table(tmp_path: Path) -> None:
    """The limit is held when it is made, not when it is deployed."""
    from dataclasses import replace

    from tests.bundles import HERE, shelf

    with pytest.raises(BundleError, match=r"more than its 10 MB; in MB:\n +pyvips-binary"):
        bundle.build(replace(KINDS["delivery"], limit=10_000_000), HERE, out=tmp_path, shelf=shelf())
