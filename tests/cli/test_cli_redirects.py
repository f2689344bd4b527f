"""What the shell does where a server sends it elsewhere for a long original: it goes there, without the key."""

from __future__ import annotations

from pathlib import Path

from tests.cli.programs import imagemill
from tests.servers.recorder import recording

KEY = "imk_a-key-that-only-the-server-may-see-0123456789"


def test_an_original_is_fetched_from_the_bucket_that_the_server_names(tmp_path: Path) -> None:
    """A link needs no key, and nobody else gets to see it (threat K4)."""
    (tmp_path / "a.key").write_text(KEY + "\n")
    with recording() as server, recording() as bucket:
        link = f"{bucket.url}/trips/long.png?X-Amz-Signature=abc"
        server.answers = [(302, {"location": link, "cache-control": "no-store"}, b"")]
        bucket.answers = [(200, {"content-type": "image/png"}, b"the bytes")]
        env = {"IMAGEMILL_SERVER": server.url, "IMAGEMILL_API_KEY_FILE": str(tmp_path / "a.key")}
        done = imagemill("get", "trips/long.png", "-o", "long.png", cwd=tmp_path, env=env)
        assert done.code == 0, done.err
        assert (tmp_path / "long.png").read_bytes() == b"the bytes"
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        (asked,) = bucket.requests
        assert asked.path == "/trips/long.png?X-Amz-Signature=abc"
        assert "authorization" not in asked.headers
        assert KEY not in str(asked)
