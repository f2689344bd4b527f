"""CloudFront's function on a thousand real header sets: its bytes, and its time beside a function that does nothing.

CloudFront measures a function's compute utilisation in per cent of the most time it may take, which is about a
millisecond (Developer Guide, "Compute utilization", and the quotas of CloudFront Functions). Its runtime is an
interpreter, so the figure with a gate is that of node without its compilers (`--jitless`, which interprets regular
expressions too); node as it comes is shown beside it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import PAIRS, Figure, Outcome, at_most, median_ratio, spread
from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.edge_config.cloudfront import MAX_BYTES, cloudfront_function
from imagemill.edge_config.facts import Facts, facts_of
from imagemill.engine.limits import Limits
from imagemill.gateway.settings import ServerSettings

RUNNER = Path(__file__).with_suffix(".mjs")
SETS = 1000
ROUNDS = 5
BUDGET = 1000.0
"""Microseconds: about what CloudFront's 100 per cent are."""
GATE = BUDGET / 10
TRIVIAL = "import cf from 'cloudfront';\nfunction handler(event) {\n  return event.request;\n}\n"

_CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)"
_OF_CHROMIUM = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_OF_FIREFOX = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_OF_SAFARI = "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_OF_A_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
ACCEPTS: tuple[tuple[str, str, str | None], ...] = (
    ("Chrome 121 and later, Edge, Opera", f"{_WINDOWS}) {_CHROMIUM}/131.0.0.0 Safari/537.36", _OF_CHROMIUM),
    ("Chrome and Samsung on Android", f"{_ANDROID} {_CHROMIUM}/131.0.0.0 Mobile Safari/537.36", _OF_CHROMIUM),
    (
        "Chrome 79 to 84",
        f"{_WINDOWS}) {_CHROMIUM}/80.0.3987.87 Safari/537.36",
        "image/webp,image/apng,image/*,*/*;q=0.8",
    ),
    ("Firefox 128 and later", f"{_WINDOWS}; rv:132.0) Gecko/20100101 Firefox/132.0", _OF_FIREFOX),
    ("Firefox 93 to 127", f"{_WINDOWS}; rv:115.0) Gecko/20100101 Firefox/115.0", "image/avif,image/webp,*/*"),
    ("Firefox 65 to 92", f"{_WINDOWS}; rv:78.0) Gecko/20100101 Firefox/78.0", "image/webp,*/*"),
    (
        "Safari 17 and later",
        f"{_IPHONE} {_WEBKIT}/18.1 Mobile/15E148 Safari/604.1",
        f"image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,{_OF_SAFARI}",
    ),
    ("Safari 14 and 15", f"{_MAC} {_WEBKIT}/15.6 Safari/605.1.15", f"image/webp,video/*;q=0.8,{_OF_SAFARI}"),
    ("Internet Explorer 11", f"{_WINDOWS}; Trident/7.0; rv:11.0) like Gecko", _OF_SAFARI),
    ("Chrome, the picture as a page", f"{_MAC} {_CHROMIUM}/131.0.0.0 Safari/537.36", _OF_A_PAGE),
    ("crawlers and programs", "Googlebot-Image/1.0", "*/*"),
    ("programs without a word", "python-requests/2.32.3", None),
)
"""Families of clients, and what they send for a picture (MDN, "List of default Accept values"; browsers' releases)."""
KEYS = ("sea.jpg", "2026/trips/lofoten/img_0042@2x.jpeg", "products/shoes/red%20(1).png", "a/b/c/d/e/f/g/deep.webp")
OPTIONS = ("w=320", "w=640,h=480,fit=cover", "w=1080,fm=webp,q=75", "w=828,h=828,g=attention", "_", "fm=jpeg,w=96")
QUERIES = ("v=0123456789ab", "v=0123456789ab&utm_source=newsletter&utm_medium=email", "utm_campaign=x&v=0123456789ab")
OTHERS = (
    ("/img/w=640/sea.jpg", ""),
    ("/img/p=card/sea.jpg", "v=0123456789ab"),
    ("/img/w=auto,dpr=auto/sea.jpg", "v=0123456789ab"),
    ("/img/width=300&format=webp/sea.jpg", "v=0123456789ab"),
    ("/img/w=640/gr%C3%B6%C3%9Fe/%E6%B5%B7.jpg", "v=0123456789ab"),
    ("/img/w=640/users/ann.jpg", "v=0123456789ab&exp=1795330800&kid=k1&s=Ia3l0Vh2gk4vYx0dAo5cGq8aW9rJx1Qm"),
    ("/info/sea.jpg", ""),
    ("/img/..%2f..%2fetc/passwd", "a=" + "x" * 900),
)
"""Requests that go to the maker: one in eight."""


def measure() -> Outcome:
    """Run both functions in node, interleaved, interpreted and compiled."""
    node = shutil.which("node")
    if node is None:
        raise RuntimeError("edge_function: node is needed (apt-get install nodejs)")
    text = cloudfront_function(_facts())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "ours.mjs").write_text(text)
        (folder / "trivial.mjs").write_text(TRIVIAL)
        (folder / "requests.json").write_text(json.dumps(requests()))
        plain, compiled = (_run([node, *flags], folder) for flags in (["--jitless"], []))
    ours = statistics.median(plain["ours"])
    return Outcome(
        method=(
            f"{SETS} requests: {len(ACCEPTS)} families of clients and their headers, seven in eight with an address "
            f"that is static; {PAIRS} interleaved pairs of {SETS * ROUNDS} calls in node, our function and one that "
            "returns its request; interpreted is node --jitless. CloudFront's budget is about 1 ms a call"
        ),
        figures=(
            Figure(name="bytes of the function", value=len(text.encode()), unit="B", gate=at_most(MAX_BYTES)),
            Figure(
                name="time per call, interpreted", value=ours, unit="µs", gate=at_most(GATE), note=spread(plain["ours"])
            ),
            Figure(name="share of CloudFront's budget, interpreted", value=100 * ours / BUDGET, unit="%"),
            Figure(
                name="the slowest request, interpreted", value=plain["slowest"][0], unit="µs", gate=at_most(BUDGET / 2)
            ),
            Figure(name="the first thousand calls, interpreted", value=plain["cold"][0], unit="µs"),
            Figure(
                name="time / a function that does nothing, interpreted",
                value=median_ratio(plain["ours"], plain["trivial"]),
                unit="×",
            ),
            Figure(name="time per call, compiled", value=statistics.median(compiled["ours"]), unit="µs"),
            Figure(name="requests answered from the bucket's name", value=100 * plain["static"][0], unit="%"),
        ),
        rows=(("family", "Accept"), *((family, accept or "(none)") for family, _, accept in ACCEPTS)),
    )


def requests() -> list[dict[str, object]]:
    """Return the header sets, the same every time."""
    found: list[dict[str, object]] = []
    for number in range(SETS):
        _, agent, accept = ACCEPTS[number % len(ACCEPTS)]
        if number % 8 == 7:
            uri, query = OTHERS[number // 8 % len(OTHERS)]
        else:
            uri = f"/img/{OPTIONS[number % len(OPTIONS)]}/{KEYS[number // 3 % len(KEYS)]}"
            query = QUERIES[number // 5 % len(QUERIES)]
        found.append({"uri": uri, "query": query, "headers": _headers(number, agent, accept)})
    return found


def _headers(number: int, agent: str, accept: str | None) -> dict[str, str]:
    headers = {
        "host": "img.example.com",
        "user-agent": agent,
        "accept-language": ("en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "ja")[number % 3],
        "accept-encoding": "gzip, deflate, br, zstd",
        "referer": f"https://www.example.com/page/{number % 50}",
        "sec-fetch-dest": "image",
        "sec-fetch-mode": "no-cors",
        "sec-fetch-site": "same-site",
        "cookie": "session=" + "x" * (number % 200),
    }
    if accept is not None:
        headers["accept"] = accept
    if "Chrome" in agent and number % 2:
        headers |= {"sec-ch-dpr": "2.625", "sec-ch-width": "640", "sec-ch-ua": '"Chromium";v="131"', "save-data": "on"}
    return headers


def _facts() -> Facts:
    return facts_of(
        ServerSettings(),
        DeliverySettings(access="open", private=("users/", "internal/")),
        SizesSettings(),
        Limits(),
        CdnSettings(),
        kind="cloudfront",
        folder=None,
        site="default",
        listen=443,
    )


def _run(node: list[str], folder: Path) -> dict[str, list[float]]:
    files = [str(folder / name) for name in ("ours.mjs", "trivial.mjs", "requests.json")]
    command = [*node, str(RUNNER), *files, str(ROUNDS), str(PAIRS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found: dict[str, list[float] | float] = json.loads(done.stdout)
    return {name: value if isinstance(value, list) else [value] for name, value in found.items()}
