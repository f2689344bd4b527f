"""`[sources.<name>]`: tables that people name themselves, each with the settings of one further source of originals.

Separate from `composed`, which reads the tables whose names are ours. A source may be given in one line
(`sources.press = "s3://press"`), and in the environment as `IMAGEMILL_SOURCES__PRESS__URL`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from imagemill.errors import InvalidRequest
from imagemill.object_store.naming import check_prefix
from imagemill.originals.settings import SourceSettings
from imagemill.settings.reference import Described, Row, written
from imagemill.settings.source import SOURCES, Given
from imagemill.settings.values import BadValue, Rule, Unit, folder_of, parse, received, s3_address

if TYPE_CHECKING:  # read where there is a source: every command of the shell starts with this module
    from imagemill.object_store.https.location import Location, Reach

NAMED = f"{SOURCES}.<name>"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_RULES: Mapping[str, Rule] = {
    "max_bytes": Rule(unit=Unit.BYTES),
    "seconds": Rule(unit=Unit.SECONDS, above=True),
    "idle_seconds": Rule(unit=Unit.SECONDS, above=True),
}
_OF_HOSTS = ("hosts", "allow_private", "allow_http", "ca_file")
EXPECTED_URL = "file:///path, s3://bucket/prefix or https://host/path/"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one setting of a source, for people; `given` says where it stands."""

    given: Given
    text: str


@lru_cache(maxsize=1)
def described_source() -> dict[str, Described]:
    """Return the settings of a source by field, named as the reference shows them (`sources.<name>.url`)."""
    hints = get_type_hints(SourceSettings, include_extras=True)
    found = {}
    for one in fields(SourceSettings):
        assert get_origin(hints[one.name]) is Annotated
        assert one.default is not MISSING
        kind, text = get_args(hints[one.name])[:2]
        rule = _RULES.get(one.name, Rule())
        found[one.name] = Described(f"{NAMED}.{one.name}", kind, one.default, text, rule)
    return found


def read_attached(given: Mapping[str, Given]) -> tuple[dict[str, SourceSettings], list[Fault]]:
    """Return the sources by name, and all that is wrong with the words in which they are written."""
    found: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    for full, one in given.items():
        section, _, rest = full.partition(".")
        if section != SOURCES or not rest:
            continue
        name, dot, field = rest.rpartition(".")
        if not dot:
            name, field = rest, "url"
            if one.value == {}:
                found.setdefault(name, {})
                continue
        try:
            found.setdefault(name, {})[field] = _value(name, field, one)
        except BadValue as error:
            faults.append(Fault(one, f"{full} ({one.source}): expected {error.expected}, received {_came(one)}."))
    return {name: SourceSettings(**values) for name, values in found.items()}, faults


def _came(one: Given) -> str:
    return "a table" if isinstance(one.value, dict) else received(one.value)


def _value(name: str, field: str, one: Given) -> object:
    known = described_source()
    if _NAME.fullmatch(name) is None:
        raise BadValue("a source named in lower-case letters, digits, - and _")
    if field not in known:
        raise BadValue(f"one of {', '.join(known)} after the name of a source")
    value = parse(one.value, known[field].kind, known[field].rule)
    if field == "ca_file" and value:
        return os.path.abspath(one.base / Path(str(value)).expanduser())  # noqa: PTH100 - resolve() would follow links
    return value


def attached_rows(attached: Mapping[str, SourceSettings], sources: Mapping[str, str]) -> Iterator[Row]:
    """Yield the lines of `imagemill settings` for the sources there are."""
    for name, source in sorted(attached.items()):
        for field, one in described_source().items():
            if field not in ("url", "prefix") and not is_web(source):
                continue
            full = f"{SOURCES}.{name}.{field}"
            where = sources.get(full, sources.get(f"{SOURCES}.{name}", "default") if field == "url" else "default")
            value = written(prefix_of(name, source) if field == "prefix" else getattr(source, field), one.rule)
            yield Row(full, value, written(one.default), where, one.help, restart=True)


def prefix_of(name: str, source: SourceSettings) -> str:
    """Return the prefix of a source's keys; empty where it has only whole addresses."""
    return (source.prefix or f"{name}/") if source.url else ""


def base_of(source: SourceSettings) -> Location | None:
    """Return the address below which a web source's keys lie, None for a source of another kind; raise BadValue."""
    from imagemill.object_store.https.location import Location, read_location

    if urlsplit(source.url).scheme.lower() not in ("http", "https"):
        return None
    try:
        base = read_location(source.url, canonical=False)
    except InvalidRequest:
        raise BadValue(f"{EXPECTED_URL}, in plain ASCII and without a user name") from None
    if "?" in base.target:
        raise BadValue("an address without a query, to which the rest of a key is added")
    return base if base.target.endswith("/") else Location(base.scheme, base.host, base.port, base.target + "/")


def reach_of(source: SourceSettings) -> Reach:
    """Return where a web source may go; raise BadValue."""
    from imagemill.object_store.https.location import Reach

    try:
        return Reach.of(source.hosts, base_of(source), plain=source.allow_http)
    except ValueError as error:
        raise BadValue(str(error)) from None


def is_web(source: SourceSettings) -> bool:
    """Say whether originals of this source come from web servers."""
    return base_of(source) is not None if source.url else bool(source.hosts)


def check_attached(attached: Mapping[str, SourceSettings], public_url: str, ours: Sequence[Path]) -> Iterator[str]:
    """Yield what is wrong with sources that are well written: contradictions, our own host, `ours` (our folders)."""
    taken: dict[str, str] = {}
    for name, source in attached.items():
        for field, check in (("url", _check_url), ("hosts", _check_hosts), ("allow_private", _check_private)):
            try:
                check(source)
            except BadValue as error:
                value = written(getattr(source, field))
                yield f"{SOURCES}.{name}.{field}: expected {error.expected}, received {value}."
                break
        else:
            yield from _contradictions(name, source, public_url, ours)
        prefix = prefix_of(name, source)
        if prefix and prefix in taken:
            yield f"{SOURCES}.{name}.prefix: expected one of its own, received {prefix}, which is {taken[prefix]}'s."
        taken[prefix] = name


def _check_url(source: SourceSettings) -> None:
    url = source.url
    if not url:
        if not source.hosts:
            raise BadValue(f"{EXPECTED_URL}, or hosts beside it")
        return
    scheme = urlsplit(url).scheme.lower()
    if scheme == "file":
        folder_of(url)
    elif scheme == "s3":
        s3_address(url)
    elif base_of(source) is None:
        raise BadValue(EXPECTED_URL)
    elif scheme == "http" and not source.allow_http:
        raise BadValue("https://host/path/; http:// needs allow_http = true, for anybody on the way could change it")


def _check_hosts(source: SourceSettings) -> None:
    from imagemill.object_store.https.location import HostPattern

    for host in source.hosts:
        try:
            HostPattern.read(host)
        except ValueError as error:
            raise BadValue(str(error)) from None


def _check_private(source: SourceSettings) -> None:
    from imagemill.object_store.https.addresses import private_network

    for network in source.allow_private:
        try:
            private_network(network)
        except ValueError as error:
            raise BadValue(str(error)) from None


def _contradictions(name: str, source: SourceSettings, public_url: str, ours: Sequence[Path]) -> Iterator[str]:
    label = f"{SOURCES}.{name}"
    prefix = prefix_of(name, source)
    if prefix:
        try:
            check_prefix(prefix)
        except InvalidRequest as error:
            yield f"{label}.prefix: {error.sentence}"
        if not prefix.endswith("/"):
            yield f"{label}.prefix: expected a folder that ends with a slash, received {written(prefix)}."
    elif source.prefix:
        yield f"{label}.prefix: expected no prefix without a url, received {written(source.prefix)}."
    if not is_web(source):
        for field in _OF_HOSTS:
            if getattr(source, field):
                yield f"{label}.{field}: expected it beside an https:// address only, received {source.url} there."
    elif public_url and _is_own(source, public_url):
        yield f"{label}: expected other hosts than this server's own (server.public_url), received {public_url}."
    folder = folder_of(source.url) if source.url.startswith("file:") else None
    mixed = next((one for one in ours if folder is not None and _overlap(folder, one)), None)
    if mixed is not None:
        yield f"{label}.url: expected a folder apart from our own ({mixed}), received {folder}, which would show it."


def _is_own(source: SourceSettings, public_url: str) -> bool:
    """Say whether a source would ask this very server."""
    from imagemill.object_store.https.location import Reach, read_location

    try:
        own = read_location(public_url, canonical=False)
    except InvalidRequest:
        return False  # no host that a source could name either
    return Reach.of(source.hosts, base_of(source), plain=True).admits(own)


def _overlap(folder: Path, own: Path) -> bool:
    here, there = folder.resolve(), own.resolve()
    return here.is_relative_to(there) or there.is_relative_to(here)
