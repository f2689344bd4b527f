"""`python -m deploy.aws.bundle` (`make aws-bundle`): the zips that Lambda runs, with the same bytes every time.

Four by default, `build/aws/imagemill-{delivery,control}-{arm64,x86_64}.zip`, for Lambda's Python. Their packages are
those of the lock files beside this one, which `make lock` holds to the project's own lock; ours is `src/imagemill`
without what a function never runs. Prints what each package weighs. Exit status 1 with one sentence when it cannot.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.aws.archive import compile_for, copy_package, files, sizes_of, unpack, write_zip
from deploy.aws.trim import trim
from deploy.aws.wheels import ARCHITECTURES, BundleError, Target, fetch, pins

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "src" / "imagemill"
LAMBDA_PYTHON = "3.13"
"""Lambda's newest Python on Amazon Linux 2023 with a long life (until 2029-06)."""

COMPILED = "compiled (.pyc)"
"""The row of the table that sums up the compiled files."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One bundle: which of our sub-packages stay at home, how large it may be unpacked (bytes), whose sources it keeps.

    `keep_sources` None keeps all: see `compile_for`.
    """

    name: str
    without: frozenset[str]
    limit: int
    keep_sources: str | None = None

    @property
    def lock(self) -> Path:
        """The lock file of what it needs."""
        return Path(__file__).with_name(f"requirements-{self.name}.lock")


_AT_HOME = frozenset({"cli", "demo", "offline", "supervision", "testing", "__main__.py"})
"""What serves one machine: its command line, its samples, its processes."""

KINDS = {
    "delivery": Kind("delivery", _AT_HOME | {"control"}, 70_000_000, "imagemill"),
    "control": Kind("control", _AT_HOME, 250_000_000),
}
"""Bytes: 70 MB keep the delivery function's cold start short; Lambda itself unpacks no more than 250."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip that was made: its size, and bytes unpacked by package. `compiled` tells whether it has compiled files."""

    path: Path
    zipped: int
    sizes: Mapping[str, int]
    compiled: bool

    @property
    def unpacked(self) -> int:
        """Bytes of all files together."""
        return sum(self.sizes.values())


def build(kind: Kind, target: Target, *, out: Path, shelf: Path, compiler: str | None = None) -> Bundle:
    """Make one zip in `out`. `shelf` keeps wheels between runs; `compiler` is a Python of the target's version.

    Raises BundleError where a wheel is missing, the index is away, or the result is larger than Lambda should load.
    """
    with tempfile.TemporaryDirectory(prefix="imagemill-bundle-") as scratch:
        folder = Path(scratch)
        sizes = assemble(kind, target, folder, shelf=shelf, compiler=compiler)
        suffix = "" if target.python == LAMBDA_PYTHON else f"-py{target.python}"
        path = out / f"imagemill-{kind.name}-{target.arch}{suffix}.zip"
        return Bundle(path, write_zip(folder, path), sizes, compiler is not None)


def assemble(
    kind: Kind, target: Target, folder: Path, *, shelf: Path, compiler: str | None = None
) -> Mapping[str, int]:
    """Put everything of a bundle into the empty `folder`; return bytes by package. Raises BundleError as `build`."""
    wheels = fetch(pins(kind.lock), target, shelf)
    placed = {name: unpack(wheel, folder) for name, wheel in sorted(wheels.items())}
    trim(folder)
    sizes = {"imagemill": copy_package(OURS, folder, without=kind.without) + _own_metadata(folder)}
    if compiler is not None:
        sizes[COMPILED] = compile_for(compiler, target.python, folder, keep_sources=kind.keep_sources)
    sizes |= {name: sum(path.stat().st_size for path in paths if path.exists()) for name, paths in placed.items()}
    unpacked = sum(one.stat().st_size for _, one in files(folder))
    if unpacked > kind.limit:
        raise BundleError(
            f"the {kind.name} bundle for {target.arch} is {unpacked / 1e6:.1f} MB unpacked, "
            f"more than its {kind.limit / 1e6:.0f} MB; in MB:\n{sizes_of(sizes)}"
        )
    return sizes


def _own_metadata(folder: Path) -> int:
    """Name and version of the project, which it asks for when it names itself to other servers, and its licence."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    place = folder / f"imagemill-{project['version']}.dist-info"
    place.mkdir()
    written = f"Metadata-Version: 2.1\nName: imagemill\nVersion: {project['version']}\n".encode()
    (place / "METADATA").write_bytes(written)
    shutil.copyfile(ROOT / "LICENSE", place / "LICENSE")
    return len(written) + (place / "LICENSE").stat().st_size


def compiler_for(version: str) -> str | None:
    """Return a Python of that version to compile with: this one, PYTHON313 (for 3.13), or one on the PATH."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if named := os.environ.get("PYTHON" + version.replace(".", "")):
        return shutil.which(named) or named
    found = shutil.which(f"python{version}")
    if found is None:
        return None
    # A name on the PATH may be a switch between versions that has none of this one.
    works = subprocess.run([found, "-I", "-c", ""], capture_output=True, check=False).returncode == 0
    return found if works else None


def report(bundle: Bundle) -> str:
    """Return the table of what weighs how much, in MB."""
    head = f"{bundle.path.name}: {bundle.zipped / 1e6:.1f} MB, unpacked {bundle.unpacked / 1e6:.1f} MB"
    return f"{head}\n{sizes_of(bundle.sizes)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.aws.bundle", description="Make the zips that Lambda runs.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{' or '.join(KINDS)}; both without")
    parser.add_argument("--arch", action="append", help=f"{' or '.join(ARCHITECTURES)}; both without")
    parser.add_argument("--python", default=LAMBDA_PYTHON, help=f"for which Python (default {LAMBDA_PYTHON})")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "aws", help="where the zips go")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "aws" / "wheels", help="kept between runs")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Make what was asked for and print what it weighs; returns the exit status."""
    asked = _parser().parse_args(arguments)
    say = sys.stdout.write
    try:
        if unknown := [name for name in asked.kinds if name not in KINDS]:
            raise BundleError(f"there is no bundle {unknown[0]!r}, only {' and '.join(KINDS)}")
        targets = [Target(arch, asked.python) for arch in asked.arch or ARCHITECTURES]
        compiler = compiler_for(asked.python)
        for name in asked.kinds or KINDS:
            for target in targets:
                made = build(KINDS[name], target, out=asked.out, shelf=asked.wheels, compiler=compiler)
                say(f"{report(made)}\n")
        if compiler is None:
            variable = "PYTHON" + asked.python.replace(".", "")
            say(
                f"There is no Python {asked.python} here to compile the bundles, so every cold start will. "
                f"For a release set {variable}=/path/to/python{asked.python}.\n"
            )
    except BundleError as error:
        sys.stderr.write(f"aws-bundle: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
