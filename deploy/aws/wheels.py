"""The wheels of a bundle: fetched for another machine than this one, and held to the hashes of a lock file.

Apart from what is done with them (archive.py), since this is the only part that talks to a package index, and it does
so through pip alone. pip's traps here: a platform tag that is left out makes it take an older release, and a package
without wheels makes it take an ancient one. Every version is pinned, so both become errors instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's word for an architecture, and that of the wheels."""

GLIBC = ("manylinux_2_28", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
"""Tags that run on Amazon Linux 2023 (glibc 2.34); pip takes no older one for the newest, so all are named."""

FROM_SOURCE = "pyvips"
"""Published as a source archive only. It is pure Python where libvips comes from pyvips-binary."""

NO_SYSTEM_LIBRARIES = {"PKG_CONFIG_LIBDIR": "/nonexistent", "PKG_CONFIG_PATH": ""}
"""Where pyvips finds the headers of a system's libvips it builds itself against that, which Lambda does not have."""

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class BundleError(Exception):
    """A bundle cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a bundle runs: a key of ARCHITECTURES, and a Python version such as "3.13"."""

    arch: str
    python: str = "3.13"

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise BundleError(f"architecture {self.arch!r} is not one of {', '.join(ARCHITECTURES)}")
        if re.fullmatch(r"3\.\d\d", self.python) is None:
            raise BundleError(f"a Python version such as 3.13 is expected, not {self.python!r}")

    @property
    def abi(self) -> str:
        """The tag of compiled modules, such as cp313."""
        return "cp" + self.python.replace(".", "")

    @property
    def pip_flags(self) -> list[str]:
        """What tells pip to choose for the target instead of for the running interpreter."""
        machine = ARCHITECTURES[self.arch]
        flags = [f"--platform={tag}_{machine}" for tag in GLIBC]
        flags += [f"--python-version={self.python}", "--implementation=cp"]
        return flags + [f"--abi={abi}" for abi in (self.abi, "abi3", "none")]


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock file: its normalised name, its version, and the hashes of its files."""

    name: str
    version: str
    hashes: frozenset[str]

    def line(self) -> str:
        """The pin as pip reads it."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{one}" for one in sorted(self.hashes))])


def pins(lock: Path) -> dict[str, Pin]:
    """Return what the file pins, by name. Raises BundleError for a file that is not there, or a pin without a hash."""
    try:
        lines = lock.read_text().replace("\\\n", " ").splitlines()
    except OSError as error:
        raise BundleError(f"{lock.name} cannot be read ({error.strerror}); `make lock` writes it") from error
    found: dict[str, Pin] = {}
    for line in lines:
        if match := _PIN.match(line):
            pin = Pin(normalised(match[1]), match[2], frozenset(_HASH.findall(line)))
            if not pin.hashes:
                raise BundleError(f"{lock.name} gives no hash for {pin.name}; `make lock` writes it anew")
            found[pin.name] = pin
    if not found:
        raise BundleError(f"{lock.name} pins nothing; `make lock` writes it anew")
    return found


def normalised(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch(wanted: Mapping[str, Pin], target: Target, shelf: Path) -> dict[str, Path]:
    """Return one wheel for each pin, by name; `shelf` is a folder in which they are kept between runs.

    What lies on the shelf is used only if its hash is one of the pin's; who comes while it is filled waits. Raises
    BundleError with pip's last words.
    """
    folder = shelf / f"{target.arch}-{target.abi}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        return _filled(wanted, target, shelf, folder)


def _filled(wanted: Mapping[str, Pin], target: Target, shelf: Path, folder: Path) -> dict[str, Path]:
    found = _on_shelf(folder, wanted)
    missing = [pin for name, pin in wanted.items() if name not in found]
    ready = [pin for pin in missing if pin.name != FROM_SOURCE]
    if ready:
        flags = ["download", "--no-deps", "--only-binary=:all:", *target.pip_flags, f"--dest={folder}"]
        _pip(flags, ready, target, shelf)
    if len(missing) > len(ready):
        # Not from pip's cache: what lies there may have been built against a libvips of the machine.
        flags = ["wheel", "--no-deps", "--no-cache-dir", f"--wheel-dir={folder}"]
        _pip(flags, [wanted[FROM_SOURCE]], target, shelf)
    found = _on_shelf(folder, wanted)
    if absent := sorted(set(wanted) - set(found)):
        raise BundleError(f"pip left no usable wheel of {', '.join(absent)} for {target.arch}, Python {target.python}")
    return found


def _on_shelf(folder: Path, wanted: Mapping[str, Pin]) -> dict[str, Path]:
    """Wheels in the folder that a pin vouches for; the one built here is vouched for by its tag and version."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, *_ = path.name.split("-")
        pin = wanted.get(normalised(name))
        if pin is None or pin.version != version:
            continue
        built_here = pin.name == FROM_SOURCE and path.name.endswith("-py3-none-any.whl") and zipfile.is_zipfile(path)
        if built_here or hashlib.sha256(path.read_bytes()).hexdigest() in pin.hashes:
            found[pin.name] = path
    return found


def _pip(flags: list[str], packages: list[Pin], target: Target, shelf: Path) -> None:
    """Run pip for what is pinned, hashes required; its error becomes ours, in short."""
    asked = shelf / f"wanted-{target.arch}-{target.abi}.txt"
    asked.write_text("".join(f"{pin.line()}\n" for pin in packages))
    command = [sys.executable, "-m", "pip", flags[0], "--quiet", "--disable-pip-version-check", *flags[1:]]
    done = subprocess.run(
        [*command, "--require-hashes", f"--requirement={asked}"],
        env=os.environ | NO_SYSTEM_LIBRARIES,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(_reason(done.stderr, target))


def _reason(words: str, target: Target) -> str:
    """The one sentence a reader needs of what pip wrote."""
    errors = [line.removeprefix("ERROR: ") for line in words.splitlines() if line.startswith("ERROR: ")]
    said = errors[-1] if errors else (words.strip().splitlines() or ["nothing"])[-1]
    if "NewConnectionError" in words or "Temporary failure in name resolution" in words or "ConnectTimeout" in words:
        return f"the package index cannot be reached; the wheels of an earlier run would do (pip: {said})"
    if "No matching distribution" in words:
        return f"there is no wheel for {target.arch} and Python {target.python} ({said})"
    if "DO NOT MATCH THE HASHES" in words:
        return f"a package is not what the lock file says; nothing was bundled (pip: {said})"
    return f"pip could not fetch the wheels: {said}"
