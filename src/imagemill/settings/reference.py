"""The reference of settings: every name with its type, default, help and rule, gathered from the folders that own them.

Separate from `composed`, which reads values: the reference is also what `imagemill settings` prints, what the
documentation is checked against, and what finds the nearest right name for a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

from imagemill.cache.settings import CacheSettings
from imagemill.cdn.settings import CdnSettings
from imagemill.coordination.settings import SharedSettings
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings
from imagemill.gateway.settings import AdminSettings, LogSettings, ServerSettings
from imagemill.object_store.s3.settings import S3Settings
from imagemill.originals.settings import FreshnessSettings, OriginalsSettings
from imagemill.settings.rules import RULES
from imagemill.settings.values import Rule, masked
from imagemill.signing.settings import SigningSettings
from imagemill.throttling.settings import ThrottleSettings
from imagemill.uploads.settings import UploadsSettings
from imagemill.variants.settings import VariantsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """The `[data]` section: the one setting that everything else may lie in."""

    dir: Annotated[
        str, "The data folder: originals (unless originals.url says otherwise), what is made, the admin key."
    ] = "imagemill-data"


SECTIONS: dict[str, type] = {
    "data": DataSettings,
    "server": ServerSettings,
    "originals": OriginalsSettings,
    "freshness": FreshnessSettings,
    "variants": VariantsSettings,
    "s3": S3Settings,
    "engine": EngineSettings,
    "limits": Limits,
    "throttle": ThrottleSettings,
    "delivery": DeliverySettings,
    "sizes": SizesSettings,
    "signing": SigningSettings,
    "cache": CacheSettings,
    "cdn": CdnSettings,
    "uploads": UploadsSettings,
    "admin": AdminSettings,
    "log": LogSettings,
}
"""Section name → the dataclass that owns it, in the order of the reference."""

SHARED = "shared"
"""The field of `Settings` that holds the part of `[limits]` which no client and no worker may see."""


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as the reference knows it; `kind` is its type, `rule` its range or words."""

    name: str
    kind: object
    default: object
    help: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `imagemill settings`; `value` and `default` are written as in the file, passwords masked."""

    name: str
    value: str
    default: str
    source: str
    help: str
    restart: bool


@lru_cache(maxsize=1)
def described() -> dict[str, Described]:
    """Return every setting by its full name, in the order of the reference."""
    found: dict[str, Described] = {}
    for section, owner in owners():
        hints = get_type_hints(owner, include_extras=True)
        for one in fields(owner):
            name = name_of(section, one.name)
            kind, text = get_args(hints[one.name])[:2]
            rule = RULES.get(name, Rule())
            if get_origin(kind) is Literal:
                rule = Rule(words=get_args(kind))
            assert one.default is not MISSING, f"{name} needs a default"
            found[name] = Described(name, kind, one.default, text, rule)
    return found


def owners() -> Iterator[tuple[str, type]]:
    """Yield every section with a dataclass that owns settings in it; `[limits]` has two."""
    for section, owner in SECTIONS.items():
        yield section, owner
        if section == "limits":
            yield section, SharedSettings


def name_of(section: str, field: str) -> str:
    """Return the full name of a setting; `else` is a word of Python's own, so its field is called `else_`."""
    return f"{section}.{field.removesuffix('_')}"


def written(value: object, rule: Rule | None = None) -> str:
    """Return a value as the settings file would spell it; passwords in URLs are masked, and a secret altogether."""
    if rule is not None and rule.secret and value:
        return '"***"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return f'"{masked(value)}"' if isinstance(value, str) else str(value)


def near(name: str) -> Iterator[str]:
    """Yield settings that a wrong `name` may have meant, the likeliest first."""
    from difflib import get_close_matches

    known = tuple(described())
    last = name.rpartition(".")[2]
    yield from get_close_matches(name, known, n=1, cutoff=0.75)
    yield from (one for one in known if one.rpartition(".")[2] == last)
    yield from get_close_matches(name, known, n=1, cutoff=0.6)
