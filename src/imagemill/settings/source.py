"""Where settings come from: flags, the environment, one TOML file. Only words are gathered here, none is understood.

Separate from `composed`, so that precedence is one line there: what is gathered later wins. Names are `section.name`
everywhere; `IMAGEMILL_SERVER__PORT` is `server.port`. Only variables with `__` are settings: Kubernetes gives a pod
beside a service called imagemill `IMAGEMILL_PORT=tcp://…` (contract, "Settings").
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "IMAGEMILL_"
FILE_NAME = "imagemill.toml"
FLAG = "flag"
PRESETS = "presets"
"""The section whose names are the user's own."""
SOURCES = "sources"
"""The section whose tables people name; see `attached`."""
_LONGEST_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """One setting as somebody wrote it; `source` says where, in words for people ("flag", a variable, a file)."""

    value: object
    source: str
    base: Path
    """The folder that a relative path in the value starts from."""

    @property
    def by_flag(self) -> bool:
        """Whether it stands on the command line, so that a wrong value is wrong usage."""
        return self.source == FLAG


class Unreadable(ValueError):
    """A file of settings or a secret that cannot be read or is no TOML; the text is for people."""


def variable_of(name: str) -> str:
    """Return the environment variable of a setting: `server.port` → `IMAGEMILL_SERVER__PORT`."""
    return PREFIX + name.replace(".", "__").upper()


def from_flags(flags: Mapping[str, object], cwd: Path) -> dict[str, Given]:
    """Return what stands on the command line; None means that the flag was not used."""
    return {
        name: Given(str(value) if isinstance(value, Path) else value, FLAG, cwd)
        for name, value in flags.items()
        if value is not None
    }


def from_environment(environ: Mapping[str, str], known: Collection[str], cwd: Path) -> dict[str, Given]:
    """Return the settings of the environment, secrets in `…_FILE` included; raise Unreadable.

    An empty variable counts as not set: that is what `${UNSET}` becomes in a compose file. A name that is a setting as
    it stands (`admin.key_file`) is never taken for the `…_FILE` of another one.
    """
    found: dict[str, Given] = {}
    for variable in sorted(environ):
        rest = variable.removeprefix(PREFIX)
        if rest == variable or "__" not in rest or not environ[variable].strip():
            continue
        name = rest.lower().replace("__", ".")
        value = environ[variable]
        if name not in known and name.endswith("_file") and name.removesuffix("_file") in known:
            name, value = name.removesuffix("_file"), _secret(variable, cwd / Path(value).expanduser())
        if name in found:
            raise Unreadable(f"{found[name].source} and {variable} both set {name}; keep one of them.")
        found[name] = Given(value, variable, cwd)
    return found


def _secret(variable: str, path: Path) -> str:
    """Return the text of the file that `variable` names, without the newline that editors add."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LONGEST_SECRET + 1)
        if len(raw) > _LONGEST_SECRET:
            raise Unreadable(f"{variable} names {path}, which is too long for a setting.")
        return raw.decode("utf-8").strip()
    except OSError as error:
        raise Unreadable(f"{variable} names {path}, which cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{variable} names {path}, which is not UTF-8 text.") from None


def from_file(path: Path) -> dict[str, Given]:
    """Return the settings of a TOML file; raise Unreadable."""
    import tomllib

    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise Unreadable(f"There is no settings file {path}.") from None
    except OSError as error:
        raise Unreadable(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Unreadable(f"The settings file {path} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"The settings file {path} is not valid TOML: {error}.") from None
    return {name: Given(value, str(path), path.absolute().parent) for name, value in _flat(tree)}


def _flat(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Yield `section.name` and value; an empty section is yielded too, so that its name is checked.

    A preset's name may hold a dot, so a table below `[presets]` is a value, and a wrong one.
    """
    for name, value in tree.items():
        full = f"{above}.{name}" if above else name
        if isinstance(value, dict) and value and above != PRESETS:
            yield from _flat(value, full)
        else:
            yield full, value
