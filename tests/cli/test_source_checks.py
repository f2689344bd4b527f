"""What `doctor` says of further sources; nothing but loopback is asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.web import web_server
from tests.serving import free_port

from imagemill.cli.checks import Finding
from imagemill.cli.source_checks import source_findings
from imagemill.originals.settings import SourceSettings
from imagemill.settings import Settings


def findings(name: str, source: SourceSettings) -> list[Finding]:
    """Check one source."""
    return list(source_findings(Settings(attached={name: source})))


def test_a_folder_is_there_or_not(tmp_path: Path) -> None:
    """The next step is named where it is not."""
    assert findings("a", SourceSettings(url=f"file://{tmp_path}"))[0].state == "ok"
    missing = findings("a", SourceSettings(url=f"file://{tmp_path}/none"))[0]
    assert (missing.state, bool(missing.next_step)) == ("fail", True)


def test_a_web_server_is_connected_to(tmp_path: Path) -> None:
    """Address, port and certificate are tried; what is wrong is said as it is, for the operator."""
    with web_server(tmp_path, {}) as web:
        right = SourceSettings(url=f"{web.url}/x/", allow_private=("127.0.0.1/32",), ca_file=str(web.ca))
        assert [(one.state, one.check) for one in findings("cdn", right)] == [("ok", "source cdn")]
        assert "certificate right" in findings("cdn", right)[0].text
        shut = SourceSettings(url=f"{web.url}/x/", ca_file=str(web.ca))
        assert "not public and not in allow_private" in findings("cdn", shut)[0].text
        strange = SourceSettings(url=f"{web.url}/x/", allow_private=("127.0.0.1/32",))
        assert "ca_file" in findings("cdn", strange)[0].next_step
    assert web.asked == []


@pytest.mark.parametrize("text", ["no certificate", ""])
def test_what_is_no_authority(tmp_path: Path, text: str) -> None:
    """A file without a certificate would trust nobody."""
    (tmp_path / "ca.pem").write_text(text)
    for file in ("ca.pem", "none.pem"):
        found = findings("cdn", SourceSettings(url="https://127.0.0.1/", ca_file=str(tmp_path / file)))
        assert [(one.state, "ca_file" in one.text) for one in found] == [("fail", True)]


def test_nobody_listens() -> None:
    """A host that is away is a failure; a pattern of hosts is not tried."""
    source = SourceSettings(hosts=(f"127.0.0.1:{free_port()}", "*.example.org"), allow_private=("127.0.0.1/32",))
    assert [one.state for one in findings("web", source)] == ["fail", "ok"]
