"""Hot delivery: variants that are in the memory cache, against a bare ASGI application on the same Granian."""

from __future__ import annotations

from benchmarks import bursts, load, pictures
from benchmarks.measure import Outcome, at_least
from benchmarks.server import Imagemill, fetch

URLS = 1000
BODY = 15_000
GATE = 0.5
_CONTRACT = ("etag", "last-modified", "cache-control", "cache-status", "server-timing", "x-request-id", "accept-ranges")
"""A few of the contract's headers: a hit that lacks them would be measured unfairly well."""


def nearest_quality(sizes: dict[int, int], wanted: int) -> int:
    """The quality whose body is nearest to `wanted` bytes."""
    return min(sizes, key=lambda quality: abs(sizes[quality] - wanted))


def measure() -> Outcome:
    """Make 1 000 variants, then run the interleaved pairs."""
    with Imagemill() as server:
        names = pictures.copies(pictures.small(server.scratch), server.data, URLS, "hot")
        server.start()
        options, size = options_for(server, names[0])
        paths = [f"/img/{options}/{name}" for name in names]
        load.run(load.Load(port=server.port, paths=paths)).require_good("hot, filling the cache")
        load.run(load.Load(port=server.port, paths=paths)).require_good("hot, warm-up")
        _require_contract(server, paths[0])
        ours, bare = bursts.against_bare_asgi(server, bursts.listed(paths, server.scratch / "paths.txt"), size)
    return Outcome(
        method=(
            f"{URLS} cached URLs at random, {size} bytes each, all contract headers and the JSON access log on; "
            f"{bursts.method()}"
        ),
        figures=(*bursts.compared(ours, bare, other="bare ASGI", gate=at_least(GATE)), *bursts.latencies(ours)),
    )


def options_for(server: Imagemill, name: str) -> tuple[str, int]:
    """The options whose answer is nearest to 15 kB, and its size."""
    sizes = {}
    for quality in range(20, 96, 5):
        status, _, body = fetch(server.port, f"/img/w=320,q={quality},fm=jpeg/{name}")
        if status != 200:
            raise RuntimeError(f"hot: 200 expected, got {status}")
        sizes[quality] = len(body)
    best = nearest_quality(sizes, BODY)
    return f"w=320,q={best},fm=jpeg", sizes[best]


def _require_contract(server: Imagemill, path: str) -> None:
    _, headers, _ = fetch(server.port, path)
    missing = [name for name in _CONTRACT if name not in headers]
    if missing:
        raise RuntimeError(f"hot: the contract's headers expected, missing {', '.join(missing)}")
    if "hit" not in headers["cache-status"]:
        raise RuntimeError(f"hot: a hit expected, got {headers['cache-status']}")
