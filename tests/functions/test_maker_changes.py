"""Originals that change or stores that fail while the maker works: never a stale variant, never an odd answer."""

from __future__ import annotations

import gc
import io
import json
import subprocess
import sys
from urllib.parse import unquote

import pytest
from PIL import Image
from tests.functions.http_events import Answered
from tests.functions.makers import Maker, MakerOf
from tests.servers.fault_proxy import BUSY, SILENT, Fault, fault_proxy

BLUE, GREEN = (20, 20, 220), (20, 200, 20)
URL = "/img/w=16,fm=png/a.png"
QUICK = {"IMAGEMILL_S3__REQUEST_SECONDS": "10", "IMAGEMILL_S3__CONNECT_SECONDS": "10"}


def plain(colour: tuple[int, int, int], side: int = 32) -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


def colour_of(data: bytes) -> tuple[int, ...]:
    """Return the colour in the middle of a picture."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    found = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(found, tuple)
    return tuple(int(level) for level in found)


def present(maker: Maker) -> str:
    """Return the present version of the original, as somebody learns it who starts now."""
    answer = maker.ask("/info/a.png")
    assert answer.status == 200, answer.body
    version: str = json.loads(answer.body)["version"]
    return version


@pytest.mark.parametrize("when", ["as it is read", "as the variant is kept", "after it is kept"])
def test_a_replace_during_a_make_leaves_no_stale_file(maker_of: MakerOf, when: str) -> None:
    """A real replace between any two steps: the bucket never has the old picture under the new version's name."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    replaced: list[str] = []

    def replace(method: str, target: str) -> Fault | None:
        """Replace the original, once, as this request passes by."""
        path = unquote(target.partition("?")[0])
        reads = method == "GET" and path == f"/{plainly.originals}/a.png"
        keeps = method == "PUT" and path.endswith("w=16.png")
        after = bool(kept) and method == "HEAD" and path == f"/{plainly.originals}/a.png"
        if keeps:
            kept.append(path)
        if {"as it is read": reads, "as the variant is kept": keeps, "after it is kept": after}[when] and not replaced:
            replaced.append(path)
            plainly.put("a.png", plain(GREEN))
        return None

    kept: list[str] = []
    with fault_proxy(plainly.server.url) as proxy:
        maker = maker_of(beside=plainly, originals_at=proxy.url, variants_at=proxy.url)
        proxy.fail(replace)
        first = maker.ask(URL)
        assert first.status == 200, first.body
        assert replaced, "nobody was asked"
        proxy.fail(None)
        assert colour_of(maker.ask(URL).body) == GREEN
        maker.warm.close()
    version = present(maker_of(beside=plainly))
    for name in plainly.kept():
        old = colour_of(plainly.file(name).body) == BLUE
        assert not (old and f"/{version}/" in name), name
    assert f"default/a.png/~/{version}/w=16.png" in plainly.kept()


@pytest.mark.parametrize("change", ["closed", "deleted"])
def test_what_was_closed_during_a_make_is_in_no_answer(maker_of: MakerOf, change: str) -> None:
    """CloudFront was told by then, and would keep an answer that came after that for everyone, for a year (G8)."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    version = present(plainly)
    done: list[str] = []

    def close(method: str, target: str) -> Fault | None:
        """Close or delete the original, once, as its variant is kept: as another function does it."""
        if method == "PUT" and "w=16.png" in unquote(target) and not done:
            done.append(target)
            s3 = plainly.server.boto()
            if change == "deleted":
                s3.delete_object(Bucket=plainly.originals, Key="a.png")
                return None
            name = "default/a.png/~/record.json"
            record = json.loads(s3.get_object(Bucket=plainly.variants, Key=name)["Body"].read())
            body = json.dumps({**record, "private": True}, separators=(",", ":")).encode()
            s3.put_object(Bucket=plainly.variants, Key=name, Body=body)
        return None

    with fault_proxy(plainly.server.url) as proxy:
        maker = maker_of(beside=plainly, originals_at=proxy.url, variants_at=proxy.url)
        proxy.fail(close)
        answer = maker.ask(f"{URL}?v={version}")
        assert done, "nobody kept it"
        assert answer.status == {"closed": 403, "deleted": 404}[change]
        assert b"PNG" not in answer.body
        maker.warm.close()
    assert plainly.kept() == []


def test_an_environment_that_slept_through_a_replace_answers_the_new_picture(maker_of: MakerOf) -> None:
    """What is believed without a look is believed for two seconds of the wall clock, however long it was frozen."""
    maker = maker_of({"IMAGEMILL_FRESHNESS__CHECK": "0.001"})
    maker.put("a.png", plain(BLUE))
    assert colour_of(maker.ask(URL).body) == BLUE
    maker.put("a.png", plain(GREEN))
    assert colour_of(maker.ask(URL).body) == GREEN
    assert maker.ask(f"{URL}?v={present(maker)}").headers["cache-control"].endswith("immutable")


def test_originals_that_are_believed_for_no_time_at_all_have_variants_that_stay(maker_of: MakerOf) -> None:
    """With `freshness.check` 0 every request looks at the original; what was made of it is kept all the same."""
    maker = maker_of({"IMAGEMILL_FRESHNESS__CHECK": "0"})
    maker.put("a.png", plain(BLUE))
    assert maker.ask(URL).status == 200
    assert maker.kept() == [f"default/a.png/~/{present(maker)}/w=16.png"]
    assert "hit" in maker.ask(URL).headers["cache-status"]


def test_a_deleted_picture_is_gone(maker_of: MakerOf) -> None:
    """404 where the original is no more, whatever was kept of it."""
    maker = maker_of({"IMAGEMILL_FRESHNESS__CHECK": "0.001"})
    maker.put("a.png", plain(BLUE))
    assert maker.ask(URL).status == 200
    maker.server.boto().delete_object(Bucket=maker.originals, Key="a.png")
    answer = maker.ask(URL)
    assert (answer.status, answer.headers["cache-control"]) == (404, "public, max-age=5")


def away(maker: Maker, url: str = URL) -> Answered:
    """Return the refusal of a maker whose bucket is away."""
    answer = maker.ask(url)
    assert answer.status in (503, 504), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    return answer


def test_the_replica_is_read_while_the_region_is_away(maker_of: MakerOf) -> None:
    """The second region's bucket answers; without one it is 503, until the store is back."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    replica = plainly.server.bucket()
    plainly.server.boto().put_object(Bucket=replica, Key="a.png", Body=plain(BLUE))
    with fault_proxy(plainly.server.url) as proxy:
        settings = {**QUICK, "IMAGEMILL_ORIGINALS__REPLICA_URL": f"s3://{replica}?endpoint={plainly.server.url}"}
        covered = maker_of(settings, beside=plainly, originals_at=proxy.url)
        alone = maker_of(QUICK, beside=plainly, originals_at=proxy.url)
        assert covered.ask("/healthz/live").status == alone.ask("/healthz/live").status == 200
        proxy.fail(lambda method, target: BUSY if target.startswith(f"/{plainly.originals}") else None)
        answer = covered.ask(URL)
        assert (answer.status, colour_of(answer.body)) == (200, BLUE)
        assert away(alone).status == 503
        covered.warm.close()
        alone.warm.close()


def test_a_store_of_variants_that_is_away_costs_work_not_answers(maker_of: MakerOf) -> None:
    """Nothing can be found or kept: each picture is made and answered all the same."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    with fault_proxy(plainly.server.url) as proxy:
        maker = maker_of(QUICK, beside=plainly, variants_at=proxy.url)
        assert maker.ask("/healthz/live").status == 200
        proxy.fail(lambda method, target: BUSY if target.endswith(".png") else None)
        for _ in range(2):
            answer = maker.ask(URL)
            assert (answer.status, colour_of(answer.body)) == (200, BLUE)
            assert answer.headers["cache-status"].endswith("detail=made")
        proxy.fail(None)
        assert plainly.kept() == []
        maker.warm.close()


def test_a_store_that_is_away_at_the_start_is_asked_again(maker_of: MakerOf) -> None:
    """Initialising goes on without it; who asks meanwhile is told in words; then all is well."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    with fault_proxy(plainly.server.url) as proxy:
        maker = maker_of(QUICK, beside=plainly, variants_at=proxy.url)
        proxy.fail(lambda *_: BUSY)
        maker.warm.initialise()
        assert gc.get_freeze_count() > 0
        gc.unfreeze()  # this process does other things as well
        assert "lie there" in json.loads(away(maker).body)["detail"]
        nobody = maker.ask("/nobody")
        assert (nobody.status, nobody.headers["cache-control"]) == (404, "no-store")
        proxy.fail(None)
        assert maker.ask(URL).status == 200
        maker.warm.close()


def test_what_is_left_of_the_invocation_bounds_the_work(maker_of: MakerOf) -> None:
    """With no second left nothing is begun: 503 to ask again, before Lambda would cut the answer off."""
    maker = maker_of()
    maker.put("a.png", plain(BLUE, 64))
    assert maker.ask("/img/w=16,fm=jpeg/a.png").status == 200
    answer = maker.ask(URL, seconds=0.9)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert maker.ask(URL).status == 200


def test_a_store_that_says_nothing_is_not_waited_for_until_the_end(maker_of: MakerOf) -> None:
    """Lambda would cut the answer off, and its caller read 502: it is given up in time; the next one is answered."""
    plainly = maker_of()
    plainly.put("a.png", plain(BLUE))
    with fault_proxy(plainly.server.url) as proxy:
        maker = maker_of({"IMAGEMILL_S3__REQUEST_SECONDS": "10"}, beside=plainly, originals_at=proxy.url)
        assert maker.ask("/healthz/live").status == 200
        proxy.fail(lambda method, target: SILENT if target.endswith("a.png") else None)
        answer = maker.ask(URL, seconds=2.5)
        assert (answer.status, json.loads(answer.body)["code"]) == (503, "no_time_left")
        proxy.fail(None)
        assert maker.ask(URL).status == 200
        maker.warm.close()


def test_a_process_that_must_end_ends_after_its_answer() -> None:
    """In the place of asking for the next event, which the runtime does once the answer is handed over."""
    code = (
        "import awslambdaric.lambda_runtime_client as runtime\n"
        "from imagemill.functions.warm import end_after_answer\n"
        "end_after_answer()\n"
        "print('answered', flush=True)\n"
        "runtime.LambdaRuntimeClient('127.0.0.1:1').wait_next_invocation()\n"
        "print('taken another', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.endswith("answered\n"), done.stdout + done.stderr
    assert done.returncode == 1


def test_a_wrong_setting_stops_the_function_with_its_name() -> None:
    """Lambda shows it as the error of the initialisation, so no request ever meets a half-made platform."""
    code = (
        "import os\n"
        "os.environ |= {'AWS_LAMBDA_RUNTIME_API': '127.0.0.1:1', 'IMAGEMILL_LIMITS__QUEUE': 'many'}\n"
        "import imagemill.functions.delivery\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "limits.queue" in done.stderr
    assert "received 'many'" in done.stderr
