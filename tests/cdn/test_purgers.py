"""What each CDN is asked: against a server that notes it, moto for CloudFront, a folder as nginx writes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.servers.recorder import Recorder, recording

from imagemill.assembly.cdn import build_purger
from imagemill.cdn.port import CdnError, Purger
from imagemill.cdn.settings import CdnSettings
from imagemill.settings import SettingsError

TAGS = ["default/photos/cat.jpg", "default/a.b/"]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Return a server that notes what it is asked."""
    with recording() as found:
        yield found


def built(settings: CdnSettings) -> Purger:
    """Return the purger of these settings."""
    purger = build_purger(settings)
    assert purger is not None
    return purger


def purged(settings: CdnSettings, tags: list[str]) -> None:
    """Have `tags` purged once."""

    async def run() -> None:
        purger = built(settings)
        try:
            await purger.purge(tags)
        finally:
            await purger.close()

    asyncio.run(run())


def at(kind: str) -> Callable[[Recorder], CdnSettings]:
    """Return settings of a CDN whose API is the recorder."""

    def settings(recorder: Recorder) -> CdnSettings:
        return CdnSettings(kind=kind, url=recorder.url, zone="Z1", token="s3cret")  # type: ignore[arg-type]  # one of its words

    return settings


def test_cloudflare_is_asked_by_tags(recorder: Recorder) -> None:
    """One call to the zone with the token and the tags as they stand in Cache-Tag."""
    recorder.answers = [(200, {}, b'{"success": true}')]
    purged(at("cloudflare")(recorder), TAGS)
    (request,) = recorder.requests
    assert (request.method, request.path) == ("POST", "/zones/Z1/purge_cache")
    assert request.headers["authorization"] == "Bearer s3cret"
    assert json.loads(request.body) == {"tags": TAGS}


def test_a_cloudflare_answer_without_success_is_a_failure(recorder: Recorder) -> None:
    """Its API says 200 to some calls that it did not carry out."""
    recorder.answers = [(200, {}, b'{"success": false}')]
    with pytest.raises(CdnError, match="did not carry out"):
        purged(at("cloudflare")(recorder), TAGS)


def test_fastly_is_asked_by_surrogate_keys(recorder: Recorder) -> None:
    """One batch for the service, hard: what was deleted must not be shown once more."""
    purged(at("fastly")(recorder), TAGS)
    (request,) = recorder.requests
    assert (request.method, request.path) == ("POST", "/service/Z1/purge")
    assert request.headers["fastly-key"] == "s3cret"
    assert "fastly-soft-purge" not in request.headers
    assert json.loads(request.body) == {"surrogate_keys": TAGS}


def test_varnish_gets_a_ban_of_whole_tags(recorder: Recorder) -> None:
    """The expression matches a tag between commas, and a dot is a dot."""
    purged(at("varnish")(recorder), TAGS)
    (request,) = recorder.requests
    assert (request.method, request.path) == ("BAN", "/")
    assert request.headers["imagemill-purge"] == "s3cret"
    assert request.headers["imagemill-ban"] == r"(^|,)(default/photos/cat\.jpg|default/a\.b/)(,|$)"


@pytest.mark.parametrize("kind", ["cloudflare", "fastly", "varnish"])
@pytest.mark.parametrize(("status", "lasting"), [(401, True), (404, True), (429, False), (500, False), (503, False)])
def test_a_refusal_says_whether_to_ask_again(recorder: Recorder, kind: str, status: int, lasting: bool) -> None:
    """A wrong token is wrong tomorrow; a CDN that is busy is asked again when it said. No token in the words."""
    recorder.answers = [(status, {"retry-after": "7"}, b"{}")]
    with pytest.raises(CdnError) as caught:
        purged(at(kind)(recorder), TAGS)
    assert (caught.value.lasting, caught.value.retry_after) == (lasting, 7.0)
    assert str(status) in caught.value.sentence
    assert "s3cret" not in caught.value.sentence


def test_a_cdn_that_is_away_is_a_failure_to_be_repeated() -> None:
    """Nobody listens: the sentence names the CDN, not its address."""
    with pytest.raises(CdnError, match="Varnish could not be reached") as caught:
        purged(CdnSettings(kind="varnish", url="http://127.0.0.1:9", token="t"), TAGS)
    assert not caught.value.lasting


def test_cloudfront_gets_an_invalidation_of_tags(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tags are written as paths that begin with #, signed by botocore for the distribution."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    answer = (
        b'<Invalidation xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>I1</Id><Status>InProgress</Status>'
        b"</Invalidation>"
    )
    recorder.answers = [(201, {"content-type": "text/xml"}, answer)]
    purged(at("cloudfront")(recorder), TAGS)
    (request,) = recorder.requests
    assert (request.method, request.path) == ("POST", "/2020-05-31/distribution/Z1/invalidation")
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKTEST/")
    for tag in TAGS:
        assert f"<Path>#{tag}</Path>".encode() in request.body


def test_a_cloudfront_refusal_names_its_code(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access denied will be denied again."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKTEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    body = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>"
    recorder.answers = [(403, {"content-type": "text/xml"}, body)]
    with pytest.raises(CdnError, match="AccessDenied") as caught:
        purged(at("cloudfront")(recorder), TAGS)
    assert caught.value.lasting


def kept_by_nginx(folder: Path, name: str, tags: str) -> Path:
    """Write a file as nginx's cache does: its own binary header, the key, the answer's head, the body."""
    path = folder / name[-1] / name[-3:-1] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"\nKEY: {name}\nHTTP/1.1 200 OK\r\nContent-Type: image/webp\r\nCache-Tag: {tags}\r\n\r\n"
    path.write_bytes(bytes(0x150) + head.encode() + b"body")
    return path


def test_nginx_loses_the_files_that_name_a_tag(tmp_path: Path) -> None:
    """Only those; a tag that begins like another is another, and a file that is none of nginx's stays."""
    gone = kept_by_nginx(tmp_path, "aaaaaaaa1", "default/photos/cat.jpg,default/photos/,default/")
    also = kept_by_nginx(tmp_path, "aaaaaaaa2", "default/a.b/c.jpg,default/a.b/,default/")
    stays = kept_by_nginx(tmp_path, "aaaaaaaa3", "default/photos/cat.jpg.webp,default/photos/,default/")
    other = tmp_path / "note.txt"
    other.write_text("default/photos/cat.jpg")
    purged(CdnSettings(kind="nginx", url=tmp_path.as_uri()), TAGS)
    assert [path.exists() for path in (gone, also, stays, other)] == [False, False, True, True]


def test_a_folder_of_nginx_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A purge that could remove nothing must not count as done."""
    with pytest.raises(CdnError, match="cannot be read"):
        purged(CdnSettings(kind="nginx", url=(tmp_path / "none").as_uri()), TAGS)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (CdnSettings(kind="cloudfront"), "cdn.zone"),
        (CdnSettings(kind="cloudflare", zone="z"), "cdn.token"),
        (CdnSettings(kind="fastly", token="t"), "cdn.zone"),
        (CdnSettings(kind="nginx", url="http://127.0.0.1/"), "cdn.url"),
        (CdnSettings(kind="varnish", url="http://127.0.0.1:9"), "cdn.token"),
        (CdnSettings(kind="varnish", url="file:///x", token="t"), "cdn.url"),
    ],
)
def test_what_is_missing_stops_the_start(settings: CdnSettings, named: str) -> None:
    """A CDN that can never be purged is found out before it keeps anything; the token is not repeated."""
    with pytest.raises(SettingsError, match=named):
        build_purger(settings)


def test_without_a_cdn_nothing_is_purged() -> None:
    """No purger, also for an nginx whose cache we cannot reach: it looks again within seconds."""
    assert build_purger(CdnSettings()) is None
    assert build_purger(CdnSettings(kind="nginx")) is None
