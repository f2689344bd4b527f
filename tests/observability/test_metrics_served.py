"""What a running server really shows at `/metrics`."""

from __future__ import annotations

import re
import time
from pathlib import Path

from PIL import Image
from tests.serving import serving

from imagemill.observability import names


def test_a_server_shows_every_metric_of_the_table(tmp_path: Path) -> None:
    """A gauge that nobody reads would be promised by the docs and missing here; the store's bytes are counted."""
    data = tmp_path / "data"
    data.mkdir()
    Image.effect_noise((80, 60), 90).save(data / "a.png")
    with serving(data) as server, server.client() as client:
        text = client.get("/metrics").text
        shown = {name.removesuffix("_total") for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)}
        assert shown == {*names.COUNTERS, *names.GAUGES, names.HISTOGRAM}
        size = len(client.get("/img/w=40,fm=png/a.png").content)
        deadline = time.monotonic() + 60
        while server.metric("imagemill_variant_store_bytes") != size:  # kept after the answer has gone out
            assert time.monotonic() < deadline
            time.sleep(0.02)
