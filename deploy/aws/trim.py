"""What a bundle leaves out of its packages' compiled parts, so that it stays small; each with its reason.

Apart from archive.py, which knows files and zips but no package by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from deploy.aws import elf
from deploy.aws.wheels import BundleError

UNUSED = (
    (
        r"^PIL/_imaging(ft|cms|math|morph|tk)\.|^PIL/_webp\.",
        "of Pillow we use BMP, ICO, PNG and AVIF; libvips the rest",
    ),
    (r"^PIL/(?!Avif|Bmp|Ico|Png)\w+ImagePlugin\.py$", "the same; Pillow looks for each and does without"),
    (r"^PIL/(ImageTk|ImageQt|ImageShow|ImageGrab|ImageDraw2?|ImageFont|ImageCms)\.py$", "windows, screens and drawing"),
    (r"^pycparser/", "cffi reads C declarations with it; those of libvips were read when its wheel was made"),
)
"""Files that nothing of ours imports, by their path."""

NOT_NEEDED = (
    (r"^pillow_heif\.libs/libheif-", "libx265", "a HEVC encoder: we only read HEIC; 23 MB, and under the GPL"),
    (r"^PIL/_imaging\.", "libxcb", "pictures of an X11 screen"),
)
"""Library by its path, the library it can do without, and why."""

_LIBRARY_FOLDER = re.compile(r"^[^/]+\.libs/")


def trim(folder: Path) -> None:
    """Leave out what never runs. Raises BundleError where a rule fits nothing any more: packages change."""
    libraries = dict(_libraries(folder))
    for pattern, library, _ in NOT_NEEDED:
        for name in [one for one in libraries if re.search(pattern, one)]:
            _unneed(libraries, name, library)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    for pattern, _ in UNUSED:
        for name in [one for one in names if re.search(pattern, one)]:
            (folder / name).unlink()
            libraries.pop(name, None)
    for name in _unreachable(libraries):
        libraries.pop(name).unlink()
    for path in libraries.values():
        path.write_bytes(elf.stripped(path.read_bytes()))


def _libraries(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.so*")):
        with path.open("rb") as file:
            if elf.is_elf(file.read(6)):
                yield path.relative_to(folder).as_posix(), path


def _unneed(libraries: dict[str, Path], name: str, library: str) -> None:
    path = libraries[name]
    body = path.read_bytes()
    wanted = next((one for one in elf.needed(body) if one.startswith(library)), None)
    provider = next((place for one, place in libraries.items() if wanted and one.endswith(f"/{wanted}")), None)
    if wanted is None or provider is None:
        raise BundleError(f"{name} no longer needs {library}; take the rule out of deploy/aws/trim.py")
    path.write_bytes(elf.without_need(body, wanted, elf.defined(provider.read_bytes())))


def _unreachable(libraries: dict[str, Path]) -> list[str]:
    """Libraries of wheels (in `*.libs/`) that no module needs, neither itself nor through another."""
    by_name = {Path(one).name: one for one in libraries}
    reached: set[str] = set()
    ahead = [one for one in libraries if not _LIBRARY_FOLDER.match(one)]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += [by_name[one] for one in elf.needed(libraries[name].read_bytes()) if one in by_name]
    return sorted(set(libraries) - reached)


def unresolved(folder: Path) -> dict[str, list[str]]:
    """Return, by library, what it needs and neither the folder nor Lambda's system has: empty for a whole bundle."""
    libraries = dict(_libraries(folder))
    there = {Path(one).name for one in libraries} | SYSTEM
    found = {one: [n for n in elf.needed(path.read_bytes()) if n not in there] for one, path in libraries.items()}
    return {one: names for one, names in found.items() if names}


SYSTEM = frozenset(
    {
        "ld-linux-aarch64.so.1",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libm.so.6",
        "libpthread.so.0",
        "libresolv.so.2",
        "librt.so.1",
        "libstdc++.so.6",
        "libz.so.1",
    }
)
"""What wheels may take from any system (the list of PEP 600), as far as ours do."""
