"""Signed links: what the first sight of one costs, and what a repeated one adds to a hit (capability E7; threat G3).

The judge alone for first sights, 10 000 distinct links of each kind. For hits the whole front door in one process,
called without a socket, so that the share of the signature is not lost in that of the network; open and signed URLs in
turn. Last, whether the comparison of a signature takes as long for each wrong one: reported, not gated, as a shared
machine has noise of its own.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.measure import PAIRS, Figure, Outcome, at_most, spread
from imagemill import assembly
from imagemill.assembly import SITE
from imagemill.data_folder import open_data_folder
from imagemill.settings import Settings
from imagemill.signing.cloudfront_encoding import encode
from imagemill.signing.gate import Asking, Gate, ShortClaim
from imagemill.signing.keys import KeyRing, SigningKey
from imagemill.signing.policy import canned_text
from imagemill.signing.settings import SigningSettings
from imagemill.signing.signature import image_text, matches, signature_of

LINKS = 10_000
BATCH = 100
HITS, TURNS = 5000, 50
"""Hits of each side of a pair, and the turns they are taken in: what else runs meanwhile meets both alike."""
HMAC_MICROSECONDS, RSA_MICROSECONDS, P256_MICROSECONDS = 5.0, 40.0, 90.0
REPEATED = 1.15
TRIES = 200_000
SECRET = "a-secret-of-the-benchmark"  # noqa: S105 - it opens nothing
HOST = "https://img.example.com"
PHOTOS = Path(__file__).resolve().parent.parent / "src" / "imagemill" / "demo" / "photos"

Link = tuple[Asking, ShortClaim | None]


def measure() -> Outcome:
    """First sights, then hits, then the comparison."""
    until = str(int(time.time()) + 3600)
    short = first_sights(SigningKey(kid="web", kind="hmac", secret=SECRET), lambda n: short_link(n, until))
    by_rsa = first_sights(*of_rsa(until))
    by_p256 = first_sights(*of_p256(until))
    open_hits, signed_hits = asyncio.run(hits(until))
    ratios = [one / other for one, other in zip(signed_hits, open_hits, strict=True)]
    return Outcome(
        method=(
            f"{LINKS} distinct links of each kind, each judged once, median of batches of {BATCH}; {PAIRS} interleaved "
            f"pairs of {HITS} hits in memory through the whole front door without a socket"
        ),
        figures=(
            Figure(name="HMAC, first sight", value=short, unit="µs", gate=at_most(HMAC_MICROSECONDS)),
            Figure(name="RSA-2048, first sight", value=by_rsa, unit="µs", gate=at_most(RSA_MICROSECONDS)),
            Figure(name="P-256, first sight", value=by_p256, unit="µs", gate=at_most(P256_MICROSECONDS)),
            Figure(
                name="a repeated signed link / an open one",
                value=statistics.median(ratios),
                unit="×",
                gate=at_most(REPEATED),
                note=spread(ratios),
            ),
            Figure(name="an open hit without a socket", value=statistics.median(open_hits), unit="µs"),
            Figure(
                name="comparison: |t| of wrong in the first against the last character", value=comparison_t(), unit=""
            ),
        ),
    )


def first_sights(key: SigningKey, link: Callable[[int], Link]) -> float:
    """Return the median microseconds of judging a link that was never seen."""
    ring = KeyRing([key])
    gate = Gate(lambda: ring, SigningSettings(), HOST)
    links = [link(number) for number in range(LINKS)]
    times = []
    for start in range(0, LINKS, BATCH):
        batch = links[start : start + BATCH]
        began = time.perf_counter()
        for asking, claim in batch:
            gate.check_link(asking, claim)
        times.append((time.perf_counter() - began) / BATCH * 1e6)
    return statistics.median(times)


def short_link(number: int, until: str) -> Link:
    """A link as it comes out of the parser."""
    text = image_text("w=300", f"photos/{number}.jpg", until)
    signature = signature_of(SECRET.encode(), text)
    query = f"exp={until}&s={signature}".encode()
    return Asking(f"/img/w=300/photos/{number}.jpg".encode(), query), ShortClaim(text, signature, until)


def canned_link(number: int, until: str, sign: Callable[[bytes], bytes]) -> Link:
    """A link of CloudFront's with a canned policy."""
    path = f"/img/w=300/photos/{number}.jpg"
    signature = encode(sign(canned_text(HOST + path, until)))
    return Asking(path.encode(), f"Expires={until}&Signature={signature}&Key-Pair-Id=K".encode()), None


def of_rsa(until: str) -> tuple[SigningKey, Callable[[int], Link]]:
    """A key and links signed as CloudFront's examples do."""
    key = rsa.generate_private_key(65537, 2048)
    sha1 = hashes.SHA1()  # noqa: S303 - what CloudFront asks for
    return public(key.public_key()), lambda n: canned_link(n, until, lambda m: key.sign(m, padding.PKCS1v15(), sha1))


def of_p256(until: str) -> tuple[SigningKey, Callable[[int], Link]]:
    """A key and links signed with ECDSA."""
    key = ec.generate_private_key(ec.SECP256R1())
    sha1 = ec.ECDSA(hashes.SHA1())  # noqa: S303 - what CloudFront asks for
    return public(key.public_key()), lambda n: canned_link(n, until, lambda m: key.sign(m, sha1))


def public(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> SigningKey:
    """The key as the settings have it."""
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return SigningKey(kid="K", kind="cloudfront", public_key=pem)


async def hits(until: str) -> tuple[list[float], list[float]]:
    """Return the CPU microseconds of a hit on an open URL and of one on a signed URL, pair by pair."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        photo = next(PHOTOS.glob("*.jpg")).read_bytes()
        for name in ("open", "private"):
            (folder / name).mkdir()
            (folder / name / "photo.jpg").write_bytes(photo)
        flags = {"data.dir": folder, "signing.keys": f"web:{SECRET}", "delivery.private": "private/"}
        settings = Settings.load({**flags, "engine.workers": "1", "server.access_log": "false"}, environ={}, cwd=folder)
        held = open_data_folder(settings.data)
        platform = await assembly.build(settings, held)
        try:
            await platform.start()
            return await _pairs(platform, until)
        finally:
            await platform.close()
            held.close()


async def _pairs(platform: assembly.Platform, until: str) -> tuple[list[float], list[float]]:
    options = "w=300,fm=jpeg"
    signature = signature_of(SECRET.encode(), image_text(options, "private/photo.jpg", until))
    sides = (
        (f"/img/{options}/open/photo.jpg", f"exp={until}&x={signature}"),  # as long, so that only the check differs
        (f"/img/{options}/private/photo.jpg", f"exp={until}&s={signature}"),
    )
    for path, query in sides * 3:
        await _ask(platform, path, query)
    if len(platform.cache) != len(sides):
        raise RuntimeError(f"both variants of {SITE} should be in memory")
    measured: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        spent = [0.0, 0.0]
        for turn in range(TURNS):
            for index in (0, 1) if turn % 2 else (1, 0):
                path, query = sides[index]
                began = time.process_time()
                for _ in range(HITS // TURNS):
                    await _ask(platform, path, query)
                spent[index] += time.process_time() - began
        for index in (0, 1):
            measured[index].append(spent[index] / HITS * 1e6)
    return measured


async def _ask(platform: assembly.Platform, path: str, query: str) -> None:
    """Ask without a socket; anything but a 200 is an error of the benchmark."""

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "raw_path": path.encode(),
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"img.example.com"), (b"accept", b"image/webp,*/*")],
        "client": ("127.0.0.1", 1),
    }
    await platform.app(scope, _nothing, send)


async def _nothing() -> Any:
    await asyncio.sleep(3600)


def comparison_t() -> float:
    """Return |t| (Welch) between judging signatures that are wrong at their first and at their last character.

    Above 4.5 the two would be told apart in earnest (threat G3).
    """
    right = signature_of(SECRET.encode(), "text")
    other = {"A": "B"}
    wrong = (other.get(right[0], "A") + right[1:], right[:-1] + other.get(right[-1], "A"))
    samples: tuple[list[int], list[int]] = ([], [])
    chance = random.Random(7)
    secret = SECRET.encode()
    for _ in range(TRIES):
        side = chance.getrandbits(1)
        began = time.perf_counter_ns()
        matches(secret, "text", wrong[side], allow_short=False)
        samples[side].append(time.perf_counter_ns() - began)
    kept = [sorted(one)[: int(len(one) * 0.95)] for one in samples]  # what the machine did meanwhile is no secret
    first, last = (statistics.fmean(one) for one in kept)
    error = math.sqrt(sum(statistics.variance(one) / len(one) for one in kept))
    return abs(first - last) / error
