"""The CloudFront Functions of the distribution: the platform's own generator run over this deployment's settings.

Separate from the distribution, which only places them: here the settings of `config.toml` become what the generator
asks for, so the edge and the maker cannot disagree on who may see what (D3, E1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.aws.config import Config, ConfigError
from deploy.aws.settings import read
from imagemill.assembly.home import SITE
from imagemill.edge_config.cloudfront import MAX_BYTES, STATED_BEHAVIORS, cloudfront_function, static_reasons
from imagemill.edge_config.facts import Facts, facts_of

MOST_BEHAVIORS = 75
"""Cache behaviours of one distribution (Developer Guide, "Quotas")."""
_PATTERN = re.compile(r"""[A-Za-z0-9_.$/~"'@:+&-]*""")
"""What a path pattern may hold beside its wildcards (CloudFront API Reference, CacheBehavior)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRules:
    """What the edge does by itself: the texts of its functions, and which keys only its key group opens.

    `open` is for anyone's pictures, `private` for those below `prefixes`, None where there are none. `reasons` says in
    sentences why nothing is static; empty where pictures are.
    """

    open: str
    private: str | None
    prefixes: tuple[str, ...]
    reasons: tuple[str, ...]


def edge_rules(config: Config) -> EdgeRules:
    """Return the rules of `config`; raise ConfigError where its settings are wrong or too much for CloudFront."""
    wrong = list(faults(config))
    if wrong:
        raise ConfigError(wrong)
    facts = _facts(config)
    prefixes = _prefixes(config, facts)
    reasons = static_reasons(facts, key_group=prefixes == ("",))
    text, private = _texts(facts, prefixes)
    return EdgeRules(open=text, private=private, prefixes=prefixes, reasons=reasons)


def faults(config: Config) -> Iterator[str]:
    """Yield what CloudFront cannot be told of these settings, which are right for the platform itself."""
    facts = _facts(config)
    prefixes = _prefixes(config, facts)
    for prefix in prefixes:
        if not _PATTERN.fullmatch(prefix):
            yield (
                "settings.delivery.private: expected prefixes of letters, digits and _.$/~\"'@:+&- beside public_keys, "
                f"as CloudFront's path patterns have no other characters; received {prefix!r}."
            )
    if behaviors(prefixes) > MOST_BEHAVIORS:
        yield (
            "settings.delivery.private: expected so few prefixes that CloudFront needs at most "
            f"{MOST_BEHAVIORS} behaviours, received {len(prefixes)} of them, which need {behaviors(prefixes)}."
        )
    longest = max(len((text or "").encode()) for text in _texts(facts, prefixes))
    if longest > MAX_BYTES:
        yield (
            f"settings: expected a CloudFront Function of at most {MAX_BYTES} bytes, received one of "
            f"{longest}: fewer or shorter prefixes, widths or formats make it shorter."
        )


def behaviors(prefixes: Sequence[str]) -> int:
    """Return how many cache behaviours the distribution has: two for each prefix, and those of anyone's pictures."""
    return 2 * len(prefixes) + len(STATED_BEHAVIORS) + 2


def _texts(facts: Facts, prefixes: Sequence[str]) -> tuple[str, str | None]:
    return cloudfront_function(facts), cloudfront_function(facts, private=True) if prefixes else None


def _facts(config: Config) -> Facts:
    """Return what the generator must know; settings are read as the functions will read them."""
    settings = read(config.settings)
    return facts_of(
        settings.server,
        settings.delivery,
        settings.sizes,
        settings.limits,
        settings.cdn,
        kind="cloudfront",
        folder=None,
        site=SITE,
        listen=443,
    )


def _prefixes(config: Config, facts: Facts) -> tuple[str, ...]:
    """Return the prefixes that the key group guards: none without keys, every key where everything is signed."""
    if not config.public_keys:
        return ()
    return ("",) if facts.access == "signed" else facts.private
