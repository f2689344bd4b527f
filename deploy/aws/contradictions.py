"""What is right alone and wrong together: the rules of a configuration that look at several values.

Separate from `config_file`, which judges each value by itself. A rule is asked only where every key that it reads is
right: what merely follows from a wrong value would be told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_network

from deploy.aws.config import Config
from deploy.aws.edge_function import faults as edge_faults


def contradictions(config: Config, wrong: Collection[str] = ()) -> Iterator[str]:
    """Yield what contradicts itself in `config`, each sentence with its key; `wrong` are keys with faults of their own.

    A wrong key of a table (`geo.mode`) makes the whole table one of which nothing more is said.
    """
    tables = {key.partition(".")[0] for key in wrong}
    for keys, rule in _RULES:
        if tables.isdisjoint(keys):
            yield from rule(config)


def _regions(config: Config) -> Iterator[str]:
    if config.region == config.replica_region:
        yield f"replica_region: expected another region than region, received {config.replica_region!r} for both."


def _hosts(config: Config) -> Iterator[str]:
    if config.domain and config.domain == config.api_domain:
        yield f"api_domain: expected another host than domain, received {config.api_domain!r} for both."


def _domain(config: Config) -> Iterator[str]:
    if config.domain and not config.zone_id and not config.certificate:
        yield "domain: expected zone_id (then a certificate is made) or certificate beside it, received neither."


def _api_domain(config: Config) -> Iterator[str]:
    if config.api_domain and not config.zone_id and not config.api_certificate:
        yield "api_domain: expected zone_id (then a certificate is made) or api_certificate beside it, not neither."


def _api_certificate(config: Config) -> Iterator[str]:
    if config.api_certificate and f":acm:{config.region}:" not in config.api_certificate:
        yield f"api_certificate: expected a certificate in {config.region}, received {config.api_certificate!r}."


def _geo(config: Config) -> Iterator[str]:
    mode, countries = config.geo.mode, config.geo.countries
    if (mode == "none") != (not countries):
        yield f"geo: expected countries with mode allow or deny, received {len(countries)} with mode {mode!r}."


def _networks(name: str) -> Callable[[Config], Iterator[str]]:
    """Return the rule of a list of networks: such as WAF takes, which knows none that holds every address."""

    def rule(config: Config) -> Iterator[str]:
        for network in getattr(config, name):
            if not _is_network(network):
                yield f"{name}: expected a network whose other bits are 0, such as 192.0.2.0/24, received {network!r}."

    return rule


def _is_network(text: str) -> bool:
    try:
        return ip_network(text).prefixlen > 0
    except ValueError:
        return False


_RULES: tuple[tuple[tuple[str, ...], Callable[[Config], Iterator[str]]], ...] = (
    (("region", "replica_region"), _regions),
    (("domain", "api_domain"), _hosts),
    (("domain", "zone_id", "certificate"), _domain),
    (("api_domain", "zone_id", "api_certificate"), _api_domain),
    (("region", "api_certificate"), _api_certificate),
    (("geo",), _geo),
    (("allow_addresses",), _networks("allow_addresses")),
    (("block_addresses",), _networks("block_addresses")),
    (("settings", "public_keys"), edge_faults),
)
"""Each rule with the keys that it reads."""
