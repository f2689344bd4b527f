"""imgproxy and imagor, built from their source as Go modules against the very libvips that Imagemill runs on.

Apart from `install` because of how that is done: the wheel `pyvips-binary` brings the library but no headers, so those
come from sharp's package of the same libvips version; nothing of it needs root or a system libvips. With one library on
all sides the encoders are the same, and what differs is the servers. Versions are pinned in `peer_setup/*/go.sum` and
`peer_setup/libvips/package-lock.json`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
from pathlib import Path

from benchmarks.install import PEERS, SETUP, NotInstalled, npm_folder, run

_BUILD_SECONDS = 900
_HEADERS = "node_modules/@img/sharp-libvips-dev/include"
_GLIB_CONFIG = "node_modules/@img/sharp-libvips-linux-x64/lib/glib-2.0/include"


def imgproxy() -> Path:
    """The program imgproxy."""
    return _built("imgproxy", "github.com/imgproxy/imgproxy/v2")


def imagor() -> Path:
    """The program imagor."""
    return _built("imagor", "github.com/cshum/imagor/cmd/imagor")


def _library() -> Path:
    """The shared libvips that our own engine loads."""
    found = sorted((Path(sysconfig.get_path("platlib")) / "pyvips_binary.libs").glob("libvips-*.so.*"))
    if not found:
        raise NotInstalled("the Go servers are built against the libvips of the wheel pyvips-binary, which is not here")
    return found[0]


def _built(name: str, package: str) -> Path:
    """Build the program where it is not there yet for these modules and this library."""
    if shutil.which("go") is None or shutil.which("gcc") is None:
        raise NotInstalled(f"{name} needs go and gcc, which are not installed")
    modules, folder, library = SETUP / name, PEERS / name, _library()
    stamp = folder / ".built-from"
    origin = hashlib.sha256((modules / "go.sum").read_bytes()).hexdigest() + f" {library}"
    if not (stamp.is_file() and stamp.read_text() == origin):
        headers = npm_folder("libvips")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = os.environ | _flags(headers, library)
        build = ["go", "build", "-mod=readonly", "-o", str(folder / name), package]
        run(["nice", *build], name, cwd=modules, environment=environment, seconds=_BUILD_SECONDS)
        stamp.write_text(origin)
    return folder / name


def _flags(headers: Path, library: Path) -> dict[str, str]:
    """Compiler and linker flags. They stand in the environment, because Go's build cache knows those by value.

    imgproxy 2 includes a header of libvips 7, of which it uses nothing and which libvips 8.18 no longer has: it gets
    an empty one.
    """
    shim = headers / "shim"
    (shim / "vips").mkdir(parents=True, exist_ok=True)
    (shim / "vips" / "vips7compat.h").write_text("")
    (shim / "vips.pc").write_text("Name: vips\nDescription: found through CGO_CFLAGS and CGO_LDFLAGS\nVersion: 8.18\n")
    includes = (shim, headers / _HEADERS, headers / _HEADERS / "glib-2.0", headers / _GLIB_CONFIG)
    return {
        "PKG_CONFIG_LIBDIR": str(shim),
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": " ".join(("-O2", "-w", *(f"-I{folder}" for folder in includes))),
        "CGO_LDFLAGS": f"-L{library.parent} -l:{library.name} -Wl,-rpath,{library.parent}",
        "CGO_LDFLAGS_ALLOW": "-(s|w)",
    }
