"""Side by side with others: imgproxy, imagor, thumbor and IPX do the same work on the same files in the same run.

Each server is started by the benchmark as its own documentation says, with as many processes or jobs at once as cores
where it has such an option, keeps nothing, and is asked for sizes it has not made. All get the same encoder quality
numbers. imgproxy and imagor run on the same libvips as we do; both are told the AVIF speed 8, which imgproxy 4 takes by
default (these two would take 5, which costs much more). What comes back is judged too (bytes, SSIMULACRA2 against a
full decode with lanczos3): fast and ugly is no win.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyvips

from benchmarks import go_servers, install, load, pictures, processes
from benchmarks.measure import PAIRS, Figure, Outcome, percentile, rounded
from benchmarks.server import Imagemill, fetch, free_port, status_of

CLIENTS = 8
WIDTH = 720
QUALITY = {"jpeg": 76, "webp": 82, "avif": 65}
"""What our default quality of 76 means to each encoder (contract, option `q`); the others are told these numbers."""

PICTURES = {"jpeg": 32, "webp": 20, "avif": 8}
"""Pictures of one round, by format: about a second of work."""

KEEP_PICTURES = 4


@dataclass(slots=True)
class Peer:
    """A running server: its root process and how it spells "this key, this wide, in this format"."""

    name: str
    pid: int
    port: int
    path: Callable[[str, int, str], str]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    peak: int = 0

    def forget(self) -> None:
        """Start a new format."""
        self.rates, self.cpu, self.latencies, self.peak = [], [], [], 0


def imagemill_path(key: str, width: int, kind: str) -> str:
    """Our URL; the quality is the default."""
    return f"/img/w={width},fm={kind}/{key}"


def thumbor_path(key: str, width: int, kind: str) -> str:
    """The URL of thumbor."""
    return f"/unsafe/{width}x0/filters:format({kind}):quality({QUALITY[kind]})/{key}"


def imgproxy_path(key: str, width: int, kind: str) -> str:
    """The URL of imgproxy; its word for JPEG is jpg."""
    word = "jpg" if kind == "jpeg" else kind
    return f"/insecure/w:{width}/q:{QUALITY[kind]}/f:{word}/plain/local:///{key}"


def imagor_path(key: str, width: int, kind: str) -> str:
    """The URL of imagor, which is thumbor's."""
    return thumbor_path(key, width, kind)


def ipx_path(key: str, width: int, kind: str) -> str:
    """The URL of IPX."""
    return f"/w_{width},f_{kind},q_{QUALITY[kind]}/{key}"


@contextlib.contextmanager
def _spawned(command: list[str], environment: dict[str, str], port: int, probe: str, log: Path) -> Iterator[int]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        processes.wait_until(lambda: status_of(port, probe) == 200, 20, command[0], process)
        yield process.pid
    finally:
        processes.stop(process)


@contextlib.contextmanager
def _running(names: list[str], server: Imagemill) -> Iterator[tuple[list[Peer], list[str]]]:
    """All servers that can be started here, ours first, and a sentence for each that cannot."""
    peers = [Peer("Imagemill", server.pid, server.port, imagemill_path)]
    missing = []
    with contextlib.ExitStack() as stack:
        for name, path, start in _OTHERS:
            port = free_port()
            try:
                command, environment = start(port, server.data)
                log = server.scratch / f"{name}.log"
                pid = stack.enter_context(_spawned(command, environment, port, path(names[0], 300, "jpeg"), log))
            except (install.NotInstalled, RuntimeError) as error:
                missing.append(f"{name} is missing: {error}")
            else:
                peers.append(Peer(name, pid, port, path))
        yield peers, missing


Start = tuple[list[str], dict[str, str]]
"""A command and what its environment has besides ours."""

AVIF_SPEED = "8"


def _cores() -> str:
    return str(len(os.sched_getaffinity(0)))


def _imgproxy(port: int, folder: Path) -> Start:
    environment = {
        "IMGPROXY_BIND": f"127.0.0.1:{port}",
        "IMGPROXY_LOCAL_FILESYSTEM_ROOT": str(folder),
        "IMGPROXY_CONCURRENCY": _cores(),
        "IMGPROXY_AVIF_SPEED": AVIF_SPEED,
        "IMGPROXY_MAX_SRC_RESOLUTION": "50",  # as in its version 4; 2 refuses the 18 MP photograph
    }
    return [str(go_servers.imgproxy())], environment


def _imagor(port: int, folder: Path) -> Start:
    where = ["-bind", f"127.0.0.1:{port}", "-file-loader-base-dir", str(folder), "-imagor-unsafe"]
    work = ["-imagor-process-concurrency", _cores(), "-imagor-process-queue-size", "100"]
    return [str(go_servers.imagor()), *where, *work, "-vips-strip-metadata", "-vips-avif-speed", AVIF_SPEED], {}


def _thumbor(port: int, folder: Path) -> Start:
    conf = install.SETUP / "thumbor.conf"
    where = ["-i", "127.0.0.1", "-p", str(port), "-c", str(conf)]
    return [str(install.thumbor()), *where, "--processes", _cores()], {"PICTURES": str(folder)}


def _ipx(port: int, folder: Path) -> Start:
    return ["node", str(install.ipx() / "server.mjs"), str(port), str(folder)], {}


_OTHERS: tuple[tuple[str, Callable[[str, int, str], str], Callable[[int, Path], Start]], ...] = (
    ("imgproxy", imgproxy_path, _imgproxy),
    ("imagor", imagor_path, _imagor),
    ("thumbor", thumbor_path, _thumbor),
    ("IPX", ipx_path, _ipx),
)


def measure() -> Outcome:
    """Interleaved rounds for each format, then one picture of each photograph from everyone for the judge."""
    with Imagemill() as server:
        names = _originals(server)
        server.start()
        with _running(names, server) as (peers, missing):
            rows, figures = [], []
            for kind in QUALITY:
                able = [peer for peer in peers if _makes(peer, names[0], kind)]
                missing += [f"{peer.name} does not make {kind}" for peer in peers if peer not in able]
                _rounds(able, names, kind)
                judged = {peer.name: _judge(peer, names[:KEEP_PICTURES], kind, server.scratch) for peer in able}
                rows += [_row(peer, kind, *judged[peer.name]) for peer in able]
                figures += _figures(able, kind)
    heads = (
        "format",
        "server",
        "pictures/s",
        "p50 ms",
        "p99 ms",
        "CPU ms/picture",
        "peak MB (PSS)",
        "bytes",
        "SSIMULACRA2",
    )
    return Outcome(
        method=(
            f"photographs of 6 to 18 MP to widths near {WIDTH}, every request a new size, {CLIENTS} clients, {PAIRS} "
            f"interleaved rounds; encoder quality {', '.join(f'{k} {q}' for k, q in QUALITY.items())} for all; bytes "
            f"and SSIMULACRA2 at {WIDTH} px against a full decode with lanczos3, means"
            + "".join(f". {m}" for m in missing)
        ),
        figures=tuple(figures),
        rows=(heads, *rows),
    )


def _originals(server: Imagemill) -> list[str]:
    """The same photographs for all servers, in our data folder, which the others read as a plain folder."""
    photos = pictures.photographs(server.scratch)[:KEEP_PICTURES]
    return [pictures.copies(photo, server.data, 1, f"photo{n}")[0] for n, photo in enumerate(photos)]


def _makes(peer: Peer, name: str, kind: str) -> bool:
    """Whether the server answers with this format (a warm-up as well)."""
    status, headers, _ = fetch(peer.port, peer.path(name, 301, kind))
    return status == 200 and headers.get("content-type", "").startswith(f"image/{kind}")


def _rounds(peers: list[Peer], names: list[str], kind: str) -> None:
    for peer in peers:
        peer.forget()
    for turn in range(PAIRS):
        widths = range(WIDTH + 1 + turn * PICTURES[kind], WIDTH + 1 + (turn + 1) * PICTURES[kind])
        order = peers[turn % len(peers) :] + peers[: turn % len(peers)]
        for peer in order:
            paths = [peer.path(names[n % len(names)], width, kind) for n, width in enumerate(widths)]
            before = processes.cpu_seconds(peer.pid)
            with processes.PssPeak(peer.pid) as peak:
                report = load.run(load.Load(port=peer.port, paths=paths, connections=CLIENTS, seconds=120))
            report.require_good(f"{peer.name}, {kind}")
            peer.cpu.append((processes.cpu_seconds(peer.pid) - before) / len(paths))
            peer.rates.append(report.rate)
            peer.latencies += [answer.seconds for answer in report.good]
            peer.peak = max(peer.peak, peak.bytes)


def _judge(peer: Peer, names: list[str], kind: str, scratch: Path) -> tuple[float, float]:
    """Mean bytes and mean SSIMULACRA2 of one picture of each photograph."""
    pairs, sizes = [], []
    for name in names:
        status, _, body = fetch(peer.port, peer.path(name, WIDTH, kind))
        if status != 200:
            raise RuntimeError(f"{peer.name}: 200 expected for {kind}, got {status}")
        sizes.append(len(body))
        made = pyvips.Image.new_from_buffer(body, "")
        mine, reference = scratch / f"{peer.name}-{kind}-{name}.png", scratch / f"{peer.name}-{kind}-{name}-ref.png"
        _upright_srgb(made).pngsave(str(mine), keep="none")
        _reference(scratch / "data" / name, made.width, made.height).pngsave(str(reference), keep="none")
        pairs.append((reference, mine))
    return statistics.mean(sizes), statistics.mean(install.scores(pairs))


def _reference(path: Path, width: int, height: int) -> pyvips.Image:
    """A full decode with lanczos3, upright and in sRGB."""
    image = _upright_srgb(pyvips.Image.jpegload(str(path)))
    return image.resize(width / image.width, vscale=height / image.height, kernel="lanczos3")


def _upright_srgb(image: pyvips.Image) -> pyvips.Image:
    """As a viewer shows it: turned by its orientation and through its profile, where it has them."""
    image = image.autorot()
    if image.get_typeof("icc-profile-data"):
        return image.icc_transform("srgb", embedded=True)
    return image.colourspace("srgb")


def _row(peer: Peer, kind: str, size: float, score: float) -> tuple[str, ...]:
    numbers = (
        statistics.median(peer.rates),
        percentile(peer.latencies, 0.5) * 1e3,
        percentile(peer.latencies, 0.99) * 1e3,
        statistics.median(peer.cpu) * 1e3,
        peer.peak / 1e6,
    )
    return (kind, peer.name, *(f"{rounded(n):g}" for n in numbers), f"{size:.0f}", f"{score:.1f}")


def _figures(peers: list[Peer], kind: str) -> list[Figure]:
    """Ours over each peer's, medians; reported as they are, wins and losses alike."""
    ours, *others = peers
    if ours.name != "Imagemill":
        raise RuntimeError(f"Imagemill does not make {kind}")
    figures = []
    for other in others:
        rate = statistics.median(ours.rates) / statistics.median(other.rates)
        cpu = statistics.median(ours.cpu) / statistics.median(other.cpu)
        figures.append(Figure(name=f"{kind}: pictures per second / {other.name}", value=rate, unit="×"))
        figures.append(Figure(name=f"{kind}: CPU per picture / {other.name}", value=cpu, unit="×"))
    return figures
