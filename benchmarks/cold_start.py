"""Lambda's cold start: from the start of the process to the first picture, through AWS's runtime client.

The code is the unpacked bundle for the running interpreter, on disk and out of the page cache, as in a fresh micro-VM;
the buckets are a real S3 server on this machine, which checks signatures.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bundles import code_of
from tests.functions.http_events import Answered, function_url
from tests.object_store.s3_servers import S3Server
from tests.servers.lambda_runtime import LambdaRuntime
from tests.servers.versity import ACCESS, SECRET, versity

from benchmarks.load import ROOT
from benchmarks.measure import PAIRS, Figure, Outcome, at_most, spread
from benchmarks.pictures import six_megapixels
from benchmarks.startup import Run, run

HANDLER = "imagemill.functions.delivery"
TARGET = "/img/w=640,fm=webp/photo.jpg"
COLD_LIMIT = 0.5
IMPORT_LIMIT = 150.0
_DROP = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one start: until the process asked for work, then until it had answered; and its CPU-seconds."""

    init: float
    first: float
    cpu: float

    @property
    def whole(self) -> float:
        """From the start of the process to the answer."""
        return self.init + self.first


def measure() -> Outcome:
    """Cold and warm starts in turn; then what Python and the imports take of them."""
    with tempfile.TemporaryDirectory(dir=_on_disk()) as scratch, _site(Path(scratch)) as site:
        folder = Path(scratch)
        code = code_of("delivery", folder / "code")
        plain = _without_compiled(folder)
        _start(code, site, folder, cold=False)
        cold, warm = [], []
        for _ in range(PAIRS):
            cold.append(_start(code, site, folder, cold=True))
            warm.append(_start(code, site, folder, cold=False))
        uncompiled = [_start(plain, site, folder, cold=True) for _ in range(3)]
        bare, imports = _imports(code)
    whole = [one.whole for one in cold]
    net = [(with_.cpu - without.cpu) * 1e3 for with_, without in zip(imports, bare, strict=True)]
    wall = [(with_.wall - without.wall) * 1e3 for with_, without in zip(imports, bare, strict=True)]
    return Outcome(
        method=(
            f"`python -m awslambdaric {HANDLER}.handler` on the unpacked bundle, Runtime API and versitygw beside it; "
            f"spawn to the first answer of `{TARGET}` (six megapixels); {PAIRS} starts each, in turn. Cold: "
            f"page cache dropped by {_how()}"
        ),
        figures=(
            Figure(
                name="process start to first picture, cold page cache",
                value=statistics.median(whole),
                unit="s",
                gate=at_most(COLD_LIMIT),
                note=spread(whole),
            ),
            Figure(
                name="imports of the handler, CPU",
                value=statistics.median(net),
                unit="ms",
                gate=at_most(IMPORT_LIMIT),
                note=spread(net),
            ),
            Figure(
                name="imports of the handler, wall clock",
                value=statistics.median(wall),
                unit="ms",
                note=spread(wall),
            ),
            Figure(
                name="CPU of the whole, cold page cache",
                value=statistics.median([one.cpu for one in cold]),
                unit="s",
                note="what is left of the wall clock is the disk, the store, and whoever else uses the machine",
            ),
            *_parts("cold page cache", cold),
            *_parts("warm page cache", warm),
            Figure(
                name="the whole without compiled files, cold page cache",
                value=statistics.median([one.whole for one in uncompiled]),
                unit="s",
            ),
            Figure(
                name="of it: Python alone, warm page cache",
                value=statistics.median([one.wall for one in bare]) * 1e3,
                unit="ms",
            ),
        ),
    )


def _parts(words: str, starts: list[Start]) -> tuple[Figure, Figure]:
    return (
        Figure(name=f"start until ready, {words}", value=statistics.median([one.init for one in starts]), unit="s"),
        Figure(name=f"first picture, {words}", value=statistics.median([one.first for one in starts]), unit="s"),
    )


def _on_disk() -> Path:
    """A folder on a disk, which a folder for temporary files need not be."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def _site(folder: Path) -> Iterator[dict[str, str]]:
    """Buckets with one photograph; yields the settings of a function on them."""
    place = folder / "s3" / "buckets"
    place.mkdir(parents=True)
    photo = six_megapixels(folder).read_bytes()
    with versity(place) as url:
        server = S3Server(url, ACCESS, SECRET)
        originals = server.bucket()
        server.boto().put_object(Bucket=originals, Key="photo.jpg", Body=photo)
        yield {
            "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={url}",
            "IMAGEMILL_DELIVERY__ACCESS": "open",
            "IMAGEMILL_CDN__KIND": "cloudfront",
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "IMAGEMILL_VARIANTS__URL": url,  # each start gets a bucket of its own, see _start
        }


def _start(code: Path, site: dict[str, str], folder: Path, *, cold: bool) -> Start:
    """One start of the function on buckets that know no variant yet."""
    url = site["IMAGEMILL_VARIANTS__URL"]
    variants = S3Server(url, ACCESS, SECRET).bucket()
    data = tempfile.mkdtemp(dir=folder)
    env = site | {
        "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={url}",
        "IMAGEMILL_DATA__DIR": f"{data}/data",
    }
    function = LambdaRuntime(code, f"{HANDLER}.handler", folder / "log", env=env)
    try:
        if cold:
            _forget(code)
        began = time.perf_counter()
        failed = function.start()
        ready = time.perf_counter()
        if failed is not None:
            raise RuntimeError(f"the function did not start: {failed['errorMessage']}")
        done = function.invoke(function_url(TARGET))
        ended = time.perf_counter()
        cpu = _cpu_seconds(function.pid)
    finally:
        function.close()
    if done.error is not None or Answered(done.payload).headers.get("content-type") != "image/webp":
        raise RuntimeError(f"no picture came: {done.error or done.payload}")
    return Start(ready - began, ended - ready, cpu)


def _cpu_seconds(pid: int | None) -> float:
    """What a living process has used (proc(5): utime and stime, in clock ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _without_compiled(folder: Path) -> Path:
    """The same code as a bundle that was made where no Python of Lambda's version is."""
    from deploy.aws.bundle import KINDS, assemble
    from tests.bundles import HERE, shelf

    plain = folder / "plain"
    plain.mkdir()
    assemble(KINDS["delivery"], HERE, plain, shelf=shelf())
    return plain


def _how() -> str:
    return "/proc/sys/vm/drop_caches" if os.access(_DROP, os.W_OK) else "posix_fadvise over the code and Python"


def _forget(code: Path) -> None:
    """Put the code, and Python's library, out of the page cache."""
    os.sync()
    with contextlib.suppress(OSError):  # a container may show the file and not let it be written
        _DROP.write_text("3\n")
        return
    for folder in (code, Path(sysconfig.get_path("stdlib"))):
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _imports(code: Path) -> tuple[list[Run], list[Run]]:
    """Bare interpreters, and as many that import the handler and the client; interleaved."""
    bare, imports = [], []
    for _ in range(PAIRS):
        bare.append(_interpreter("pass", code))
        imports.append(_interpreter(f"import {HANDLER}", code))
    return bare, imports


def _interpreter(statement: str, code: Path) -> Run:
    environ = {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
    return run([sys.executable, "-S", "-s", "-P", "-c", statement], env=environ, cwd=code)
