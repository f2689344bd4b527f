"""Whatever the settings, what is written is a configuration to nginx and to Varnish, and says what they say."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from tests.cli.programs import imagemill
from tests.edge_config.edge_facts import facts
from tests.servers.nginx import framed
from tests.tools import need

from imagemill.cdn.settings import CdnSettings
from imagemill.cli.edge_config import variants_folder
from imagemill.delivery.settings import DeliverySettings
from imagemill.edge_config.facts import Facts
from imagemill.edge_config.nginx import nginx_config
from imagemill.edge_config.varnish import varnish_config
from imagemill.errors import InvalidRequest
from imagemill.gateway.settings import ServerSettings
from imagemill.settings import Settings

PURGED = CdnSettings(kind="varnish", url="http://127.0.0.1:6081", token="a-secret-between-us")
BELOW = ServerSettings(public_url="https://img.example.com/p")
CASES: dict[str, Facts] = {
    "defaults": facts(),
    "everything": facts(
        ServerSettings(host="::1", public_url="https://img.example.com/pictures"),
        DeliverySettings(private=("users/", "my team's/", "a+b(c)/")),
        control=True,
        origins=("10.0.0.5:8080", "[::1]:8080", "node-3.example:80"),
    ),
    "elsewhere": facts(folder=None, control=True),
    "signed": facts(delivery=DeliverySettings(access="signed")),
    "signed elsewhere": facts(delivery=DeliverySettings(access="signed", private=("users/",)), folder=None),
    "sizes": facts(delivery=DeliverySettings(access="sizes")),
    "presets": facts(delivery=DeliverySettings(access="presets")),
    "no negotiation": facts(delivery=DeliverySettings(negotiation="off")),
    "a bucket by the edge": facts(delivery=DeliverySettings(negotiation="edge-rewrite")),
    "old formats": facts(delivery=DeliverySettings(formats=("jpeg", "png"))),
    "no jpeg": facts(delivery=DeliverySettings(formats=("webp",)), folder=None),
    "a CDN before it": facts(cdn=CdnSettings(kind="fastly", zone="x", token="y")),
}


@pytest.mark.parametrize("name", CASES)
def test_nginx_takes_it(name: str, tmp_path: Path) -> None:
    """`nginx -t` finds no mistake and warns of nothing."""
    text = nginx_config(CASES[name])
    text = text.replace("node-3.example:80", "127.0.0.1:80")  # nginx asks for the addresses of names at its start
    binary = need("nginx", "nginx-light")
    done = subprocess.run([binary, "-t", "-c", framed(text, tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "below",
            facts(BELOW, DeliverySettings(private=("my team's/",)), control=True, origins=("[::1]:80", "127.0.0.2:80")),
        ),
        ("purged", facts(BELOW, DeliverySettings(access="signed", negotiation="off"), PURGED, kind="varnish")),
    ],
)
def test_varnish_takes_it(name: str, settings: Facts, tmp_path: Path) -> None:
    """`varnishd -C` compiles it."""
    binary = need("varnishd", "varnish")
    path = tmp_path / f"{name}.vcl"
    path.write_text(varnish_config(settings))
    command = [binary, "-j", "none", "-C", "-f", str(path), "-n", str(tmp_path / "work")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_varnish_is_not_purged_without_a_secret() -> None:
    """Else each purge would be refused there, and what was closed stay open: no configuration is written."""
    with pytest.raises(InvalidRequest, match=r"^cdn\.token: expected the secret"):
        facts(cdn=CdnSettings(kind="varnish", url="http://127.0.0.1:6081"), kind="varnish")


def test_who_serves_files_and_who_keeps_answers() -> None:
    """Files where they are here and whole; a cache where they are not, where a CDN needs more, or for presets."""
    ways = {name: "proxy_cache_path" in nginx_config(case) for name, case in CASES.items()}
    kept = {name for name, cached in ways.items() if cached}
    assert kept == {"elsewhere", "signed elsewhere", "presets", "no jpeg", "a CDN before it"}


def test_sizes_serve_only_listed_files() -> None:
    """A file that somebody had made with a signature is not for all where only listed sizes are."""
    text = nginx_config(CASES["sizes"])
    assert '"~^(?!w=(?:16|32|' in text
    assert '"~^(?!' not in nginx_config(CASES["defaults"])


def test_negotiation_that_is_off_reads_no_accept() -> None:
    """One bucket, no Vary; an edge that writes the bucket itself says none either."""
    off, by_edge = nginx_config(CASES["no negotiation"]), nginx_config(CASES["a bucket by the edge"])
    assert "image/avif *" not in off
    assert "image/avif *" in by_edge
    assert '"" Accept;' not in off + by_edge
    assert '"" Accept;' in nginx_config(CASES["defaults"])


def test_formats_that_are_not_written_are_no_bucket() -> None:
    """A site of JPEG and PNG looks for no other file."""
    text = nginx_config(CASES["old formats"])
    assert "@avif" not in text
    assert "fm=(jpeg|png)" in text


@pytest.mark.parametrize("text", ["", "host", "host:", "host:x", ":80", "a b:80", "user@host:80", "host:80/x", "h;:80"])
def test_an_origin_is_a_host_and_a_port(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidRequest):
        facts(origins=(text,))


def test_variants_are_where_the_server_keeps_them(tmp_path: Path) -> None:
    """Beside the originals, below the data folder where those can only be read, nowhere in memory or in a bucket."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()

    def found(**environ: str) -> Path | None:
        named = {f"IMAGEMILL_{name.upper()}": value for name, value in environ.items()}
        return variants_folder(Settings.load({"data.dir": tmp_path / "data"}, environ=named, cwd=tmp_path))

    assert found() == tmp_path / "data" / ".imagemill" / "variants"
    assert found(originals__url=f"file://{pictures}") == pictures / ".imagemill" / "variants"
    assert found(variants__url="file:///srv/v") == Path("/srv/v")
    assert found(variants__url="memory://") is None
    assert found(originals__url="memory://") is None
    assert found(originals__url="s3://bucket/x") is None
    if os.getuid():  # root may write everywhere
        pictures.chmod(0o500)
        assert found(originals__url=f"file://{pictures}") == tmp_path / "data" / ".imagemill" / "variants"


def test_the_command_writes_a_file_all_at_once(tmp_path: Path) -> None:
    """`-o` replaces the file; with a secret in it, it is not for all; a person is told of trusted_proxies."""
    data, out = tmp_path / "data", tmp_path / "out.vcl"
    data.mkdir()
    (data / "imagemill.toml").write_text(
        '[cdn]\nkind = "varnish"\nurl = "http://127.0.0.1:6081"\ntoken = "a-secret-between-us"\n'
    )
    done = imagemill("edge-config", "varnish", "--data", str(data), "-o", str(out), cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert "server.trusted_proxies is empty" in done.err
    assert '"a-secret-between-us"' in out.read_text()
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    out.chmod(0o600)
    assert imagemill("edge-config", "varnish", "--data", str(data), "-o", str(out), cwd=tmp_path).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    wrong = imagemill("edge-config", "nginx", "--data", str(data), "--origin", "x", cwd=tmp_path)
    assert (wrong.code, wrong.out) == (1, "")
    assert "host:port" in wrong.err
    nowhere = imagemill("edge-config", "nginx", "--data", str(data), "-o", str(tmp_path / "no" / "x"), cwd=tmp_path)
    assert nowhere.code == 1
    assert "cannot be written" in nowhere.err
