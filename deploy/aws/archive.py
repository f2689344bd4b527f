"""What goes into a bundle, and a zip of it with the same bytes every time.

A zip holds times, permissions and an order, and all three differ between two machines; here they are fixed.
(The compressed bytes also depend on the zlib that made them: the same one on the same Python build.)
"""

from __future__ import annotations

import re
import stat
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from deploy.aws.wheels import BundleError

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can tell."""

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a function; a traceback's lines name files below it."""

LICENCE = re.compile(r"(^|[-_./])(licen[cs]es?|copying|notice|authors|third[-_]?party.*)([-_.].*)?$", re.IGNORECASE)
"""Files that must travel with what they license, whatever else is left out."""

_NOT_RUN = re.compile(r"(^|/)(tests?|testing|__pycache__|include|docs?|examples?)/|\.(pyi|pyc|pyx|pxd|c|h|hpp|typed)$")
_METADATA = re.compile(r"^[^/]+\.dist-info/")

_COMPILE = """
import py_compile, sys
from pathlib import Path
root = Path(sys.argv[1])
for path in sorted(root.rglob("*.py")):
    name = path.relative_to(root).as_posix()
    alone = sys.argv[3] and not name.startswith(sys.argv[3] + "/")
    py_compile.compile(str(path), cfile=str(path) + "c" if alone else None, dfile=sys.argv[2] + "/" + name,
                       doraise=True, optimize=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    if alone:
        path.unlink()
"""


def unpack(wheel: Path, into: Path) -> list[Path]:
    """Put what runs of a wheel, and its licences, into the folder; return the files.

    Of its metadata the name and version stay (importlib.metadata and scanners of vulnerabilities read them): the rest
    depends on the tool that built the wheel.
    """
    written = []
    with zipfile.ZipFile(wheel) as archive:
        for info in sorted(archive.infolist(), key=lambda one: one.filename):
            place = _place(info.filename)
            if place is None:
                continue
            body = archive.read(info)
            if place.name == "METADATA" and _METADATA.match(str(place)):
                body = name_and_version(body.decode())
            _write(into / place, body)
            written.append(into / place)
    return written


def _place(name: str) -> PurePosixPath | None:
    """Where a wheel's file goes, below the root; None for what is left out (PEP 427 explains `.data`)."""
    path = PurePosixPath(name)
    if name.endswith("/") or path.is_absolute() or ".." in path.parts:
        return None
    if path.parts[0].endswith(".data"):
        if len(path.parts) < 3 or path.parts[1] not in ("purelib", "platlib"):
            return None
        path = PurePosixPath(*path.parts[2:])
    if _METADATA.match(str(path)):
        wanted = path.name == "METADATA" or LICENCE.search("/".join(path.parts[1:]))
        return path if wanted else None
    return path if LICENCE.search(path.name) or not _NOT_RUN.search(str(path)) else None


def name_and_version(metadata: str) -> bytes:
    """Return the core metadata cut to what names the package."""
    wanted = re.findall(r"^((?:Name|Version): .*)$", metadata.partition("\n\n")[0], re.MULTILINE)
    return "\n".join(["Metadata-Version: 2.1", *wanted, ""]).encode()


def copy_package(package: Path, into: Path, *, without: frozenset[str]) -> int:
    """Copy a package of ours without the sub-packages named; return the size in bytes."""
    size = 0
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        if not path.is_file() or inside.parts[0] in without or _NOT_RUN.search(inside.as_posix()):
            continue
        size += _write(into / package.name / inside, path.read_bytes())
    return size


def _write(path: Path, body: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return len(body)


def compile_for(python: str, version: str, folder: Path, *, keep_sources: str | None = None) -> int:
    """Compile all of the folder with the interpreter `python`, which must be of `version`; return the bytes of it.

    Only the package named by `keep_sources` keeps its sources beside (None: all do); in the others the compiled file
    takes the place of its source, so a traceback through them names lines but cannot show them.

    Lambda's disk is read-only: without compiled files every cold start compiles what it imports. They are marked as
    valid without a look at their source (PEP 552), so they hold no times.
    """
    environ = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=False, env=environ)
    except OSError as error:
        raise BundleError(f"{python} cannot be run ({error.strerror})") from error
    if told.stdout.strip() != version:
        raise BundleError(f"{python} is Python {told.stdout.strip() or 'of no kind'}, but the bundle is for {version}")
    # No -I: it would ignore the fixed seed, on which the order of compiled sets depends.
    done = subprocess.run(
        [python, "-S", "-P", "-c", _COMPILE, str(folder), TASK_ROOT, keep_sources or ""],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
    )
    if done.returncode:
        raise BundleError(f"{python} cannot compile the bundle: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return sum(path.stat().st_size for path in folder.rglob("*.pyc"))


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file by its name in the archive, in the order of the names."""
    return iter(sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()))


def write_zip(folder: Path, target: Path) -> int:
    """Write the folder's files as a zip; return its size in bytes. The zip appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in files(folder):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, whose permissions are read
            entry.external_attr = (stat.S_IFREG | (0o755 if ".so" in path.suffixes else 0o644)) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=6)
    part.replace(target)
    return target.stat().st_size


def sizes_of(table: Mapping[str, int]) -> str:
    """Return the sizes as lines of a table, the largest first, in MB of 1,000,000 bytes."""
    rows = sorted(table.items(), key=lambda row: (-row[1], row[0]))
    return "\n".join(f"  {name:<22} {size / 1e6:>7.2f}" for name, size in rows)
