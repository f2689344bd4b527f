"""What strangers may ask of a real server, and presets that are made, changed and kept."""

from __future__ import annotations

import io
import random
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.serving import RunningServer, all_below, environment, free_port, serving

from imagemill.delivery.settings import LADDER

PLENTY = {"IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}
BROWSER = {"accept": "image/avif,image/webp,*/*"}


def picture() -> bytes:
    """Return a small JPEG."""
    out = io.BytesIO()
    Image.new("RGB", (120, 90), (20, 90, 160)).save(out, "JPEG")
    return out.getvalue()


def lay(data: Path) -> None:
    """Put one picture into a new data folder."""
    data.mkdir()
    (data / "a.jpg").write_bytes(picture())


def kept(server: RunningServer) -> list[str]:
    """Return the names of all variants on the disk."""
    folder = server.data / ".imagemill" / "variants"
    return sorted(path.name for path in all_below(folder) if path.is_file() and "~" in path.parts and "=" in path.name)


@pytest.mark.parametrize("otherwise", ["refuse", "snap"])
def test_a_flood_of_random_parameters_makes_no_more_than_the_list(tmp_path: Path, otherwise: str) -> None:
    """Threat A4: whatever one client invents, the store grows to the listed widths at most, and to nothing else."""
    data = tmp_path / "data"
    lay(data)
    chance = random.Random(7)
    noise = ("", "", ",crop=0:0:{n}:50", ",blur=1.{n}", ",pad={n}", ",page={n}", ",radius={n}", ",dpr=1.{n}")
    with serving(
        data, env=PLENTY | {"IMAGEMILL_DELIVERY__ACCESS": "sizes", "IMAGEMILL_SIZES__ELSE": otherwise}
    ) as server:
        with server.client(admin=False) as client:
            for number in range(300):
                width = chance.choice((chance.randint(1, 5000), chance.choice(LADDER)))
                options = f"w={width},fm=jpeg" + chance.choice(noise).format(n=chance.randint(1, 99))
                method = chance.choice(("GET", "HEAD"))
                answer = client.request(method, f"/img/{options}/a.jpg?x={number}", follow_redirects=True)
                assert answer.status_code in (200, 400, 403), (options, answer.text)
                if answer.status_code == 403:
                    assert answer.headers["imagemill-error"] in ("size_not_allowed", "option_not_allowed")
        assert server.stop() == 0
        names = kept(server)
    assert set(names) <= {f"w={width}.jpg" for width in LADDER}
    assert len(names) > len(LADDER) // 2


def test_sizes_are_judged_the_same_on_every_way(tmp_path: Path) -> None:
    """GET, HEAD and OPTIONS, conditional or not, made or remembered: what is not listed is 403 with every fault."""
    data = tmp_path / "data"
    lay(data)
    env = PLENTY | {"IMAGEMILL_DELIVERY__ACCESS": "sizes"}
    with serving(data, env=env) as server, server.client(admin=False) as client:
        for _ in range(3):
            good = client.get("/img/w=64/a.jpg")
            assert good.status_code == 200
            for method in ("GET", "HEAD", "OPTIONS"):
                for headers in ({}, {"if-none-match": "*"}, {"if-none-match": good.headers["etag"]}):
                    bad = client.request(method, "/img/w=65,q=81/a.jpg", headers=headers)
                    assert (bad.status_code, bad.headers["imagemill-error"]) == (403, "size_not_allowed")
                    assert bad.headers["cache-control"] == "no-store"
        problem = client.get("/img/w=65,q=81/a.jpg").json()
        assert [fault["option"] for fault in problem["errors"]] == ["w", "q"]
        assert problem["errors"][0]["received"] == "65"
        assert "64, 96" in problem["errors"][0]["expected"]
        assert client.options("/img/w=64/a.jpg").status_code == 204
        assert client.get("/img/w=65/none.jpg").status_code == 403
        hinted = client.get("/img/w=auto/a.jpg", headers={"sec-ch-width": "50"})
        assert hinted.status_code == 200
        assert Image.open(io.BytesIO(hinted.content)).width == 64


def test_snapping_sends_to_the_one_address(tmp_path: Path) -> None:
    """308 to the canonical URL of the next size, with the version and the prefix of the public address."""
    data = tmp_path / "data"
    lay(data)
    env = PLENTY | {
        "IMAGEMILL_DELIVERY__ACCESS": "sizes",
        "IMAGEMILL_SIZES__ELSE": "snap",
        "IMAGEMILL_SIZES__WIDTHS": "100,50",
        "IMAGEMILL_SERVER__PUBLIC_URL": "https://example.com/media/",
    }
    with serving(data, env=env) as server, server.client(admin=False) as client:
        for options in ("w=51", "width=99", "51x", "w=34,dpr=2", "w=8000", "_"):
            answer = client.get(f"/img/{options}/a.jpg?v=0123456789ab&utm=1")
            assert answer.status_code == 308
            assert answer.headers["location"] == "/media/img/w=100/a.jpg?v=0123456789ab"
            assert answer.headers["cache-control"] == "public, max-age=600"
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.content == b""
        assert client.options("/img/w=51/a.jpg").status_code == 204
        assert client.get("/img/w=50/a.jpg").status_code == 200


def test_presets_live_in_the_file_and_in_the_api(tmp_path: Path) -> None:
    """One stored variant for a preset and its spelling; a change is in force at once, and survives a kill."""
    data = tmp_path / "data"
    lay(data)
    config = tmp_path / "imagemill.toml"
    config.write_text('[presets]\nfixed = "w=30,fm=png"\n')
    with serving(data, "--config", str(config), env=PLENTY) as server, server.client() as client:
        assert client.get("/img/p=fixed/a.jpg").headers["content-type"] == "image/png"
        assert client.get("/img/fm=png,w=30/a.jpg").headers["cache-status"] == "imagemill; hit; detail=memory"
        assert client.put("/v1/presets/card", json={"options": "w=40,fm=png"}).status_code == 201
        version = client.get("/v1/originals/a.jpg").json()["version"]
        for _ in range(3):  # the third is answered by what the URL is remembered to mean
            answer = client.get(f"/img/p=card/a.jpg?v={version}")
            assert Image.open(io.BytesIO(answer.content)).width == 40
            assert "immutable" not in answer.headers["cache-control"]
        assert answer.headers["cache-status"].endswith("memory")
        assert client.put("/v1/presets/card", json={"options": "w=50,fm=png"}).status_code == 200
        changed = client.get(f"/img/p=card/a.jpg?v={version}")
        assert Image.open(io.BytesIO(changed.content)).width == 50
        beside = client.get("/img/p=card,fm=webp,dpr=2/a.jpg")
        assert Image.open(io.BytesIO(beside.content)).size == (100, 75)
        assert beside.headers["content-type"] == "image/webp"
        unknown = client.get("/img/p=cart/a.jpg")
        assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown_preset")
        assert "card, fixed" in unknown.json()["detail"]
        told = client.get("/v1/explain", params={"url": "/img/p=card,dpr=2/a.jpg"}).json()
        assert told["preset"] == {"name": "card", "options": "w=50,fm=png"}
        assert (told["canonical"], told["verdict"]) == ("w=100,fm=png", "allowed")
        config.write_text('[presets]\nfixed = "w=31,fm=png"\n')
        assert Image.open(io.BytesIO(client.get("/img/p=fixed/a.jpg").content)).width == 30
        server.stop(signal.SIGKILL)
    with serving(data, "--config", str(config), env=PLENTY) as server, server.client() as client:
        assert client.get("/v1/presets/card").json()["options"] == "w=50,fm=png"
        assert Image.open(io.BytesIO(client.get("/img/p=card/a.jpg").content)).width == 50
        assert Image.open(io.BytesIO(client.get("/img/p=fixed/a.jpg").content)).width == 31


def test_only_presets(tmp_path: Path) -> None:
    """In `presets` a preset is all there is; `explain` says why the rest is refused and what it would cost."""
    data = tmp_path / "data"
    lay(data)
    env = PLENTY | {"IMAGEMILL_DELIVERY__ACCESS": "presets", "IMAGEMILL_PRESETS__CARD": "w=40,lossless=1,fm=webp"}
    with serving(data, env=env) as server, server.client() as client:
        assert client.get("/img/p=card/a.jpg").headers["content-type"] == "image/webp"
        assert client.get("/img/p=card,dpr=2,dl=1/a.jpg").status_code == 200
        for options, code in (
            ("w=40,lossless=1,fm=webp", "needs_signature"),
            ("w=40", "preset_required"),
            ("_", "preset_required"),
            ("p=card,w=41", "option_not_allowed"),
            ("p=card,dpr=1.01", "option_not_allowed"),
        ):
            answer = client.get(f"/img/{options}/a.jpg")
            assert (answer.status_code, answer.json()["code"]) == (403, code)
        told = client.get("/v1/explain", params={"url": "/img/w=40/a.jpg"}).json()
        assert (told["verdict"], told["reason"]["code"], told["access"]) == ("refused", "preset_required", "presets")
        assert told["cost"]["cpu_seconds"] > 0
        assert client.get("/v1/presets/card").json()["managed_by"] == "file"
        assert not [name for name in kept(server) if "41" in name]


def test_allowed_formats(tmp_path: Path) -> None:
    """`fm=auto` never picks what the site does not write, an explicit one is 403, and everyone still gets a picture."""
    data = tmp_path / "data"
    lay(data)
    Image.new("RGBA", (60, 60), (1, 2, 3, 99)).save(data / "clear.png")
    env = PLENTY | {"IMAGEMILL_DELIVERY__FORMATS": "jpeg,webp"}
    with serving(data, env=env) as server, server.client(admin=False) as client:
        assert client.get("/img/w=40/a.jpg", headers=BROWSER).headers["content-type"] == "image/webp"
        assert client.get("/img/w=40/a.jpg", headers={"accept": "image/avif"}).headers["content-type"] == "image/jpeg"
        assert client.get("/img/w=40/a.jpg").headers["content-type"] == "image/jpeg"
        assert client.get("/img/w=40/clear.png").headers["content-type"] == "image/webp"
        assert client.get("/img/w=40,fm=source/clear.png").headers["content-type"] == "image/webp"
        refused = client.get("/img/w=40,fm=avif/a.jpg")
        assert (refused.status_code, refused.json()["code"]) == (403, "format_not_allowed")
        assert refused.json()["errors"][0]["expected"] == "auto or one of jpeg, webp"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"IMAGEMILL_SIGNING__KEYS": "web:short"}, "signing.keys"),
        ({"IMAGEMILL_PRESETS__CARD": "w=0"}, "presets.card"),
        ({"IMAGEMILL_PRESETS__CARD": "p=other"}, "names another preset"),
        ({"IMAGEMILL_SIZES__ELSE": "guess"}, "one of refuse, snap"),
        ({"IMAGEMILL_SIZES__RATIOS": "wide"}, "such as 16:9"),
    ],
)
def test_wrong_rules_stop_the_start(tmp_path: Path, env: dict[str, str], said: str) -> None:
    """A rule that cannot be kept is said in words, and nothing is served without it."""
    command = [sys.executable, "-m", "imagemill", "serve", "--data", str(tmp_path / "d"), "--port", str(free_port())]
    ended = subprocess.run(command, env=environment(env), capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_document_of_presets_stops_the_start(tmp_path: Path) -> None:
    """Not one page that names a preset would be right; the sentence says which file it is."""
    data = tmp_path / "data"
    (data / ".imagemill").mkdir(parents=True)
    (data / ".imagemill" / "presets.json").write_text('{"presets": ')
    command = [sys.executable, "-m", "imagemill", "serve", "--data", str(data), "--port", str(free_port())]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert ended.returncode == 1
    assert "presets.json" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_demo_opens_what_wants_a_signature_elsewhere(tmp_path: Path) -> None:
    """`make demo` shows everything; what somebody set on purpose holds there too."""
    for env, status in (({}, 200), ({"IMAGEMILL_DELIVERY__ALLOW": "tiff"}, 403)):
        port = free_port()
        command = [sys.executable, "-m", "imagemill", "demo", "--data", str(tmp_path / "demo"), "--port", str(port)]
        with subprocess.Popen(
            command, env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path
        ) as process:
            try:
                assert process.stdout is not None
                assert any(b"Ctrl-C" in line for line in process.stdout)
                url = f"http://127.0.0.1:{port}/img/w=40,fm=webp,lossless=1/coffee.png"
                assert httpx.get(url, trust_env=False, timeout=60).status_code == status
            finally:
                process.send_signal(signal.SIGTERM)
