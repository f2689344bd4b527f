from __future__ import annotations

from pathlib import Path

import pytest

from imagemill.settings import Settings, SettingsError
from imagemill.settings.reference import described
from imagemill.settings.rules import RULES
from imagemill.settings.values import Unit, folder_of, masked

PASSWORD = "hunter2-very-secret"


def load(tmp_path: Path, toml: str | None = None, env: dict[str, str] | None = None, **flags: object) -> Settings:
    """Load settings in an empty folder; flags are written section__name."""
    if toml is not None:
        (tmp_path / "imagemill.toml").write_text(toml)
    return Settings.load({name.replace("__", "."): value for name, value in flags.items()}, env or {}, tmp_path)


def refusal(tmp_path: Path, toml: str | None = None, env: dict[str, str] | None = None, **flags: object) -> str:
    """Load settings that are wrong and return what is said."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, toml, env, **flags)
    return caught.value.sentence


def test_nothing_needs_to_be_configured(tmp_path: Path) -> None:
    """Without any setting the server listens on loopback and keeps its data in ./imagemill-data."""
    settings = load(tmp_path)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.data == tmp_path / "imagemill-data"
    assert settings.sources == {}


def test_flag_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    """Each source hides those behind it, and each value remembers where it came from."""
    toml = "[server]\nport = 1\nhost = '127.0.0.2'\n[engine]\nworkers = 3\n"
    env = {"IMAGEMILL_SERVER__PORT": "2", "IMAGEMILL_SERVER__HOST": "127.0.0.3"}
    settings = load(tmp_path, toml, env, server__port=3, server__host=None)
    assert (settings.server.port, settings.server.host, settings.engine.workers) == (3, "127.0.0.3", 3)
    assert settings.sources == {
        "server.port": "flag",
        "server.host": "IMAGEMILL_SERVER__HOST",
        "engine.workers": str(tmp_path / "imagemill.toml"),
    }


def test_names_without_two_underscores_are_not_settings(tmp_path: Path) -> None:
    """Kubernetes' service variables and the command line's own are left alone."""
    env = {
        "IMAGEMILL_PORT": "tcp://10.0.0.1:80",
        "IMAGEMILL_SERVICE_HOST": "10.0.0.1",
        "IMAGEMILL_SERVER": "https://img.example.com",
        "IMAGEMILL_API_KEY_FILE": "/nowhere",
    }
    assert load(tmp_path, env=env) == load(tmp_path)


def test_empty_variable_is_not_set(tmp_path: Path) -> None:
    """A compose file's ${UNSET} becomes an empty variable, which must not break the start."""
    assert load(tmp_path, env={"IMAGEMILL_SERVER__PORT": ""}).server.port == 8080


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("limits.upload_bytes", "64MiB", 64 * 1024**2),
        ("limits.upload_bytes", "64 MB", 64_000_000),
        ("limits.upload_bytes", "1.5kB", 1500),
        ("limits.upload_bytes", "9007199254740993", 9007199254740993),
        ("variants.max_bytes", "20GB", 20_000_000_000),
        ("variants.max_bytes", "0", 0),
        ("originals.recheck", "10m", 600.0),
        ("originals.recheck", "60", 60.0),
        ("originals.recheck", "0.5", 0.5),
        ("delivery.max_age", "2h", 7200),
        ("server.access_log", "off", False),
        ("server.access_log", "Yes", True),
        ("server.trusted_proxies", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("delivery.allow", "tiff,lossless", ("tiff", "lossless")),
        ("server.public_url", "https://img.example.com", "https://img.example.com"),
        ("originals.url", "file:///srv/my%20photos", "file:///srv/my%20photos"),
        ("originals.url", "memory://", "memory://"),
        ("server.port", "0", 0),
        ("server.port", "65535", 65535),
        ("engine.quality", "100", 100),
        ("limits.url", "memory://", "memory://"),
        ("limits.url", "rediss://me:pw@cache.example:6380/2", "rediss://me:pw@cache.example:6380/2"),
        ("log.format", "text", "text"),
    ],
)
def test_spellings_of_values(tmp_path: Path, name: str, written: str, value: object) -> None:
    """Sizes, durations, switches and lists may be written as people write them."""
    variable = "IMAGEMILL_" + name.upper().replace(".", "__")
    assert load(tmp_path, env={variable: written}).value(name) == value


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        ("server.port", "99999", "a whole number from 0 to 65535"),
        ("server.port", "-1", "a whole number from 0 to 65535"),
        ("server.port", "80.5", "a whole number from 0 to 65535"),
        ("server.port", "http", "a whole number from 0 to 65535"),
        ("server.port", "٨٠", "a whole number from 0 to 65535"),
        ("engine.workers", "257", "a whole number from 0 to 256"),
        ("engine.quality", "0", "a whole number from 1 to 100"),
        ("limits.url", "http://cache:6379", "memory://, redis://host:6379/0"),
        ("limits.url", "redis://", "memory://, redis://host:6379/0"),
        ("limits.url", "redis://cache:0", "memory://, redis://host:6379/0"),
        ("limits.url", "redis://cache/zero", "memory://, redis://host:6379/0"),
        ("limits.url", "redis://cache?socket_timeout=1000", "memory://, redis://host:6379/0"),
        ("limits.frames", "0", "a whole number of at least 1"),
        ("limits.upload_bytes", "64 parsecs", "a number of bytes of at least 1"),
        ("limits.queue_seconds", "0", "a number of seconds above 0"),
        ("limits.queue_seconds", "nan", "a number of seconds above 0"),
        ("delivery.max_age", "1500ms", "a number of seconds of at least 0"),
        ("server.access_log", "maybe", "true or false"),
        ("server.trusted_proxies", "10.0.0.0/99", "addresses or networks"),
        ("server.public_url", "img.example.com", "an http:// or https:// URL"),
        ("server.public_url", "https://img.example.com/?a=b", "an http:// or https:// URL"),
        ("delivery.negotiation", "sometimes", "one of vary, edge-rewrite, off"),
        ("delivery.allow", "everything", "a list of words out of"),
        ("log.level", "loud", "one of debug, info, warning, error"),
        ("originals.url", "/srv/photos", "write file:///srv/photos"),
        ("originals.url", "file://photos", "three slashes"),
        ("originals.url", "ftp://x/y", "s3://bucket/prefix or memory://"),
        ("originals.url", "s3://Bucket", "s3://bucket/prefix"),
        ("originals.url", "s3:bucket", "s3://bucket/prefix"),
        ("originals.url", "s3://bucket/a/../b", "a prefix of plain segments"),
        ("originals.url", "s3://bucket?endpoint=store.example.com", "an http:// or https:// address without a path"),
        ("originals.url", "s3://bucket?region=", "a region's name"),
        ("originals.url", "s3://bucket?versioned=yes", "no other parameters"),
        ("s3.endpoint", "https://s3.example.com/bucket", "without a path"),
        ("s3.region", "eu west", "a region's name"),
        ("s3.path_style", "maybe", "one of auto, yes, no"),
    ],
)
def test_wrong_values_say_what_was_expected(tmp_path: Path, name: str, written: str, expected: str) -> None:
    """A wrong value is refused with its name, where it stands, what was expected and what was received."""
    variable = "IMAGEMILL_" + name.upper().replace(".", "__")
    said = refusal(tmp_path, env={variable: written})
    assert name in said
    assert variable in said
    assert expected in said
    if written.isascii():
        assert written in said


def test_text_without_quotes_is_told_to_want_them(tmp_path: Path) -> None:
    """A number where text belongs is refused in words that speak of text, not of a range."""
    (tmp_path / "imagemill.toml").write_text("nosuch = 1\n[server]\nhost = 5\n")
    said = refusal(tmp_path)
    assert "expected text in quotes, received '5'." in said
    assert "`imagemill settings` lists them all.\n" in said + "\n"


@pytest.mark.parametrize("toml", ["[server]\nport = true", "[server]\nport = [1]", "[server]\nhost = 5"])
def test_wrong_types_in_the_file_are_refused(tmp_path: Path, toml: str) -> None:
    """TOML's own types are held to as well: true is not 1."""
    assert "expected" in refusal(tmp_path, toml)


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """A person corrects all of it in one go."""
    said = refusal(tmp_path, "[server]\nport = -1\n[engine]\nworkers = 999\n", {"IMAGEMILL_LOG__LEVEL": "x"})
    assert all(name in said for name in ("server.port", "engine.workers", "log.level"))


@pytest.mark.parametrize(
    ("toml", "meant"),
    [
        ("[server]\nprot = 1", "server.port"),
        ("[sever]\nport = 1", "server.port"),
        ("port = 1", "server.port"),
        ("[engine]\nupload_bytes = 1", "limits.upload_bytes"),
        ("[originals]\nurI = 'x'", "originals.url"),
    ],
)
def test_unknown_names_get_the_nearest_right_one(tmp_path: Path, toml: str, meant: str) -> None:
    """A mistyped name is refused, never ignored, and the likely one is named."""
    assert f"did you mean {meant} " in refusal(tmp_path, toml)


@pytest.mark.parametrize(
    ("toml", "capability"),
    [
        ("[catalog]\nurl = 'postgresql://u:pw@h/db'", "C1"),
        ("[rules.office]\naction = 'block'", "E8"),
    ],
)
def test_names_of_the_contract_that_come_later_say_so(tmp_path: Path, toml: str, capability: str) -> None:
    """Who follows the documentation of a later version learns that this one is older."""
    said = refusal(tmp_path, toml)
    assert capability in said
    assert "not available" in said
    assert "pw" not in said


def test_keys_of_signatures_are_never_shown(tmp_path: Path) -> None:
    """Neither the list of settings nor a complaint repeats a secret; a public key's file is found from its folder."""
    (tmp_path / "imagemill.toml").write_text(
        f"[signing]\nkeys = ['web:{PASSWORD}']\npublic_keys = ['K2JC:keys/k.pem']\n"
    )
    settings = Settings.load(environ={}, cwd=tmp_path)
    assert settings.signing.keys == (f"web:{PASSWORD}",)
    assert settings.signing.public_keys == (f"K2JC:{tmp_path}/keys/k.pem",)
    assert all(PASSWORD not in row.value for row in settings.describe())
    assert PASSWORD not in refusal(tmp_path, f"[signing]\nkeys = [['{PASSWORD}']]")


@pytest.mark.parametrize(
    "env",
    [
        {"IMAGEMILL_ORIGINALS__URL": f"https://user:{PASSWORD}@host/x"},
        {"IMAGEMILL_ORIGINALS__URL": f"s3://key:{PASSWORD}@bucket"},
        {"IMAGEMILL_SERVER__PUBLIC_URL": f"https://u:{PASSWORD}@h/"},
        {"IMAGEMILL_VARIANTS__URL": f"x://h/?secret={PASSWORD}&a=b"},
        {"IMAGEMILL_ADMIN__KEY": PASSWORD},
        {"IMAGEMILL_CATALOG__URL": f"postgresql://u:{PASSWORD}@h/db"},
        {"IMAGEMILL_LIMITS__URL": f"redis://:{PASSWORD}@h/x"},
        {"IMAGEMILL_LIMITS__URL": f"redis://:a/{PASSWORD}@h/0"},
    ],
)
def test_passwords_are_never_repeated(tmp_path: Path, env: dict[str, str]) -> None:
    """Error texts end in logs, so no secret may stand in them."""
    assert PASSWORD not in refusal(tmp_path, env=env)


def test_masked_keeps_what_helps() -> None:
    """User and host stay, so that a person recognises the URL."""
    assert masked("redis://me:pw@cache:6379/0") == "redis://me:***@cache:6379/0"
    assert masked("redis://:pw@cache") == "redis://:***@cache"
    assert masked("https://h/a:b@c") == "https://h/a:b@c"
    assert masked("https://h:8080/a@c") == "https://h:8080/a@c"


def test_a_value_can_come_from_a_file(tmp_path: Path) -> None:
    """…_FILE takes the value from a file, without the newline that editors add."""
    (tmp_path / "secret").write_text("memory://\n")
    settings = load(tmp_path, env={"IMAGEMILL_ORIGINALS__URL_FILE": "secret"})
    assert settings.originals.url == "memory://"
    assert settings.sources["originals.url"] == "IMAGEMILL_ORIGINALS__URL_FILE"


def test_value_and_file_of_one_setting_contradict(tmp_path: Path) -> None:
    """Two sources of the same rank are an error, not a guess."""
    (tmp_path / "secret").write_text("memory://")
    env = {"IMAGEMILL_ORIGINALS__URL": "memory://", "IMAGEMILL_ORIGINALS__URL_FILE": "secret"}
    assert "both set originals.url" in refusal(tmp_path, env=env)


def test_admin_key_file_is_a_setting_of_its_own(tmp_path: Path) -> None:
    """Its name ends in _file, yet it is not read for another setting; a relative path starts where it was written."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "my.toml").write_text("[admin]\nkey_file = 'k'\n[data]\ndir = '../d'\n")
    settings = load(tmp_path, config="conf/my.toml")
    assert settings.admin.key_file == str(tmp_path / "conf" / "k")
    assert settings.data == tmp_path / "d"
    assert load(tmp_path, env={"IMAGEMILL_ADMIN__KEY_FILE": "k"}).admin.key_file == str(tmp_path / "k")


def test_the_file_is_found_here_then_in_the_data_folder(tmp_path: Path) -> None:
    """./imagemill.toml wins; without it the data folder's is read."""
    data = tmp_path / "pictures"
    data.mkdir()
    (data / "imagemill.toml").write_text("[server]\nport = 7001\n")
    assert load(tmp_path, data__dir="pictures").server.port == 7001
    assert load(tmp_path, "[server]\nport = 7002", data__dir="pictures").server.port == 7002


def test_the_data_folders_file_cannot_move_the_data_folder(tmp_path: Path) -> None:
    """It would contradict where it was found."""
    (tmp_path / "imagemill-data").mkdir()
    (tmp_path / "imagemill-data" / "imagemill.toml").write_text("[data]\ndir = '/elsewhere'\n")
    assert "remove data.dir" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no settings file"), (b"[server\n", "not valid TOML"), (b"\xff\xfe", "not UTF-8")],
)
def test_unreadable_files_are_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A missing or broken file stops the start with its name."""
    if content is not None:
        (tmp_path / "x.toml").write_bytes(content)
    text = refusal(tmp_path, config="x.toml")
    assert said in text
    assert "x.toml" in text


def test_variants_may_not_lie_among_the_originals(tmp_path: Path) -> None:
    """They would be listed as originals; under .imagemill they are not."""
    assert "variants.url" in refusal(tmp_path, env={"IMAGEMILL_VARIANTS__URL": f"file://{tmp_path}/d/v"}, data__dir="d")
    env = {"IMAGEMILL_VARIANTS__URL": f"file://{tmp_path}/d/.imagemill/v"}
    assert load(tmp_path, env=env, data__dir="d").variants.url


def test_the_admin_key_may_not_lie_among_the_originals(tmp_path: Path) -> None:
    """A data folder inside a served folder would make its admin key an original."""
    env = {"IMAGEMILL_ORIGINALS__URL": f"file://{tmp_path}"}
    assert "data.dir" in refusal(tmp_path, env=env)
    assert load(tmp_path, env=env, data__dir=tmp_path).data == tmp_path


def test_only_flags_are_wrong_usage(tmp_path: Path) -> None:
    """A wrong flag is a wrong command line; a wrong file is not."""
    with pytest.raises(SettingsError) as by_flag:
        load(tmp_path, server__port=70000)
    with pytest.raises(SettingsError) as by_file:
        load(tmp_path, "[server]\nport = 70000")
    assert by_flag.value.usage
    assert not by_file.value.usage


def test_every_number_and_store_has_a_rule() -> None:
    """The table of ranges is complete, and has no line for a setting that is gone."""
    known = described()
    assert set(RULES) <= set(known)
    for name, one in known.items():
        if one.kind in (int, float):
            assert name in RULES, f"{name} has no range"
        if one.kind is float:
            assert RULES[name].unit is Unit.SECONDS, f"{name} is measured in seconds"


def test_every_default_keeps_its_own_rule(tmp_path: Path) -> None:
    """What the reference shows as the default can be written into a file as it stands."""
    settings = load(tmp_path)
    lines = [f"{row.name} = {row.default}" for row in settings.describe()]
    assert load(tmp_path, "\n".join(lines)) == Settings.load({"config": "imagemill.toml"}, {}, tmp_path)
    for row in settings.describe():
        assert row.help.endswith("."), row.name
        assert row.source == "default"


def test_file_urls_are_decoded() -> None:
    """Percent-encoding is undone once; memory has no folder."""
    assert folder_of("file:///a%20b/%25c") == Path("/a b/%c")
    assert folder_of("memory://") is None


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """A secret of its own comes from a file, is *** in the list, and no message repeats it."""
    (tmp_path / "secret").write_text(PASSWORD + "\n")
    settings = load(tmp_path, env={"IMAGEMILL_S3__SECRET_ACCESS_KEY_FILE": "secret"})
    assert settings.s3.secret_access_key == PASSWORD
    rows = {row.name: row.value for row in settings.describe()}
    assert rows["s3.secret_access_key"] == '"***"'
    assert rows["s3.session_token"] == '""'
    assert PASSWORD not in str(rows)
    (tmp_path / "wrong").write_text(PASSWORD + "\nsecond line")
    said = refusal(tmp_path, env={"IMAGEMILL_S3__SECRET_ACCESS_KEY_FILE": "wrong"})
    assert "s3.secret_access_key" in said
    assert PASSWORD not in said
    assert PASSWORD not in refusal(tmp_path, f"[s3]\nsession_token = ['{PASSWORD}']")


@pytest.mark.parametrize(
    ("originals", "variants"),
    [
        ("s3://pictures", "s3://pictures/cache"),
        ("s3://pictures/a", "s3://pictures/a"),
        ("s3://pictures/a", "s3://pictures/a/b"),
    ],
)
def test_variants_may_not_lie_among_the_originals_of_a_bucket(tmp_path: Path, originals: str, variants: str) -> None:
    """Variants in the bucket of the originals must lie beside their prefix or under .imagemill."""
    env = {"IMAGEMILL_ORIGINALS__URL": originals, "IMAGEMILL_VARIANTS__URL": variants}
    assert "outside of the originals" in refusal(tmp_path, env=env)


@pytest.mark.parametrize(
    "variants", ["s3://pictures/a/.imagemill/variants", "s3://pictures/b", "s3://other", "memory://"]
)
def test_variants_may_lie_apart_in_a_bucket(tmp_path: Path, variants: str) -> None:
    """Beside the prefix, below .imagemill, or in another bucket."""
    env = {"IMAGEMILL_ORIGINALS__URL": "s3://pictures/a", "IMAGEMILL_VARIANTS__URL": variants}
    assert load(tmp_path, env=env).variants.url == variants
