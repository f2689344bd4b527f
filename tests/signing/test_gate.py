"""The judge of signatures: short ones, links and cookies of botocore's, keys that come and go, and clocks."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.signing import signing_kit
from tests.signing.signing_kit import EC_ID, KEY_ID, SECRET, cookies, ec_key, moment, pem, policy, rsa_key, signer

from imagemill.dialects.native.parse import parse_url
from imagemill.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed, Refused
from imagemill.object_store.memory import MemoryStore
from imagemill.object_store.port import Condition
from imagemill.signing.gate import MAX_SEEN, Asking, Gate, ShortClaim
from imagemill.signing.grant import Grant
from imagemill.signing.key_book import KeyBook, etag_of
from imagemill.signing.keys import MAX_TRIES, KeyRing, SigningKey, check_key
from imagemill.signing.settings import SigningSettings
from imagemill.signing.sign import signed_url
from imagemill.signing.signature import image_text, signature_of

NOW = 1_800_000_000
HOST = "https://img.example.com"
PATH = "/img/w=300/users/ann/cat.jpg"
KEYS = (
    SigningKey(kid="web", kind="hmac", secret=SECRET),
    SigningKey(kid="old", kind="hmac", secret="the-one-before-that", retires=NOW + 60),
    SigningKey(kid=KEY_ID, kind="cloudfront", public_key=pem(rsa_key())),
    SigningKey(kid=EC_ID, kind="cloudfront", public_key=pem(ec_key())),
)


class Clock:
    """A clock that tests set."""

    now: float = NOW

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


STILL = Clock()


def gate(*keys: SigningKey, clock: Callable[[], float] = STILL, url: str = HOST, **changes: object) -> Gate:
    """Return a judge over these keys, by default over one of each kind."""
    ring = KeyRing(keys or KEYS)
    return Gate(lambda: ring, SigningSettings(**changes), url, clock)  # type: ignore[arg-type]  # a table of settings


def judge(
    judge_: Gate, url: str, cookie: str = "", host: str = "img.example.com", client: str = "192.0.2.7"
) -> Grant | str | None:
    """Return what a URL of ours opens, or the code of the refusal; cookies count as in delivery."""
    target = url.split("#")[0].removeprefix("https://img.example.com").removeprefix("http://img.example.com")
    path, _, query = target.partition("?")
    try:
        asked = parse_url(path.encode(), query.encode())
    except InvalidRequest:
        return "bad"
    claim = None
    if asked.signature is not None:
        text = image_text(asked.options_text, asked.key, asked.expires or "", asked.v or "")
        claim = ShortClaim(text, asked.signature, asked.expires, asked.kid)
    asking = Asking(path.encode(), query.encode(), host, cookie, client)
    try:
        return judge_.check_link(asking, claim) or judge_.check_cookies(asking)
    except Refused as refusal:
        return refusal.code


def good(found: Grant | str | None) -> bool:
    """Whether it is a grant."""
    return isinstance(found, Grant)


def short(path: str = PATH, *, exp: int | None = NOW + 60, kid: str | None = None, secret: str = SECRET) -> str:
    """Return a signed URL."""
    asked = parse_url(path.partition("?")[0].encode(), path.partition("?")[2].encode())
    text = image_text(asked.options_text, asked.key, "" if exp is None else str(exp), asked.v or "")
    return signed_url(path, text, secret, exp=exp, kid=kid)


# --- short signatures ------------------------------------------------------------------------------------------------


def test_any_live_key_opens_and_the_name_only_chooses() -> None:
    """With its name, without one, and never under another's."""
    for secret, kid in ((SECRET, "web"), ("the-one-before-that", "old")):
        assert good(judge(gate(), short(secret=secret)))
        assert good(judge(gate(), short(secret=secret, kid=kid)))
        for other in ("nobody", KEY_ID, "old" if kid == "web" else "web", ""):
            assert judge(gate(), short(secret=secret, kid=other)) == "needs_signature"


def test_a_retired_key_opens_nothing_and_ends_its_links() -> None:
    """Rotation: two keys at a time, then the old one stops to the second (threat G6)."""
    clock = Clock()
    link = short(secret="the-one-before-that", exp=None)
    found = judge(gate(clock=clock), link)
    assert isinstance(found, Grant)
    assert found.until == NOW + 60
    clock.now = NOW + 60
    assert judge(gate(clock=clock), link) == "needs_signature"


def test_without_a_name_only_some_keys_are_tried() -> None:
    """What an unsigned stranger can make us compute is bounded; by its name every key is found."""
    many = [SigningKey(kid=f"k{n}", kind="hmac", secret=f"secret-number-{n:04}") for n in range(MAX_TRIES + 1)]
    last = many[-1]
    assert good(judge(gate(*many), short(secret=last.secret, kid=last.kid)))
    assert judge(gate(*many), short(secret=last.secret)) == "needs_signature"
    assert good(judge(gate(*many), short(secret=many[-2].secret)))


@pytest.mark.parametrize(
    ("exp", "found"),
    [
        (NOW + 1, ""),
        (NOW, "expired"),
        (NOW - 1, "expired"),
        (0, "expired"),
        (NOW + 7 * 86400, ""),
        (NOW + 7 * 86400 + 1, "needs_signature"),
        (NOW * 1000, "needs_signature"),
    ],
)
def test_when_a_link_ends(exp: int, found: str) -> None:
    """Exactly then; and one that would live longer than the site allows is none (threat G5)."""
    assert (judge(gate(), short(exp=exp)) if found else good(judge(gate(), short(exp=exp)))) == (found or True)
    assert good(judge(gate(max_lifetime=0.0), short(exp=NOW * 1000 // 10)))


@pytest.mark.parametrize("exp", ["", "-1", "1e9", "1.5", "0x7", "01", " 5", "+5", "٣", "9" * 13, "1800000060+00:00"])
def test_a_wrong_end_is_refused_however_well_it_is_signed(exp: str) -> None:
    """The signature covers the text, so the text must have one form."""
    text = image_text("w=300", "users/ann/cat.jpg", exp)
    query = f"exp={''.join(f'%{byte:02X}' for byte in exp.encode())}&s={signature_of(SECRET.encode(), text)}"
    assert judge(gate(), f"{PATH}?{query}") == "needs_signature"


def test_links_without_an_end_can_be_forbidden() -> None:
    """`signing.endless`."""
    assert good(judge(gate(), short(exp=None)))
    assert judge(gate(endless=False), short(exp=None)) == "needs_signature"
    assert good(judge(gate(endless=False), short()))


def test_expiry_is_told_only_to_who_had_a_good_link() -> None:
    """410 tells that a signature was right, so a wrong one gets the common refusal."""
    link = short(exp=NOW - 5)
    assert judge(gate(), link) == "expired"
    assert judge(gate(), link[:-1] + ("A" if link[-1] != "A" else "B")) == "needs_signature"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_bit_of_a_link_is_refused(data: st.DataObject) -> None:
    """In path, options, end and signature, of all three kinds of links."""
    canned = signer().generate_presigned_url(f"{HOST}{PATH}?v=0123456789ab", date_less_than=moment(NOW + 60))
    text = policy(f"{HOST}/img/w=300/users/ann/*", NOW + 60)
    custom = signer().generate_presigned_url(f"{HOST}{PATH}", policy=text)
    link = data.draw(st.sampled_from([HOST + short(f"{PATH}?v=0123456789ab"), canned, custom]))
    if link is custom:
        place = data.draw(st.integers(link.index("?") + 1, len(link) - 1))
    else:
        place = data.draw(st.integers(len(HOST), len(link) - 1))
    changed = link[:place] + chr(ord(link[place]) ^ 1 << data.draw(st.integers(0, 6))) + link[place + 1 :]
    assert good(judge(gate(), link))
    if set(changed) <= set(string.printable) - set("#") and not _same(changed, link):
        assert not good(judge(gate(), changed))


def _same(changed: str, link: str) -> bool:
    """Whether a changed link names the same picture by the contract's words: nothing but its spelling differs."""
    return changed.replace("//users", "/users") == link


# --- CloudFront ------------------------------------------------------------------------------------------------------

SIGNERS = [(KEY_ID, "rsa_sha1"), (KEY_ID, "rsa_sha256"), (EC_ID, "ec_sha1"), (EC_ID, "ec_sha256")]


@pytest.mark.parametrize(("key_id", "name"), SIGNERS)
@pytest.mark.parametrize("query", ["", "?v=0123456789ab", "?utm=x&v=1"])
def test_links_of_botocore_work_unchanged(key_id: str, name: str, query: str) -> None:
    """Canned and custom, RSA and ECDSA, SHA-1 and SHA-256, with a query of their own."""
    by = signer(key_id, getattr(signing_kit, name))
    url = f"{HOST}{PATH}{query}"
    for link in (
        by.generate_presigned_url(url, date_less_than=moment(NOW + 60)),
        by.generate_presigned_url(url, policy=policy(f"{HOST}/img/*", NOW + 60)),
        by.generate_presigned_url(url, policy=by.build_policy(url, moment(NOW + 60), moment(NOW), "192.0.2.0/24")),
    ):
        found = judge(gate(), link)
        assert isinstance(found, Grant)
        assert (found.kid, found.until) == (key_id, NOW + 60)
        covered = "img/*" in (found.policy.resource.rest if found.policy else "")
        assert good(judge(gate(), link + "&x=1")) is covered
        for key in (KEY_ID, EC_ID, "KNOBODY"):
            if key != key_id:
                assert judge(gate(), link.replace(key_id, key)) == "needs_signature"


def test_the_hash_may_be_named() -> None:
    """`Hash-Algorithm=SHA256`, as CloudFront writes it; where it is named, nothing else passes."""
    by_sha256 = signer(KEY_ID, signing_kit.rsa_sha256).generate_presigned_url(
        HOST + PATH, date_less_than=moment(NOW + 60)
    )
    by_sha1 = signer().generate_presigned_url(HOST + PATH, date_less_than=moment(NOW + 60))
    assert good(judge(gate(), by_sha256 + "&Hash-Algorithm=SHA256"))
    assert good(judge(gate(), by_sha1 + "&Hash-Algorithm=SHA1"))
    assert judge(gate(), by_sha1 + "&Hash-Algorithm=SHA256") == "needs_signature"
    assert judge(gate(), by_sha256 + "&Hash-Algorithm=SHA512") == "needs_signature"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda link: link + "&Signature=x",
        lambda link: link + "&Key-Pair-Id=" + KEY_ID,
        lambda link: link + "&Expires=9999999999",
        lambda link: link + "&Policy=e30_",
        lambda link: link + "&s=" + "A" * 43,
        lambda link: link.replace("Signature=", "Signature=&x="),
        lambda link: link.replace("Key-Pair-Id", "Key-Pair-ID"),
        lambda link: link.partition("&Signature")[0],
        lambda link: link.partition("&Key-Pair-Id")[0],
        lambda link: link.replace("Signature=", "%53ignature="),
    ],
)
@pytest.mark.parametrize("custom", [False, True])
def test_what_is_ambiguous_or_misses_a_part_is_refused(spoil: Callable[[str], str], custom: bool) -> None:
    """Two of anything, a policy beside an end, two kinds of signature, a part that is not there."""
    how = {"policy": policy(f"{HOST}/img/*", NOW + 60)} if custom else {"date_less_than": moment(NOW + 60)}
    link = signer().generate_presigned_url(HOST + PATH, **how)
    assert good(judge(gate(), link))
    assert not good(judge(gate(), spoil(link)))


def test_a_policy_is_for_its_addresses_and_hours() -> None:
    """Judged anew on every use, from what was verified before too."""
    clock = Clock()
    at = gate(clock=clock)
    conditions = {"IpAddress": {"AWS:SourceIp": "192.0.2.7/32"}, "DateGreaterThan": {"AWS:EpochTime": NOW}}
    link = signer().generate_presigned_url(HOST + PATH, policy=policy(f"{HOST}/*", NOW + 60, **conditions))
    for _ in range(2):
        assert good(judge(at, link))
        assert judge(at, link, client="192.0.2.8") == "needs_signature"
        assert judge(at, link, client="unknown") == "needs_signature"
        for now, expected in ((NOW - 31, False), (NOW - 30, True), (NOW + 59, True), (NOW + 60, False), (NOW, True)):
            clock.now = now
            assert good(judge(at, link)) is expected


def test_the_host_is_the_public_one_and_not_the_requests() -> None:
    """A link for another host opens nothing, whatever Host says (threat G9); without a public URL Host must do."""
    other = signer().generate_presigned_url(f"https://other.example.com{PATH}", date_less_than=moment(NOW + 60))
    query = other.partition("?")[2]
    assert judge(gate(), f"{PATH}?{query}", host="other.example.com") == "needs_signature"
    assert judge(gate(url=""), f"{PATH}?{query}") == "needs_signature"
    found = judge(gate(url=""), f"{PATH}?{query}", host="OTHER.example.com")
    assert isinstance(found, Grant)
    assert found.host == "other.example.com"
    plain = signer().generate_presigned_url(f"http://img.example.com{PATH}", date_less_than=moment(NOW + 60))
    assert judge(gate(), plain) == "needs_signature"
    assert good(judge(gate(url=""), plain))


def test_a_public_url_may_have_a_path() -> None:
    """What a proxy takes away before us is part of the link all the same."""
    mounted = gate(url="https://example.com/pictures/")
    link = signer().generate_presigned_url(
        f"https://example.com/pictures{PATH}", policy=policy("https://example.com/pictures/img/*/users/ann/*", NOW + 60)
    )
    assert good(judge(mounted, f"{PATH}?{link.partition('?')[2]}"))
    bob = "/img/w=3/users/bob/users/ann/cat.jpg"
    assert judge(mounted, f"{bob}?{link.partition('?')[2]}") == "needs_signature"


# --- cookies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key_id", "name"), SIGNERS)
def test_cookies_open_what_their_policy_covers(key_id: str, name: str) -> None:
    """And nothing beside it; other cookies do not matter."""
    held = cookies(policy(f"{HOST}/img/*/users/ann/*", NOW + 60), getattr(signing_kit, name), key_id)
    found = judge(gate(), PATH, f"session=x; {held}; theme=dark")
    assert isinstance(found, Grant)
    assert found.by_cookie
    assert judge(gate(), "/img/w=300/users/bob/cat.jpg", held) is None
    assert judge(gate(), PATH, held.replace("Policy=", "Policy=A")) is None


def test_canned_cookies_open_one_url() -> None:
    """With `CloudFront-Expires` the policy is implied, for exactly the asked URL."""
    query = signer().generate_presigned_url(HOST + PATH, date_less_than=moment(NOW + 60)).partition("?")[2]
    held = "; ".join(f"CloudFront-{pair}" for pair in query.split("&"))
    assert good(judge(gate(), PATH, held))
    assert judge(gate(), PATH + "?v=1", held) is None
    assert judge(gate(), PATH.replace("300", "301"), held) is None


def test_the_url_beats_the_cookie() -> None:
    """A URL that shows a signature is judged by it, and by nothing else (threat 1.10)."""
    held = cookies(policy(f"{HOST}/*", NOW + 60))
    assert good(judge(gate(), PATH, held))
    assert judge(gate(), short(secret="another-secret-of-some-length"), held) == "needs_signature"
    assert judge(gate(), short(exp=NOW - 1), held) == "expired"
    link = signer().generate_presigned_url(HOST + PATH, date_less_than=moment(NOW - 1))
    assert judge(gate(), link, held) == "needs_signature"
    assert good(judge(gate(), short(), held.replace("Signature=", "Signature=A")))


def test_cookies_with_the_host_prefix_stand_alone() -> None:
    """`__Host-` cookies cannot be set by a sibling host, so where they are, others do not count (threat G9)."""
    held = cookies(policy(f"{HOST}/img/*/users/ann/*", NOW + 60))
    prefixed = held.replace("CloudFront-", "__Host-CloudFront-")
    wider = cookies(policy(f"{HOST}/*", NOW + 60))
    assert good(judge(gate(), PATH, prefixed))
    assert judge(gate(), "/img/w=300/users/bob/cat.jpg", f"{prefixed}; {wider}") is None


def test_a_cookie_twice_is_none() -> None:
    """Two of one name are two meanings."""
    held = cookies(policy(f"{HOST}/*", NOW + 60))
    assert judge(gate(), PATH, f"{held}; CloudFront-Key-Pair-Id={KEY_ID}") is None


def test_what_was_verified_is_remembered_within_bounds() -> None:
    """Memory does not grow with links, and other keys mean that nothing counts as verified."""
    ring = KeyRing(KEYS)
    rings = [ring]
    at = Gate(lambda: rings[-1], SigningSettings(), HOST, Clock())
    held = cookies(policy(f"{HOST}/*", NOW + 60))
    assert good(judge(at, PATH, held))
    assert good(judge(at, PATH, held))
    assert MAX_SEEN <= 10_000
    rings.append(KeyRing(KEYS[:2]))
    assert judge(at, PATH, held) is None


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (SigningKey(kid="a b", kind="hmac", secret=SECRET), "kid"),
        (SigningKey(kid="", kind="hmac", secret=SECRET), "kid"),
        (SigningKey(kid="../x", kind="hmac", secret=SECRET), "kid"),
        (SigningKey(kid="a", kind="hmac", secret="too-short"), "16 to 256"),
        (SigningKey(kid="a", kind="hmac", secret="x" * 257), "16 to 256"),
        (SigningKey(kid="a", kind="hmac", secret=SECRET + "\n"), "visible"),
        (SigningKey(kid="a", kind="hmac", secret=SECRET, public_key=pem(rsa_key())), "public_key"),
        (SigningKey(kid="a", kind="cloudfront", secret=SECRET, public_key=pem(rsa_key())), "secret"),
        (SigningKey(kid="a", kind="cloudfront", public_key="nonsense"), "BEGIN PUBLIC KEY"),
        (SigningKey(kid="a", kind="cloudfront", public_key="-----BEGIN PRIVATE KEY-----"), "private key"),
    ],
)
def test_keys_that_cannot_be_used_say_why(key: SigningKey, said: str) -> None:
    """And never repeat the secret."""
    with pytest.raises(InvalidRequest) as refusal:
        check_key(key)
    assert said in refusal.value.sentence
    assert not key.secret or key.secret.strip() not in refusal.value.sentence
    assert SECRET not in repr(key)


def test_only_the_curves_and_lengths_of_cloudfront_are_keys() -> None:
    """RSA from 2048 bits, ECDSA on P-256."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    others: list[rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - that is the point
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ]
    for key in others:
        text = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        with pytest.raises(InvalidRequest):
            check_key(SigningKey(kid="a", kind="cloudfront", public_key=text))


def test_keys_are_made_changed_and_removed_for_every_process() -> None:
    """Durable before they count; a second process sees them with its next look; those of the settings stay."""

    async def run() -> None:
        store = MemoryStore()
        clock = Clock()
        one = KeyBook([KEYS[0]], store, clock=clock)
        other = KeyBook([KEYS[0]], store, clock=clock)
        told: list[int] = []
        other.on_change(lambda: told.append(1))
        await one.load()
        await other.load()
        made = await one.create("hmac", kid="new")
        assert len(made.secret) == 43
        assert await other.refresh()
        assert other.get("new") == made
        assert not await other.refresh()
        assert list(other.ring.keys) == ["web", "new"]
        with pytest.raises(Conflict, match="already"):
            await other.create("hmac", kid="new")
        for work in (one.create("hmac", kid="web"), one.delete("web"), one.retire("web", 1.0)):
            with pytest.raises(Conflict) as refusal:
                await work
            assert refusal.value.code == "managed_by_file"
        retired = await other.retire("new", float(NOW - 1))
        assert not [key for key, _ in other.ring.secrets("new", NOW)]
        await one.refresh()
        assert one.get("new") == retired
        with pytest.raises(PreconditionFailed):
            await one.delete("new", Condition(if_match=(etag_of(made),)))
        await one.delete("new", Condition(if_match=(etag_of(retired),)))
        with pytest.raises(NotFound):
            one.get("new")
        assert await other.refresh()
        assert list(other.ring.keys) == ["web"]
        assert told

    asyncio.run(run())


def test_a_key_of_a_later_version_opens_nothing_and_is_not_lost() -> None:
    """It stays in the document, and its name is told."""

    async def run() -> None:
        store = MemoryStore()
        book = KeyBook((), store)
        await book.load()
        await book.create("hmac", kid="mine")
        book._document["strange"] = {"kind": "quantum"}
        await book.create("hmac", kid="second")
        again = KeyBook((), store)
        await again.load()
        assert again.unreadable == ("strange",)
        assert list(again.ring.keys) == ["mine", "second"]

    asyncio.run(run())


WORD = "a word between a CDN and us"


@pytest.mark.parametrize(
    ("secret", "word", "opens"),
    [(WORD, WORD, True), (WORD, WORD + " ", False), (WORD, "", False), ("", "", False), ("", WORD, False)],
)
def test_the_word_of_a_cdn_opens_only_where_one_is_agreed(secret: str, word: str, opens: bool) -> None:
    """Nothing is agreed by default, and nothing said is never the word."""
    judged = Gate(lambda: KeyRing(), SigningSettings(), edge_secret=secret).check_edge(
        Asking(b"/img/_/a", b"", edge=word)
    )
    assert (judged is not None) is opens


def test_the_word_of_a_cdn_says_nothing_of_options_and_other_pictures() -> None:
    """It has judged one address and told us no more: no layer is opened by it, and no cache may learn it."""
    gate = Gate(lambda: KeyRing(), SigningSettings(), edge_secret=WORD)
    grant = gate.check_edge(Asking(b"/img/_/a", b"", edge=WORD))
    assert grant is not None
    assert not gate.signs_options(grant)
    assert not gate.covers(grant, "/img/_/a")
    assert not grant.is_of_the_url
    assert WORD not in repr(grant)
    assert WORD not in repr(Asking(b"/", b"", edge=WORD))
