"""Every setting of the platform, from flags, environment, file and defaults, in this order of precedence.

Each folder owns its section as a frozen dataclass (`engine.settings`, `delivery.settings`, …) with the help beside each
field; here they are only composed, read once and checked. A wrong setting stops the start; all that is wrong is said at
once: name, what was expected, what was received (contract, "Settings"). Nothing heavy is imported: the start waits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from imagemill.cache.settings import CacheSettings
from imagemill.cdn.settings import CdnSettings
from imagemill.coordination.settings import SharedSettings
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError, InvalidRequest, Kind, NotBuilt
from imagemill.gateway.settings import AdminSettings, LogSettings, ServerSettings
from imagemill.object_store.s3.settings import S3Settings
from imagemill.originals.settings import FreshnessSettings, OriginalsSettings, SourceSettings
from imagemill.settings.attached import attached_rows, check_attached, read_attached
from imagemill.settings.reference import (
    SECTIONS,
    SHARED,
    DataSettings,
    Described,
    Row,
    described,
    name_of,
    near,
    written,
)
from imagemill.settings.rules import not_built
from imagemill.settings.source import (
    FILE_NAME,
    PRESETS,
    SOURCES,
    Given,
    Unreadable,
    from_environment,
    from_file,
    from_flags,
    variable_of,
)
from imagemill.settings.values import BadValue, folder_of, parse, received, s3_address
from imagemill.signing.settings import SigningSettings
from imagemill.throttling.settings import ThrottleSettings
from imagemill.uploads.settings import UploadsSettings
from imagemill.variants.settings import VariantsSettings

OWN_FOLDER = ".imagemill"
"""The name of the folder that holds what we write beside people's pictures."""


class SettingsError(ImagemillError):
    """Something in the settings is wrong; `sentences` lists all of it, `usage` says that only flags are to blame."""

    kind = Kind.INVALID
    code = "bad_settings"

    def __init__(self, *sentences: str, usage: bool = False) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences
        self.usage = usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process. Made by `load`; tests may compose one by hand.

    `data` is the data folder's absolute path; `config` the file that was read, if any; `sources` says where each value
    that is not a default came from. `presets` are option lists by name, `attached` further sources of originals.
    """

    data: Path = Path("imagemill-data")
    server: ServerSettings = field(default_factory=ServerSettings)
    originals: OriginalsSettings = field(default_factory=OriginalsSettings)
    freshness: FreshnessSettings = field(default_factory=FreshnessSettings)
    variants: VariantsSettings = field(default_factory=VariantsSettings)
    s3: S3Settings = field(default_factory=S3Settings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    limits: Limits = field(default_factory=Limits)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    shared: SharedSettings = field(default_factory=SharedSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    sizes: SizesSettings = field(default_factory=SizesSettings)
    signing: SigningSettings = field(default_factory=SigningSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    cdn: CdnSettings = field(default_factory=CdnSettings)
    uploads: UploadsSettings = field(default_factory=UploadsSettings)
    admin: AdminSettings = field(default_factory=AdminSettings)
    log: LogSettings = field(default_factory=LogSettings)
    presets: Mapping[str, str] = field(default_factory=dict)
    attached: Mapping[str, SourceSettings] = field(default_factory=dict)
    config: Path | None = None
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def load(
        cls,
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Settings:
        """Read and check everything once; raise SettingsError.

        `flags` are full names (`server.port`) with what the command line gave or None; the extra name `config` is the
        file to read instead of `./imagemill.toml` or `<data>/imagemill.toml`. `environ` and `cwd` are the process's own
        if not given.
        """
        cwd = cwd or Path.cwd()
        environ = os.environ if environ is None else environ
        flags = dict(flags or {})
        config = flags.pop("config", None)
        try:
            by_flag = from_flags(flags, cwd)
            by_variable = from_environment(environ, described().keys(), cwd)
            path = _settings_file(None if config is None else cwd / Path(str(config)), by_variable | by_flag, cwd)
            by_file = {} if path is None else from_file(path)
        except Unreadable as error:
            raise SettingsError(str(error)) from None
        if path == _in_data(by_variable | by_flag, cwd) and "data.dir" in by_file:
            raise SettingsError(f"{path} lies in the data folder, so it cannot say where that is: remove data.dir.")
        settings = cls._of(by_file | by_variable | by_flag, cwd, path)
        _check_together(settings)
        return settings

    @classmethod
    def _of(cls, given: Mapping[str, Given], cwd: Path, config: Path | None) -> Settings:
        presets = {name[len(PRESETS) + 1 :]: one for name, one in given.items() if name.startswith(f"{PRESETS}.")}
        attached, faults = read_attached(given)
        wrong = [(one, text) for name, one in presets.items() if (text := _preset_fault(name, one))]
        values = _checked(given, wrong + [(fault.given, fault.text) for fault in faults])
        sections: dict[str, Any] = {section: _section(section, values) for section in SECTIONS if section != "data"}
        sections[SHARED] = _owned("limits", SharedSettings, values)
        sections["signing"] = replace(
            sections["signing"],
            public_keys=_named_files(given.get("signing.public_keys"), sections["signing"].public_keys),
        )
        sections["admin"] = AdminSettings(key_file=_named_path(given.get("admin.key_file")))
        sections["cache"] = replace(sections["cache"], disk_dir=_named_path(given.get("cache.disk_dir")))
        return cls(
            data=_data_folder(given, cwd),
            presets={name: str(one.value) for name, one in presets.items()},
            attached=attached,
            config=config,
            sources={name: one.source for name, one in given.items()},
            **sections,
        )

    def describe(self) -> tuple[Row, ...]:
        """Return each setting's name, value, source and help, for `imagemill settings`."""
        named = tuple(self._preset_row(name) for name in sorted(self.presets))
        return (*(self._row(one) for one in described().values()), *named, *attached_rows(self.attached, self.sources))

    def value(self, name: str) -> object:
        """Return one value by its full name."""
        section, _, rest = name.partition(".")
        if section == "data":
            return str(self.data)
        owner = SHARED if section == "limits" and hasattr(self.shared, _field(rest)) else section
        return getattr(getattr(self, owner), _field(rest))

    def _row(self, one: Described) -> Row:
        return Row(
            name=one.name,
            value=written(self.value(one.name), one.rule),
            default=written(one.default),
            source=self.sources.get(one.name, "default"),
            help=one.help,
            restart=True,  # nothing is read twice: a running server keeps what it started with
        )

    def _preset_row(self, name: str) -> Row:
        full = f"{PRESETS}.{name}"
        source = self.sources.get(full, "default")
        return Row(full, written(self.presets[name]), '""', source, f"What p={name} stands for in a URL.", restart=True)


def _field(name: str) -> str:
    """Return the field of a setting; see `reference.name_of`."""
    return f"{name}_" if name == "else" else name


def _preset_fault(name: str, one: Given) -> str:
    """Return what is wrong with a preset, empty where nothing is; the grammar is imported only where there is one."""
    from imagemill.recipe.presets import read_preset

    label = _label(f"{PRESETS}.{name}", one)
    if not isinstance(one.value, str):
        return f'{label}: expected options in quotes, such as "w=300,fit=cover", received {received(one.value)}.'
    try:
        read_preset(name, one.value)
    except (InvalidRequest, NotBuilt) as error:
        return f"{label}: {error.sentence}"
    return ""


def _data_folder(given: Mapping[str, Given], cwd: Path) -> Path:
    one = given.get("data.dir")
    return _path_of(one, one.value if one else DataSettings().dir, cwd)


def _in_data(given: Mapping[str, Given], cwd: Path) -> Path:
    return _data_folder(given, cwd) / FILE_NAME


def _settings_file(asked: Path | None, given: Mapping[str, Given], cwd: Path) -> Path | None:
    """Return the file to read: the asked one, else ./imagemill.toml, else the data folder's, else none."""
    if asked is not None:
        return asked
    return next((path for path in (cwd / FILE_NAME, _in_data(given, cwd)) if os.path.isfile(path)), None)  # noqa: PTH113 - Path.is_file raises where a folder on the way is closed


def _path_of(given: Given | None, value: object, cwd: Path) -> Path:
    """Return an absolute path; a relative one starts where it was written: the file's folder, else `cwd`."""
    base = given.base if given is not None else cwd
    return Path(os.path.abspath(base / Path(str(value)).expanduser()))  # noqa: PTH100 - resolve() would follow links


def _named_path(given: Given | None) -> str:
    return "" if given is None or not given.value else str(_path_of(given, given.value, given.base))


def _named_files(given: Given | None, items: tuple[str, ...]) -> tuple[str, ...]:
    """Return items such as `K2JC:keys/k2jc.pem` with absolute paths, for those that have one."""
    named = (item.partition(":") for item in items)
    return tuple(f"{name}:{_path_of(given, path, Path())}" if path else name for name, _, path in named)


def _section(section: str, values: Mapping[str, object]) -> object:
    return _owned(section, SECTIONS[section], values)


def _owned(section: str, owner: type, values: Mapping[str, object]) -> Any:
    """Return the part of a section that `owner` holds."""
    return owner(**{one.name: values[name_of(section, one.name)] for one in fields(owner)})


def _checked(given: Mapping[str, Given], wrong: list[tuple[Given, str]]) -> dict[str, object]:
    """Return the values of the settings that we named; raise SettingsError with all that is wrong, after `wrong`."""
    known = described()
    values = {name: one.default for name, one in known.items()}
    for name, one in given.items():
        if name.partition(".")[0] in (PRESETS, SOURCES) and (one.value == {} or "." in name):
            continue
        if name not in known:
            wrong.append((one, _unknown(name, one)))
            continue
        try:
            values[name] = parse(one.value, known[name].kind, known[name].rule)
        except BadValue as error:
            came = received(one.value, known[name].rule)
            wrong.append((one, f"{_label(name, one)}: expected {error.expected}, received {came}."))
    if wrong:
        raise SettingsError(*(text for _, text in wrong), usage=all(one.by_flag for one, _ in wrong))
    return values


def _label(name: str, one: Given) -> str:
    """Name a setting and where it was written."""
    return f"{name} ({one.source})"


def _unknown(name: str, one: Given) -> str:
    """Say what is wrong with a name that is no setting; its value is never repeated, it may be a secret."""
    later = not_built(name)
    if later is not None:
        return f"{_label(name, one)}: expected a setting of this version; {later} is not available in it."
    meant = next(near(name), None)
    hint = "`imagemill settings` lists them all." if meant is None else f"did you mean {meant} ({variable_of(meant)})?"
    return f"{_label(name, one)}: expected the name of a setting, received one that does not exist; {hint}"


def _check_together(settings: Settings) -> None:
    """Refuse places that would mix what must stay apart: the admin key or variants among the originals."""
    wrong = [*_mixed_folders(settings), *_mixed_buckets(settings)]
    own = (folder_of(settings.originals.url) or settings.data) / OWN_FOLDER
    wrong += check_attached(settings.attached, settings.server.public_url, (settings.data, own))
    if wrong:
        raise SettingsError(*wrong)


def _mixed_folders(settings: Settings) -> Iterator[str]:
    if settings.originals.url and folder_of(settings.originals.url) is None:
        return  # originals in no folder at all
    originals = folder_of(settings.originals.url) or settings.data
    ours = originals / OWN_FOLDER
    if settings.data != originals and _inside(settings.data, originals) and not _inside(settings.data, ours):
        yield (
            f"data.dir: expected a folder outside of originals.url ({originals}), received {settings.data} inside of"
            f" it; choose another --data, or that folder itself: --data {originals}"
        )
    disk = settings.cache.disk_dir
    if disk and _inside(Path(disk), originals) and not _inside(Path(disk), ours):
        yield (
            f"cache.disk_dir: expected a folder outside of the originals ({originals}), received {disk} inside of it;"
            " what lies there would be listed as originals."
        )
    variants = folder_of(settings.variants.url)
    if variants is not None and _inside(variants, originals) and not _inside(variants, ours):
        yield (
            f"variants.url: expected a folder outside of the originals ({originals}), received {variants} inside of it;"
            " variants there would be listed as originals. Leave it empty to keep them apart under .imagemill."
        )


def _mixed_buckets(settings: Settings) -> Iterator[str]:
    originals, variants = s3_address(settings.originals.url), s3_address(settings.variants.url)
    if originals is None or variants is None or not originals.holds(variants):
        return
    if not originals.below(f"{OWN_FOLDER}/").holds(variants):
        yield (
            f"variants.url: expected a place outside of the originals ({originals}), received {variants} inside of it;"
            " variants there would be listed as originals. Leave it empty to keep them apart under .imagemill."
        )


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
