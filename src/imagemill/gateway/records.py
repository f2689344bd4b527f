"""What is left of an answer once it is sent: numbers in the metrics, and a line in the access log."""

from __future__ import annotations

from imagemill.delivery.memo import Shortcut
from imagemill.delivery.values import HttpRequest
from imagemill.observability.access_log import Log, quoted, timestamp
from imagemill.observability.metrics import Metrics
from imagemill.uploads.token import redacted


class Records:
    """Notes every answer once. Seconds are those from the first look at the request until the answer can be sent.

    What the control application streams was sent by then.
    """

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log

    def hit(self, shortcut: Shortcut, size: int, seconds: float, client: str, request_id: str) -> None:
        """Note a hit in memory; its path was made fit for the log when it was remembered."""
        self._metrics.requests["delivery", "200"] += 1
        self._metrics.observe("total", seconds)
        self._log.write(
            f'{{"time":"{timestamp()}","event":"request","method":"GET","path":{shortcut.logged_path},"status":200,'
            f'"bytes":{size},"ms":{seconds * 1000:.3f},"cache":"{shortcut.tier}",'
            f'"client":"{client}","request_id":"{request_id}"}}'
        )

    def answer(self, request: HttpRequest, surface: str, status: int, size: int, seconds: float, cache: str) -> None:
        """Note any other answer; `surface` is the metrics' word for what answered, `cache` the tier that did."""
        self._metrics.requests[surface, str(status)] += 1
        self._metrics.observe("total", seconds)
        self._log.write(
            f'{{"time":"{timestamp()}","event":"request","method":{quoted(request.method)},'
            f'"path":{quoted(_fit(request.path))},"status":{status},"bytes":{size},'
            f'"ms":{seconds * 1000:.3f},"cache":"{cache}","client":"{request.client}",'
            f'"request_id":"{request.request_id}"}}'
        )

    def left(self) -> None:
        """Note a client that left before its answer was there."""
        self._metrics.count("imagemill_requests", "delivery", "left")

    def stalled(self) -> None:
        """Note a client that did not take its answer."""
        self._metrics.count("imagemill_requests", "delivery", "stalled")


def _fit(path: bytes) -> str:
    """Return a path fit for the log: a token in it is a secret, at an address that is none of ours as well."""
    return redacted(path.decode("ascii", "replace"))
