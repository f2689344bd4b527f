"""What a month on AWS costs: `python -m deploy.aws.cost --views 1000000`, and the table of docs/aws-cost.md.

Separate from the stacks, which say what there is: this is arithmetic over list prices, each line with its own, so that
whoever doubts a sum can do it again. Prices are dollars of the region eu-west-1 and of CloudFront in Europe as AWS
publishes them, typed in by hand and without free tiers, discounts and taxes: look them up before you decide by them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, fields

GB = 1_000_000_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """List prices in dollars; the unit is in the name."""

    cloudfront_gb: float = 0.085
    cloudfront_million: float = 1.20
    edge_function_million: float = 0.10
    waf_acl: float = 5.00
    waf_rule: float = 1.00
    waf_million: float = 0.60
    lambda_gb_second: float = 0.0000133334
    lambda_million: float = 0.20
    s3_get_million: float = 0.40
    s3_put_million: float = 5.00
    s3_gb_month: float = 0.023
    between_regions_gb: float = 0.02
    secret: float = 0.40
    alarm: float = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A month's work. Shares are 0…1; bytes are of one picture; seconds are what Lambda bills for one make.

    `edge_hits` is the share of views that CloudFront answers itself, `made` the share of all views that is a variant
    asked for the first time; what is neither comes from the bucket of variants. `unversioned` is the share of views
    whose URL has no `?v=`: what the edge does not have of them is looked up by the maker. `uploads` are the originals
    that come in the month, `originals` all there are. `firewall` is whether there is one.
    """

    views: int = MILLION
    edge_hits: float = 0.95
    made: float = 0.01
    unversioned: float = 0.0
    variant_bytes: int = 45_000
    originals: int = 10_000
    original_bytes: int = 4_000_000
    uploads: int = 1_000
    kept_variants: int = 100_000
    make_seconds: float = 0.6
    memory_mb: int = 1769
    firewall: bool = True
    firewall_rules: int = 6
    secrets: int = 2
    alarms: int = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill: for what, how it is reckoned, dollars a month."""

    what: str
    sum: str
    dollars: float


REQUESTS_OF_A_MAKE = 6
"""Looks at S3 for one make at most: the original's head and bytes, its record, the variant, a listing, one to spare."""
LOOK_UP_SECONDS = 0.1
"""What Lambda bills for a look-up: the original's head, its record, the kept variant."""
REQUESTS_OF_A_LOOK_UP = 3
FUNCTIONS_OF_A_VIEW = 2
"""One before the cache is asked, one as the answer leaves."""
LOG_BYTES_OF_A_VIEW = 700
"""One line of CloudFront's access log, before it is compressed."""


def month(load: Load, prices: Prices | None = None) -> tuple[Line, ...]:
    """Return the bill of a month, line by line."""
    return tuple(_lines(load, prices or Prices()))


def _lines(load: Load, at: Prices) -> Iterator[Line]:
    views = load.views / MILLION
    sent = load.views * load.variant_bytes / GB
    makes = load.views * load.made
    missed = load.views * max(0.0, 1 - load.edge_hits - load.made)
    looked_up = missed * load.unversioned
    gb = load.memory_mb / 1024
    kept = (load.originals * load.original_bytes * 2 + load.kept_variants * load.variant_bytes) / GB
    reads = missed - looked_up + makes * REQUESTS_OF_A_MAKE + looked_up * REQUESTS_OF_A_LOOK_UP
    logs = load.views * LOG_BYTES_OF_A_VIEW / GB
    yield Line("CloudFront, bytes sent", f"{sent:,.1f} GB × {at.cloudfront_gb}", sent * at.cloudfront_gb)
    yield Line("CloudFront, requests", f"{views:g} M × {at.cloudfront_million:.2f}", views * at.cloudfront_million)
    function = FUNCTIONS_OF_A_VIEW * views * at.edge_function_million
    reckoned = f"{FUNCTIONS_OF_A_VIEW} × {views:g} M × {at.edge_function_million:.2f}"
    yield Line("CloudFront Functions", reckoned, function)
    if load.firewall:
        rules = f"{at.waf_acl:.0f} + {load.firewall_rules} rules × {at.waf_rule:.0f} + {views:g} M × {at.waf_million}"
        dollars = at.waf_acl + load.firewall_rules * at.waf_rule + views * at.waf_million
        yield Line("WAF", rules, dollars)
    second = f" × {at.lambda_gb_second:.10f} a GB-second"
    per_make = f"{makes:,.0f} × {load.make_seconds} s × {load.memory_mb} MB"
    yield Line("Lambda, makes", per_make + second, _lambda(makes, load.make_seconds * gb, at))
    if looked_up:
        per_look_up = f"{looked_up:,.0f} × {LOOK_UP_SECONDS} s × {load.memory_mb} MB"
        yield Line("Lambda, look-ups", per_look_up + second, _lambda(looked_up, LOOK_UP_SECONDS * gb, at))
    get = reads / MILLION * at.s3_get_million
    yield Line("S3, reads", f"{reads:,.0f} × {at.s3_get_million} a million", get)
    writes = makes / MILLION * at.s3_put_million
    yield Line("S3, variants written", f"{makes:,.0f} × {at.s3_put_million} a million", writes)
    yield Line("S3, kept", f"{kept:,.1f} GB (originals twice) × {at.s3_gb_month}", kept * at.s3_gb_month)
    copied = load.uploads * load.original_bytes / GB
    yield Line("S3, second region", f"{copied:,.1f} GB × {at.between_regions_gb}", copied * at.between_regions_gb)
    yield Line("Access logs", f"{logs:,.2f} GB × {at.s3_gb_month}", logs * at.s3_gb_month)
    fixed = load.secrets * at.secret + load.alarms * at.alarm
    yield Line("Secrets, alarms", f"{load.secrets} × {at.secret} + {load.alarms} × {at.alarm}", fixed)


def _lambda(calls: float, gb_seconds: float, at: Prices) -> float:
    return calls * gb_seconds * at.lambda_gb_second + calls / MILLION * at.lambda_million


def table(load: Load) -> str:
    """Return the bill as a table of Markdown, with its sum."""
    lines = month(load)
    rows = [f"| {line.what} | {line.sum} | {line.dollars:,.2f} |" for line in lines]
    total = sum(line.dollars for line in lines)
    return "\n".join(["| for | reckoned | $ |", "|---|---|---:|", *rows, f"| **together** | | **{total:,.2f}** |"])


def main(arguments: list[str] | None = None) -> None:
    """Print the bill of the load that the flags describe."""
    parser = argparse.ArgumentParser(prog="python -m deploy.aws.cost", description=__doc__.split("\n\n")[0])
    for field in fields(Load):
        if field.type != "bool":
            kind = float if field.type == "float" else int
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default)
    parser.add_argument("--no-firewall", dest="firewall", action="store_false")
    print(table(Load(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
