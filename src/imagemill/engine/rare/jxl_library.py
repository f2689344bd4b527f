"""Where libjxl lies on this machine, told by looking at folders.

Separate from `libjxl`, which loads it: planning asks whether JPEG XL can be written, in the server, where no decoder is
loaded.
"""

from __future__ import annotations

import re
import sysconfig
from importlib.util import find_spec
from pathlib import Path

_SYSTEM_FOLDERS = ("/usr/local/lib", "/usr/lib/{multiarch}", "/usr/lib64", "/usr/lib")
_SYSTEM_NAME = re.compile(r"libjxl\.so\.(\d+)\.(\d+)[.\d]*")
_SYSTEM_OLDEST = (0, 11)


def find() -> tuple[str, ...]:
    """Return what to load, the last being libjxl: from the installed `imagecodecs`, else the system's; empty for none.

    The wheel's own module comes first, as it alone knows where the libraries are that libjxl needs; it is loaded, not
    imported. Only looks at folders, so it is cheap enough for a process that will not load anything (`find_library` of
    ctypes starts programs).
    """
    package = find_spec("imagecodecs")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent
        carriers = sorted(folder.glob("_jpegxl.*so"))
        libraries = sorted((folder.parent / "imagecodecs.libs").glob("libjxl-*.so*"))
        if carriers and libraries:
            return str(carriers[0]), str(libraries[0])
    multiarch = sysconfig.get_config_var("MULTIARCH") or "-"
    for place in _SYSTEM_FOLDERS:
        for path in sorted(Path(place.format(multiarch=multiarch)).glob("libjxl.so.*"), reverse=True):
            named = _SYSTEM_NAME.fullmatch(path.name)
            if named is not None and (int(named[1]), int(named[2])) >= _SYSTEM_OLDEST:
                return (str(path),)
    return ()
