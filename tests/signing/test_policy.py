"""CloudFront policies by themselves: what is read as one, and which URLs and moments it covers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing.signing_kit import moment, policy, signer

from imagemill.signing.cloudfront_encoding import decode, encode
from imagemill.signing.policy import canned_text, read_policy
from imagemill.signing.resource import Location, Resource, glob

HOST = "https://img.example.com"


def covers(pattern: str, path: str, host: str = "img.example.com", scheme: str = "https") -> bool:
    """Whether a policy for `pattern` covers this path of ours."""
    return Resource.read(pattern).covers(Location(scheme, host, path))


@pytest.mark.parametrize(
    ("pattern", "path", "covered"),
    [
        (f"{HOST}/img/w=300/cat.jpg", "/img/w=300/cat.jpg", True),
        (f"{HOST}/img/w=300/cat.jpg", "/img/w=300/cat.jpg?v=1", False),
        (f"{HOST}/img/w=300/cat.jpg?v=1", "/img/w=300/cat.jpg?v=1", True),
        (f"{HOST}/img/w=300/cat.jpg?v=*", "/img/w=300/cat.jpg?v=1&x=2", True),
        (f"{HOST}/img/w=300/cat.jpg*", "/img/w=300/cat.jpg?v=1", True),
        (f"{HOST}/img/w=300/cat-?.jpg", "/img/w=300/cat-1.jpg", True),
        (f"{HOST}/img/w=300/cat-?.jpg", "/img/w=300/cat-12.jpg", False),
        (f"{HOST}/img/w=300/cat-?.jpg", "/img/w=300/cat-.jpg", False),
        (f"{HOST}/img/*", "/img/w=300/users/ann/cat.jpg", True),
        (f"{HOST}/*", "/img/w=300/users/ann/cat.jpg", True),
        (f"{HOST}/*/users/ann/*", "/img/w=300/users/ann/cat.jpg", True),
        (f"{HOST}/img/*/users/ann/*", "/img/w=300/users/ann/deep/cat.jpg", True),
        (f"{HOST}/img/*/users/ann/*", "/img/w=300/users/bob/cat.jpg", False),
        # a star of the options ends where they end: the key of the last one is bob's
        (f"{HOST}/img/*/users/ann/*", "/img/w=300/users/bob/users/ann/cat.jpg", False),
        (f"{HOST}/img/w=*/users/ann/*", "/img/w=300/users/bob/x/users/ann/cat.jpg", False),
        (f"{HOST}/img/*/users/ann/*", "/img/w=300/users/annette/cat.jpg", False),
        (f"{HOST}/img/*/users/ann/*", "/info/users/ann/cat.jpg", False),
        (f"{HOST}/img/*/users/ann/*", "/IMG/w=300/users/ann/cat.jpg", False),
        # nor does what stands after a star lie in the query, which anybody can write
        (f"{HOST}/img/*/users/*/small.jpg", "/img/_/users/bob/small.jpg", True),
        (f"{HOST}/img/*/users/*/small.jpg", "/img/_/users/bob/whole.jpg?x=/small.jpg", False),
        (f"{HOST}/img/*/users/*/small.jpg*", "/img/_/users/bob/whole.jpg?x=/small.jpg", False),
        (f"{HOST}/img/*/users/*/small.jpg*", "/img/_/users/bob/small.jpg?v=1", True),
        (f"{HOST}/img/*/users/*/small.jpg?v=*", "/img/_/users/bob/small.jpg?v=1", True),
        (f"{HOST}/img/*/users/*/small.jpg?v=*", "/img/_/users/bob/whole.jpg?x=/small.jpg?v=1", False),
        (f"{HOST}/i*/ann/*", "/img/_/users/bob/cat.jpg?/ann/", False),
        ("http*://img.example.com/img/*", "/img/_/cat.jpg", True),
        ("https://IMG.example.com/img/*", "/img/_/cat.jpg", True),
        ("http://img.example.com/img/*", "/img/_/cat.jpg", False),
        ("https://other.example.com/img/*", "/img/_/cat.jpg", False),
        ("https://img.example.com.evil.net/img/*", "/img/_/cat.jpg", False),
        ("https://img.example.com:8443/img/*", "/img/_/cat.jpg", False),
    ],
)
def test_what_a_resource_covers(pattern: str, path: str, covered: bool) -> None:
    """As CloudFront has it, but narrower where a star could open what is another tenant's."""
    assert covers(pattern, path) is covered


@pytest.mark.parametrize(
    "resource",
    [
        *("*", "", "https://*", "https://*/img/*", "https://img.*.com/x", "h*://img.example.com/*", "https:///img/*"),
        *("*://img.example.com/*", "//img.example.com/x", "/img/*", "ftp://img.example.com/*", "https://img?.com/*"),
    ],
)
def test_a_resource_without_a_host_is_none(resource: str) -> None:
    """No wildcard crosses the host or the scheme, but the one that CloudFront writes for both schemes."""
    with pytest.raises(ValueError, match="resource"):
        Resource.read(resource)


def test_an_unknown_scheme_is_either() -> None:
    """Where no public address is set, TLS may end in front of us."""
    assert covers("http://h/img/*", "/img/_/a", "h", "")
    assert covers("https://h/img/*", "/img/_/a", "h", "")


letters = st.text("ab/?*", max_size=8)


@given(letters, st.text("ab/?", max_size=10))
def test_the_matcher_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    """A star is any characters, a question mark one, everything else itself."""
    spelled = "".join({"*": ".*", "?": "."}.get(one, re.escape(one)) for one in pattern)
    assert glob(pattern, text) is bool(re.fullmatch(spelled, text, re.DOTALL))


def test_many_stars_take_no_time() -> None:
    """What sends a backtracking matcher into years (threat A6) ends here."""
    assert not glob("a*" * 60 + "b", "a" * 4000)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_botocore_and_we_write_the_same_canned_policy() -> None:
    """Every byte of it is signed, so it must be built exactly alike."""
    url = f"{HOST}/img/w=300/cat.jpg?v=1"
    assert canned_text(url, "1893456000").decode() == signer().build_policy(url, moment(1893456000))


def test_a_policy_of_botocore_is_read() -> None:
    """With every condition there is."""
    text = signer().build_policy(f"{HOST}/img/*", moment(2000), moment(1000), "192.0.2.0/24")
    read = read_policy(text.encode())
    assert (read.until, read.since, str(read.network)) == (2000, 1000, "192.0.2.0/24")


def statement(**changes: Any) -> dict[str, Any]:
    """A good statement, changed."""
    return {"Resource": f"{HOST}/*", "Condition": {"DateLessThan": {"AWS:EpochTime": 2000}}} | changes


GOOD = {"DateLessThan": {"AWS:EpochTime": 2000}}


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        1,
        {},
        {"Statement": 1},
        {"Statement": {}},
        {"Statement": "x"},
        {"Statement": []},
        {"Statement": [statement(), statement()]},
        {"Statement": [statement()], "Id": "x"},
        {"Statement": [statement(Effect="Allow")]},
        {"Statement": [statement(Resource=None)]},
        {"Statement": [statement(Resource=[f"{HOST}/*"])]},
        {"Statement": [statement(Resource="*")]},
        {"Statement": [{"Condition": GOOD}]},
        {"Statement": [statement(Condition={})]},
        {"Statement": [statement(Condition=GOOD | {"DateEquals": {"AWS:EpochTime": 1}})]},
        {"Statement": [statement(Condition={"DateLessThan": 2000})]},
        {"Statement": [statement(Condition={"DateLessThan": {"AWS:EpochTime": "2000"}})]},
        {"Statement": [statement(Condition={"DateLessThan": {"AWS:EpochTime": True}})]},
        {"Statement": [statement(Condition={"DateLessThan": {"AWS:EpochTime": -1}})]},
        {"Statement": [statement(Condition={"DateLessThan": {"AWS:EpochTime": 1e3}})]},
        {"Statement": [statement(Condition={"DateLessThan": {"AWS:EpochTime": 10**12}})]},
        {"Statement": [statement(Condition=GOOD | {"IpAddress": {"AWS:SourceIp": ["0.0.0.0/0", "192.0.2.1/32"]}})]},
        {"Statement": [statement(Condition=GOOD | {"IpAddress": {"AWS:SourceIp": "everybody"}})]},
        {"Statement": [statement(Condition=GOOD | {"IpAddress": {"AWS:SourceIp": 1}})]},
    ],
)
def test_what_is_no_policy(value: Any) -> None:
    """One statement with a resource, an end, and nothing that we would have to guess at."""
    with pytest.raises(ValueError):
        read_policy(json.dumps(value).encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "\\xff",
        "[" * 3000,
        "[" * 5000,
        '{"Statement":[%s],"Statement":[%s]}',
        '{"Statement":[{"Resource":"https://a/*","Resource":"https://b/*","Condition":%c}]}',
        '{"Statement":[{"Resource":"https://a/*","Condition":{"DateLessThan":{"AWS:EpochTime":NaN}}}]}',
        '{"Statement":[{"Resource":"https://a/*","Condition":{"DateLessThan":{"AWS:EpochTime":1,"AWS:EpochTime":9}}}]}',
    ],
)
def test_json_that_two_readers_could_read_differently_is_none(text: str) -> None:
    """A name twice, odd numbers, endless nesting (threat 1.10)."""
    good = json.dumps(statement())
    text = text.replace("%s", good).replace("%c", json.dumps(GOOD))
    with pytest.raises(ValueError):
        read_policy(text.encode("latin-1", "replace"))


@pytest.mark.parametrize(
    ("client", "now", "admitted"),
    [
        ("192.0.2.7", 1500, True),
        ("::ffff:192.0.2.7", 1500, True),
        ("192.0.3.7", 1500, False),
        ("2001:db8::1", 1500, False),
        ("unknown", 1500, False),
        ("", 1500, False),
        ("192.0.2.7", 1999.9, True),
        ("192.0.2.7", 2000, False),
        ("192.0.2.7", 970, True),
        ("192.0.2.7", 969.9, False),
    ],
)
def test_when_and_for_whom_a_policy_holds(client: str, now: float, admitted: bool) -> None:
    """To its very second, with 30 s of grace at the beginning only (threat G5)."""
    conditions = {"DateGreaterThan": {"AWS:EpochTime": 1000}, "IpAddress": {"AWS:SourceIp": "192.0.2.0/24"}}
    assert read_policy(policy(f"{HOST}/*", 2000, **conditions).encode()).admits(client, now) is admitted


@given(st.binary(max_size=60))
def test_the_encoding_is_botocores_and_back(data: bytes) -> None:
    """`+`, `=` and `/` become `-`, `_` and `~`."""
    assert encode(data) == signer()._url_b64encode(data).decode()
    assert decode(encode(data)) == data


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YQ==", "YR__", "YQ__ ", "Y Q__", "YQ__YQ__", "+w__", "é", "YQ___"])
def test_no_other_spelling_is_read(text: str) -> None:
    """Without padding, with another alphabet, with spare bits: every one of them is refused."""
    with pytest.raises(ValueError):
        decode(text)
