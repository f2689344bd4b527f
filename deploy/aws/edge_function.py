"""The CloudFront Functions of the distribution: the platform's own generator run over this deployment's settings.

Separate from the distribution, which only places them: here the settings of `config.toml` become what the generator
asks for, so the edge and the maker cannot disagree on who may see what (D3, E1).
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.aws.config import Config, ConfigError
from deploy.aws.settings import read
from imagemill.assembly.parts import SITE
from imagemill.edge_config.cloudfront import MAX_BYTES, cloudfront_function, static_reasons
from imagemill.edge_config.facts import Facts, facts_of


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
    """Return the rules of `config`; raise ConfigError where its settings are wrong or a function is too long."""
    facts = _facts(config)
    prefixes = _prefixes(config, facts)
    reasons = static_reasons(facts, key_group=prefixes == ("",))
    texts = [cloudfront_function(facts), cloudfront_function(facts, private=True) if prefixes else None]
    for text in texts:
        if text is not None and len(text.encode()) > MAX_BYTES:
            sentence = (
                f"settings: expected a CloudFront Function of at most {MAX_BYTES} bytes, received one of "
                f"{len(text.encode())}: fewer or shorter prefixes, widths or formats make it shorter."
            )
            raise ConfigError([sentence])
    return EdgeRules(open=texts[0] or "", private=texts[1], prefixes=prefixes, reasons=reasons)


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
