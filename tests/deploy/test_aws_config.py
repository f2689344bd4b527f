"""The configuration of a deployment: what is read, and the words for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from deploy.aws.config import Config, ConfigError
from deploy.aws.config_file import FILE, from_tree, load
from deploy.aws.settings import OWNED

from imagemill.settings.reference import described


def test_the_shipped_file_says_the_defaults() -> None:
    """What stands in config.toml is what holds without it."""
    assert load(FILE) == Config()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A wrong path is an error in words, not a stack trace."""
    with pytest.raises(ConfigError, match=r"absent\.toml: expected a file of settings for AWS"):
        load(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match=r"expected a file that can be read: Is a directory"):
        load(tmp_path)


def test_a_file_that_is_no_toml_is_told_where(tmp_path: Path) -> None:
    """A slip of the pen is told with its line."""
    file = tmp_path / "config.toml"
    file.write_text('name = "a\n', "utf-8")
    with pytest.raises(ConfigError, match=r"config\.toml: expected TOML, but .*line 1"):
        load(file)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"nmae": "x"}, r"nmae: expected one of name, .*did you mean name\?"),
        ({"name": "Big"}, r"name: expected 3 to 20 small letters.*received 'Big'"),
        ({"region": "Europe"}, r"region: expected an AWS region, such as eu-west-1, received 'Europe'"),
        ({"replica_region": "eu-west-1"}, r"replica_region: expected another region"),
        ({"domain": "https://img.example.com"}, r"domain: expected a host name"),
        ({"domain": "img.example.com"}, r"domain: expected zone_id"),
        ({"api_domain": "api.example.com"}, r"api_domain: expected zone_id"),
        (
            {"domain": "a.example.com", "api_domain": "a.example.com", "zone_id": "Z0123456"},
            r"api_domain: expected ano",
        ),
        ({"zone_id": "example.com"}, r"zone_id: expected the id of a Route 53 hosted zone"),
        ({"certificate": "arn:aws:acm:eu-west-1:1:certificate/x"}, r"certificate: expected the ARN .* in us-east-1"),
        ({"architecture": "arm"}, r"architecture: expected 'arm64' or 'x86_64', received 'arm'"),
        ({"memory": 128}, r"memory: expected a whole number of MB of memory from 512 to 10240, received 128"),
        ({"memory": True}, r"memory: expected a whole number"),
        ({"memory": "1769"}, r"memory: expected a whole number .* received '1769'"),
        ({"log_days": 31}, r"log_days: expected one of 1, 3, 5, .* received 31"),
        ({"variant_days": 0}, r"variant_days: expected a whole number of days from 1"),
        ({"kms": "yes"}, r"kms: expected true or false, received 'yes'"),
        ({"price_class": "300"}, r"price_class: expected '100' or '200' or 'all'"),
        ({"upload_origins": "https://a.example"}, r"upload_origins: expected a list of origins"),
        ({"upload_origins": ["www.example.com"]}, r"upload_origins: expected a list of origins"),
        ({"alarm_email": "me"}, r"alarm_email: expected an address of mail"),
        ({"geo": "DE"}, r"geo: expected a table, received 'DE'"),
        ({"geo": {"mode": "allow"}}, r"geo: expected countries with mode allow or deny, received 0"),
        (
            {"geo": {"countries": ["DE"]}},
            r"geo: expected countries with mode allow or deny, received 1 with mode 'none'",
        ),
        ({"geo": {"mode": "deny", "countries": ["Germany"]}}, r"geo\.countries: expected a list of country codes"),
        ({"canary": {"percent": 100}}, r"canary\.percent: expected a whole number of per cent from 1 to 99"),
        ({"tags": {"aws:x": "y"}}, r"tags\.aws:x: expected a text"),
        ({"tags": {"team": 7}}, r"tags\.team: expected a text of at most 256 characters, received 7"),
        ({"settings": {"delivery": "open"}}, r"settings\.delivery: expected a table"),
        ({"settings": {"delivery": {"acess": "open"}}}, r"delivery\.acess"),
        ({"settings": {"delivery": {"access": "closed"}}}, r"delivery\.access.*closed"),
        ({"settings": {"originals": {"url": "s3://mine"}}}, r"settings\.originals\.url: .*the stacks"),
        ({"settings": {"s3": {"secret_access_key": "x"}}}, r"settings\.s3\.secret_access_key: expected no secret"),
        ({"settings": {"presets": {"a-b": "w=1"}}}, r"settings\.presets\.a-b: expected letters, digits and _"),
        ({"settings": {"presets": {f"p{n}": "w=1,h=1" for n in range(200)}}}, r"settings: expected at most 2500 bytes"),
        ({"public_keys": ["absent.pem"]}, r"public_keys: expected a PEM file .* at absent\.pem, but there is no such"),
    ],
)
def test_what_is_wrong_is_told_by_name(tree: dict[str, object], sentence: str, tmp_path: Path) -> None:
    """A fault is told with its key, what was expected and what was received."""
    with pytest.raises(ConfigError, match=sentence):
        from_tree(tree, tmp_path)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Nobody corrects a file one error at a time."""
    with pytest.raises(ConfigError) as told:
        from_tree({"name": "Big", "memory": 1, "geo": {"mode": "some"}}, tmp_path)
    assert [sentence.split(":")[0] for sentence in told.value.sentences] == ["name", "memory", "geo.mode"]


def told(tree: dict[str, object], folder: Path) -> list[str]:
    """Return the keys of everything that is said of `tree`, in order."""
    with pytest.raises(ConfigError) as wrong:
        from_tree(tree, folder)
    return [sentence.split(":")[0] for sentence in wrong.value.sentences]


def test_files_and_contradictions_are_told_beside_wrong_values(tmp_path: Path) -> None:
    """One wrong value hides neither a key's file that is missing, nor values that contradict each other."""
    tree: dict[str, object] = {
        "memory": 1,
        "public_keys": ["absent.pem", "gone.pem"],
        "replica_region": "eu-west-1",
        "domain": "img.example.com",
        "allow_addresses": ["192.0.2.1/24"],
        "geo": {"mode": "allow"},
        "settings": {"delivery": {"acess": "open"}, "sizes": 7, "presets": 8},
    }
    assert told(tree, tmp_path) == [
        *("memory", "settings.sizes", "settings.presets", "settings", "public_keys", "public_keys"),
        *("replica_region", "domain", "geo", "allow_addresses"),
    ]


def test_what_cloudfront_cannot_be_told_is_said_with_the_rest(tmp_path: Path) -> None:
    """Prefixes that no path pattern holds, each of them, and too many of them: with the file's other faults."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "k.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private = ["üsers/", "a b/", *(f"p{number}/" for number in range(40))]
    tree: dict[str, object] = {
        "name": "Big",
        "public_keys": ["k.pem"],
        "settings": {"delivery": {"private": private}},
    }
    assert told(tree, tmp_path) == ["name", *["settings.delivery.private"] * 3]


@pytest.mark.parametrize(
    ("tree", "keys"),
    [
        ({"geo": {"mode": "some", "countries": ["DE"]}}, ["geo.mode"]),
        ({"geo": {"mode": "allow", "contries": ["DE"]}}, ["geo.contries"]),
        ({"domain": "img.example.com", "zoneid": "Z0123456"}, ["zoneid"]),
        ({"domain": "img.example.com", "certificate": "mine"}, ["certificate"]),
        ({"region": "Europe", "replica_region": "Europe"}, ["region", "replica_region"]),
        ({"allow_addresses": ["everywhere"]}, ["allow_addresses"]),
    ],
)
def test_what_only_follows_from_a_fault_is_not_told(tree: dict[str, object], keys: list[str], tmp_path: Path) -> None:
    """A value that is wrong, or whose key is misspelt, is one fault and not two."""
    assert told(tree, tmp_path) == keys


def test_keys_that_cloudfront_takes_are_read(tmp_path: Path) -> None:
    """RSA of 2048 bits and ECDSA over P-256; their order is the file's."""
    old = rsa.generate_private_key(65537, 2048).public_key()
    new = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "old.pem").write_bytes(old.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "new.pem").write_bytes(new.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    texts = tuple((tmp_path / name).read_text("ascii") for name in ("old.pem", "new.pem"))
    assert from_tree({"public_keys": ["old.pem", "new.pem"]}, tmp_path).public_keys == texts


def test_a_key_that_cloudfront_refuses_is_refused_here(tmp_path: Path) -> None:
    """A curve that CloudFront does not know fails now, not halfway through a deployment."""
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    (tmp_path / "k.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigError, match=r"expected RSA of 2048 bits or ECDSA over P-256 in k\.pem"):
        from_tree({"public_keys": ["k.pem"]}, tmp_path)


def test_what_follows_from_the_deployment_is_a_setting() -> None:
    """Each name that `[settings]` may not hold is one that the platform knows, so that none is refused in vain."""
    assert set(OWNED) <= set(described())


def test_settings_become_words_of_the_environment(tmp_path: Path) -> None:
    """Lists and truth values are written as the platform reads them from a variable."""
    chosen = from_tree(
        {"settings": {"delivery": {"private": ["users/", "staff/"], "access": "sizes"}, "s3": {"path_style": "no"}}},
        tmp_path,
    )
    assert chosen.settings == {
        "delivery.private": "users/,staff/",
        "delivery.access": "sizes",
        "s3.path_style": "no",
    }
