"""Settings that would mean something in the language of a configuration (threats H1, C5)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.edge_config.facts import Facts, facts_of
from imagemill.edge_config.nginx import nginx_config
from imagemill.edge_config.varnish import varnish_config
from imagemill.engine.limits import Limits
from imagemill.errors import InvalidRequest
from imagemill.gateway.settings import ServerSettings


def facts(public_url: str = "", private: tuple[str, ...] = (), token: str = "a-secret") -> Facts:
    """Return the facts of default settings, but for these."""
    return facts_of(
        ServerSettings(public_url=public_url),
        DeliverySettings(private=private),
        SizesSettings(),
        Limits(),
        CdnSettings(kind="varnish", url="http://127.0.0.1:6081", token=token),
        kind="varnish",
        folder=Path("/srv/variants"),
        site="default",
        listen=8081,
    )


@pytest.mark.parametrize(
    "url",
    [
        *("https://h;return.example/", "https://h.example}/x", "https://*.example/", "https://h.example/a;b"),
        *("https://h.example/a{b}", "https://h.example/a b", "https://h.example/a%2Fb", 'https://h.example/a"b'),
    ],
)
def test_an_address_that_ends_a_word_is_refused(url: str) -> None:
    """A host or path with a character of nginx's own language becomes no configuration."""
    with pytest.raises(InvalidRequest, match=r"server\.public_url"):
        facts(url)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a$b", "a\nb", "a\0b"])
def test_a_prefix_or_token_that_ends_a_string_is_refused(text: str) -> None:
    """A quoted text stays one."""
    for wrong in ({"private": (text,)}, {"token": text}):
        with pytest.raises(InvalidRequest) as caught:
            facts(**wrong)
        assert caught.value.code == "bad_edge_text"


def test_an_ordinary_address_becomes_one() -> None:
    """A path below which people see us is part of every location."""
    text = nginx_config(facts("https://img.example.com/pics-2/v_1"))
    assert "server_name img.example.com;" in text
    assert "/pics\\-2/v_1/(info/" in text


@pytest.mark.parametrize("prefix", ["users/", "my users/", "größe/", "a;b/", "x'(y)+/", "50%/", "a|b/"])
def test_varnish_passes_what_is_below_a_private_prefix(prefix: str) -> None:
    """Varnish sees addresses as they are spelled, so the prefix stands there in that spelling too."""
    text = varnish_config(facts(private=(prefix,)))
    found = re.search(r'req\.url ~ \{"(\^/\(\?:img/\[\^/\]\+\|info\)/\+.*)"\}\) \{\n\s+return \(pass\)', text)
    assert found is not None
    path = quote(f"{prefix}ann.jpg", safe="-._~!$&'()*+,;=:@/")
    for address in (f"/img/w=60/{path}", f"/info/{path}", f"/img/_//{path}?v=1"):
        assert re.search(found[1], address)
    assert not re.search(found[1], f"/img/w=60/others/{path}")
