"""What stops a connection is said in the words of whatever stopped it; only loopback and the resolver are asked."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from tests.cli.programs import imagemill
from tests.servers.web import web_server
from tests.serving import free_port

from imagemill.cli.reach import why_unreachable


def test_each_thing_in_the_way_has_its_name(tmp_path: Path) -> None:
    """A closed port, a name that nobody knows and a certificate of nobody are three things."""
    assert why_unreachable(f"http://127.0.0.1:{free_port()}") == "Connection refused"
    unknown = why_unreachable("https://store.invalid")
    assert re.search("not known|No address|name resolution", unknown), unknown  # the last without any resolver
    with web_server(tmp_path, {}) as web:
        assert "certificate" in why_unreachable(web.url)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert why_unreachable(f"http://127.0.0.1:{server.getsockname()[1]}") == ""


@pytest.mark.parametrize("command", ["doctor", "ls"])
def test_a_bucket_whose_server_is_away(tmp_path: Path, command: str) -> None:
    """Doctor names the server and the reason; other commands begin with what is wrong and point to doctor."""
    (tmp_path / "imagemill-data").mkdir()
    server = f"http://127.0.0.1:{free_port()}"
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "IMAGEMILL_S3__REQUEST_SECONDS": "1"}
    env = keys | {"IMAGEMILL_ORIGINALS__URL": f"s3://pictures?endpoint={server}"}
    ended = imagemill(command, cwd=tmp_path, env=env)
    assert ended.code == 1
    if command == "doctor":
        assert ended.out.count(f"{server}: Connection refused") == 2
    else:
        assert ended.err.startswith("imagemill: The store cannot be reached now")
        assert "imagemill doctor" in ended.err


@pytest.mark.parametrize("host", ["store..example", f"{'s' * 64}.example"])
def test_a_host_that_no_resolver_can_be_asked_for(host: str) -> None:
    """Two dots or a label over 63 letters is a slip of the settings: said, not a mistake of ours."""
    assert why_unreachable(f"https://{host}:9000") == f"{host} is no name of a host"
