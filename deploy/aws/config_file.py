"""`config.toml` read into one checked value.

Separate from the stacks, so that every fault of the file is said at once and in words before anything is made of it:
which key, what was expected, what was received. Every key is optional. Settings of the platform itself stand below
`[settings]` under their ordinary names (docs/settings.md).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from deploy.aws.config import LOG_DAYS, Api, Canary, Config, ConfigError, Geo
from deploy.aws.contradictions import contradictions
from deploy.aws.settings import faults

FILE = Path(__file__).with_name("config.toml")
"""The file that is read unless another is named."""
_DOMAIN = r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
_NETWORK = r"[0-9a-f.:]+/\d{1,3}"
_REGION = r"[a-z]{2}(-[a-z]+)+-\d"

RULES: dict[str, tuple[str, str]] = {
    "name": (r"[a-z][a-z0-9-]{1,18}[a-z0-9]", "3 to 20 small letters, digits and hyphens, a letter first"),
    "region": (_REGION, "an AWS region, such as eu-west-1"),
    "replica_region": (_REGION, "an AWS region, such as eu-central-1"),
    "domain": (f"({_DOMAIN})?", "a host name, such as img.example.com"),
    "api_domain": (f"({_DOMAIN})?", "a host name, such as api.img.example.com"),
    "zone_id": (r"(Z[A-Z0-9]{4,31})?", "the id of a Route 53 hosted zone, such as Z0123456789ABC"),
    "certificate": (
        r"(arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[0-9a-f-]{36})?",
        "the ARN of an ACM certificate in us-east-1, which is where CloudFront looks",
    ),
    "api_certificate": (
        r"(arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36})?",
        "the ARN of an ACM certificate",
    ),
    "alarm_email": (r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "an address of mail"),
    "upload_origins": (r"\*|https?://[^/\s?#]+", "origins, such as https://www.example.com"),
    "allow_addresses": (_NETWORK, "networks, such as 192.0.2.0/24 or 2001:db8::/32"),
    "block_addresses": (_NETWORK, "networks, such as 192.0.2.0/24 or 2001:db8::/32"),
    "api.addresses": (r"[0-9a-fA-F.:]{2,45}/\d{1,3}", "networks, such as 192.0.2.0/24"),
    "geo.countries": (r"[A-Z]{2}", "country codes of two capital letters, such as DE"),
}
"""Texts (and items of lists) that have a shape: a regular expression of the whole, and the words for it."""

RANGES: dict[str, tuple[int, int, str]] = {
    "memory": (512, 10240, "MB of memory"),
    "reserved_concurrency": (0, 10000, "invocations at once (0: no reservation)"),
    "rate_limit": (10, 2_000_000_000, "requests in five minutes"),
    "monthly_budget": (0, 10_000_000, "US dollars a month (0: no budget)"),
    "variant_days": (1, 36500, "days"),
    "old_version_days": (1, 36500, "days"),
    "api.rate": (1, 10_000, "requests a second"),
    "api.burst": (1, 5_000, "requests at once"),
    "api.daily_quota": (0, 2_000_000_000, "requests a day (0: no quota)"),
    "canary.percent": (1, 99, "per cent"),
    "canary.minutes": (1, 2880, "minutes"),
}
"""Numbers and their bounds, both included, with the words for what is counted."""


def load(path: Path = FILE) -> Config:
    """Return the configuration of the file at `path`; raise ConfigError with everything that is wrong with it."""
    try:
        tree = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"{path.name}: expected a file of settings for AWS, but there is none at {path}."]) from None
    except OSError as error:
        raise ConfigError([f"{path}: expected a file that can be read: {error.strerror}."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path.name}: expected TOML, but {error}."]) from None
    return from_tree(tree, path.parent)


def from_tree(tree: Mapping[str, object], folder: Path) -> Config:
    """Return the configuration that `tree` (a parsed TOML document) says; raise ConfigError.

    Names of files in it start from `folder`.
    """
    wrong = _Faults()
    chosen = _read(Config, tree, "", wrong)
    chosen["public_keys"] = tuple(_public_keys(chosen.get("public_keys", ()), folder, wrong))
    config = Config(**chosen)  # type: ignore[arg-type]  # each value was checked against its field's type
    sentences = [*wrong.sentences, *contradictions(config, wrong.keys)]
    if sentences:
        raise ConfigError(sentences)
    return config


class _Faults:
    """What is wrong with single values: `sentences` in their order, and the `keys` that they speak of."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.keys: set[str] = set()

    def add(self, key: str, sentence: str) -> None:
        """Note that the value of `key` is not what it should be."""
        self.keys.add(key)
        self.sentences.append(sentence)


def _read(kind: type, tree: Mapping[str, object], above: str, wrong: _Faults) -> dict[str, object]:
    """Return the right values of `tree` for the fields of `kind`; what is wrong is added to `wrong`."""
    hints = get_type_hints(kind)
    chosen: dict[str, object] = {}
    for key, value in tree.items():
        name = above + key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            meant = above + (near[0] if near else key)
            hint = f" (did you mean {meant}?)" if near else ""
            wrong.add(
                meant,  # so that nobody is told as well that it is missing
                f"{name}: expected one of {', '.join(f.name for f in fields(kind))}; there is no {name}{hint}.",
            )
        elif key == "settings":
            chosen[key] = _settings(value, wrong)
        elif key == "tags":
            chosen[key] = dict(_tags(value, wrong))
        elif hints[key] in (Api, Canary, Geo):
            if isinstance(value, dict):
                chosen[key] = hints[key](**_read(hints[key], value, f"{name}.", wrong))
            else:
                wrong.add(name, f"{name}: expected a table, received {_shown(value)}.")
        elif expected := _expected(name, hints[key], value):
            wrong.add(name, f"{name}: expected {expected}, received {_shown(value)}.")
        else:
            chosen[key] = tuple(value) if isinstance(value, list) else value
    return chosen


def _expected(name: str, kind: object, value: object) -> str:
    """Return what should have stood there in words, or an empty text where `value` is right."""
    pattern, words = RULES.get(name, (".*", "text"))
    if get_origin(kind) is Literal:
        words = " or ".join(repr(word) for word in get_args(kind))
        return "" if value in get_args(kind) and isinstance(value, str) else words
    if kind is bool:
        return "" if isinstance(value, bool) else "true or false"
    if kind is int:
        low, high, words = RANGES.get(name, (1, 3653, "days"))
        right = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        if name == "log_days":
            return "" if right and value in LOG_DAYS else f"one of {', '.join(map(str, LOG_DAYS))} days"
        return "" if right else f"a whole number of {words} from {low} to {high}"
    if kind is str:
        return "" if isinstance(value, str) and re.fullmatch(pattern, value) else words
    items = value if isinstance(value, list) else [None]
    right = all(isinstance(item, str) and re.fullmatch(pattern, item) for item in items)
    return "" if right else f"a list of {words}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…'"


def _settings(value: object, wrong: _Faults) -> dict[str, str]:
    """Return `section.name` → the value in the words of an environment variable; the platform's reader judges them."""
    if not isinstance(value, dict):
        wrong.add("settings", f"settings: expected tables such as [settings.delivery], received {_shown(value)}.")
        return {}
    for section, names in value.items():
        if not isinstance(names, dict):
            sentence = f"settings.{section}: expected a table of settings, received {_shown(names)}."
            wrong.add("settings", sentence)
    chosen = dict(_flat({section: names for section, names in value.items() if isinstance(names, dict)}))
    for sentence in faults(chosen):
        wrong.add("settings", sentence)
    return chosen


def _flat(tree: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _tags(value: object, wrong: _Faults) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        wrong.add("tags", f"tags: expected a table of texts, received {_shown(value)}.")
        return
    for name, text in value.items():
        if not isinstance(text, str) or len(text) > 256 or len(name) > 128 or name.lower().startswith("aws:"):
            wrong.add("tags", f"tags.{name}: expected a text of at most 256 characters, received {_shown(text)}.")
        else:
            yield name, text


def _public_keys(names: object, folder: Path, wrong: _Faults) -> Iterator[str]:
    """Yield the PEM text of every file named; CloudFront takes RSA of 2048 bits and ECDSA over P-256."""
    assert isinstance(names, tuple)
    for name in names:
        try:
            text = (folder / name).read_text("ascii")
            key = load_pem_public_key(text.encode())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            sentence = f"public_keys: expected a PEM file of a public key at {name}, but {_reason(error)}."
            wrong.add("public_keys", sentence)
            continue
        rsa_2048 = isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048
        p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if rsa_2048 or p256:
            yield text.strip() + "\n"
        else:
            sentence = f"public_keys: expected RSA of 2048 bits or ECDSA over P-256 in {name}, received another key."
            wrong.add("public_keys", sentence)


def _reason(error: Exception) -> str:
    return "there is no such file" if isinstance(error, FileNotFoundError) else "it cannot be read as one"
