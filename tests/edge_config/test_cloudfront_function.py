"""CloudFront's function, run in node as it is deployed, against what Imagemill itself would answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.edge_config import cloudfront_cases as cases
from tests.edge_config.cloudfront_cases import CHROME, CURL, FIREFOX, PAGE, SAFARI, VERSION, object_of, planned
from tests.recipe.recipe_strategies import recipes, spellings
from tests.servers.cloudfront_function import Asked, EdgeFunction, Judged, edge_function

from imagemill.delivery.access import Access
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.verdict import Verdict, judge
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.native.parse import parse_url
from imagemill.edge_config.cloudfront import KEY_HEADERS, MAKER, PRIVATE_MAKER, cloudfront_function
from imagemill.engine.port import Facts as PictureFacts
from imagemill.errors import ImagemillError
from imagemill.recipe.canonical import leaf_of, text_of
from imagemill.recipe.model import Recipe
from imagemill.recipe.negotiation import bucket_of, webp_named
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format

V = f"v={VERSION}"
MODES = {"open": (cases.OPEN, False), "sizes": (cases.SIZES, False), "presets": (cases.PRESETS, False)}
MODES |= {"signed": (cases.SIGNED, False), "key-group": (cases.SIGNED, True), "private": (cases.OPEN, True)}
FORMATS = {"avif": Format.AVIF, "webp": Format.WEBP, "jpg": Format.JPEG, "png": Format.PNG, "gif": Format.GIF}
FORMATS |= {"jxl": Format.JXL}
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
"""Recipes of every kind: most are no URL of this version, and are drawn again."""


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, EdgeFunction]]:
    """The function of each mode of access, and of the behaviours that a key group guards; each in a node of its own."""
    folder = tmp_path_factory.mktemp("edge-function")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                edge_function(cloudfront_function(cases.cloudfront_facts(delivery), private=private), folder, name)
            )
            for name, (delivery, private) in MODES.items()
        }


def asked(uri: str, query: str | None = V, accept: str | None = CHROME, **headers: str) -> Asked:
    """Return a viewer's request."""
    given_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if accept is not None:
        given_headers["accept"] = accept
    return Asked(uri, query, tuple(given_headers.items()))


def static(judged: Judged) -> str | None:
    """Return the object that is asked from the bucket, None where the maker is.

    Its path is spelled as SigV4 wants it (only unreserved characters as they are): however CloudFront signs, S3 agrees.
    """
    if judged.origin is not None:
        return None
    found = object_of(judged.uri)
    assert judged.uri == "/" + quote(found, safe="/-._~")
    return found


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "accept", "leaf"),
    [
        ("/img/w=300/trips/sea.jpg", CHROME, "w=300@avif.avif"),
        ("/img/w=300/trips/sea.jpg", SAFARI, "w=300@avif.avif"),
        ("/img/w=300/trips/sea.jpg", FIREFOX, "w=300@avif.avif"),
        ("/img/w=300/trips/sea.jpg", "image/webp,*/*", "w=300@webp.webp"),
        ("/img/w=300/trips/sea.jpg", "IMAGE/WEBP", "w=300@webp.webp"),
        ("/img/w=300/trips/sea.jpg", "image/png,\timage/webp\t,*/*", "w=300@webp.webp"),
        ("/img/w=300/trips/sea.jpg", CURL, "w=300@jpg.jpg"),
        ("/img/w=300/trips/sea.jpg", None, "w=300@jpg.jpg"),
        ("/img/w=300/trips/sea.jpg", PAGE, "w=300@avif.avif"),
        ("/img/_/sea.jpg", CHROME, "_@avif.avif"),
        ("/img/fm=webp/sea.jpg", CURL, "_.webp"),
        ("/img/w=300,h=200,fit=cover,g=n,fm=webp,q=60/sea.jpg", CURL, "w=300,h=200,g=n,q=60.webp"),
        ("/img/fit=cover/sea.jpg", CURL, "_@jpg.jpg"),
        ("/img/fm=jpg,w=300/sea.jpg", CHROME, "w=300.jpg"),
        ("/img/w=300,fm=jpeg/sea.jpg", CHROME, "w=300.jpg"),
        ("/img/w=300,fm=png,page=2/a/b (1)@2x.jpg".replace(" ", "%20"), CHROME, "w=300,page=2.png"),
        ("/img/w=300,h=200,fit=contain,bg=auto/sea.jpg", CURL, "w=300,h=200,fit=contain,bg=auto@jpg.jpg"),
    ],
)
def test_the_object_is_the_variant(functions: dict[str, EdgeFunction], uri: str, accept: str | None, leaf: str) -> None:
    """A plain address with a version asks the bucket for exactly the variant that the maker would keep."""
    judged = functions["open"](asked(uri, accept=accept))
    found = static(judged)
    plan = planned(uri, V, {} if accept is None else {"accept": accept})
    assert found is not None
    assert found.rsplit("/", 1)[-1] == leaf
    assert found == str(plan.name)
    assert judged.headers["x-imagemill-uri"] == f"{uri}?{V}"
    assert judged.querystring == {}


@pytest.mark.parametrize("picture", [cases.LOGO, cases.MOVING])
@pytest.mark.parametrize("accept", [CHROME, CURL, "image/webp", "image/avif"])
def test_a_picture_of_another_kind_is_missed_or_found(
    functions: dict[str, EdgeFunction], picture: PictureFacts, accept: str
) -> None:
    """Transparency and movement cannot be read off an address: the name may differ in its ending, and is missed."""
    found = static(functions["open"](asked("/img/w=100/logo.png", accept=accept)))
    name = str(planned("/img/w=100/logo.png", V, {"accept": accept}, picture=picture).name)
    assert found is not None
    assert found.rpartition(".")[0] == name.rpartition(".")[0]


@pytest.mark.parametrize(
    ("uri", "query"),
    [
        ("/img/w=300/sea.jpg", None),
        ("/img/w=300/sea.jpg", ""),
        ("/img/w=300/sea.jpg", "utm_source=x"),
        ("/img/w=300/sea.jpg", "v=0123456789AB"),
        ("/img/w=300/sea.jpg", "v=0123456789abc"),
        ("/img/w=300/sea.jpg", f"{V}&{V}"),
        ("/img/w=300/sea.jpg", f"{V}&%76=0123456789ab"),
        ("/img/w=300/sea.jpg", f"%76={VERSION}"),
        ("/img/w=300/sea.jpg", f"{V}&s=abc"),
        ("/img/w=300/sea.jpg", f"{V}&exp=1"),
        ("/img/w=300/sea.jpg", f"{V}&kid"),
        ("/img/p=card/sea.jpg", V),
        ("/img/preset=card,w=3/sea.jpg", V),
        ("/img/w=auto/sea.jpg", V),
        ("/img/w=300,dpr=2/sea.jpg", V),
        ("/img/w=300,q=auto/sea.jpg", V),
        ("/img/w=300,q=auto:75/sea.jpg", V),
        ("/img/w=300,fm=source/sea.jpg", V),
        ("/img/w=300,fm=auto/sea.jpg", V),
        ("/img/w=300,fm=best/sea.jpg", V),
        ("/img/w=300,fm=tiff/sea.jpg", V),
        ("/img/w=300,fm=constructor/sea.jpg", V),
        ("/img/w=300,fm=__proto__/sea.jpg", V),
        ("/img/w=300,fm=webp,fm=png/sea.jpg", V),
        ("/img/w=300,wm=logo.png/sea.jpg", V),
        ("/img/w=300,text=hello/sea.jpg", V),
        ("/img/w=300,meta=all/sea.jpg", V),
        ("/img/w=300,lossless=1/sea.jpg", V),
        ("/img/w=300,dl=1/sea.jpg", V),
        ("/img/q=60,w=300/sea.jpg", V),
        ("/img/w=300,w=300/sea.jpg", V),
        ("/img/width=300/sea.jpg", V),
        ("/img/300x200/sea.jpg", V),
        ("/img/w=300&h=200/sea.jpg", V),
        ("/img/w=%33%30%30/sea.jpg", V),
        ("/img/w=300/s%65a.jpg", V),
        ("/img/w=300/é.jpg", V),
        ("/img/w=300/%C3%A9.jpg", V),
        ("/img/w=300//sea.jpg", V),
        ("/img/w=300/a/../sea.jpg", V),
        ("/img/w=300/a/~/sea.jpg", V),
        ("/img/w=300/~/x", V),
        ("/img/w=300/sea.jpg/", V),
        ("/img/w=300/b64:c2Vh", V),
        ("/img/w=300/" + "a" * 161, V),
        ("/img/w=300/1/2/3/4/5/6/7/8/9/10/deep.jpg", V),
        ("/img/w=300/fm.jpg/sea.jpg", V),  # fits the behaviour of fm=jpg, whose answers have no Vary
        ("/img/w=300/radio/fm-avif/2024/sea.jpg", V),
        ("/img/w=300", V),
        ("/img/", V),
        ("/img", V),
        ("/", None),
        ("/info/sea.jpg", V),
        ("/info/w=300/sea.jpg", V),
        ("/IMG/w=300/sea.jpg", V),
        ("/default/sea.jpg/~/record.json", None),
        ("/img/w=300/users/ann.jpg", V),
        ("/img/w=300/my%20users/ann.jpg", V),
        ("/img/w=300/gr%C3%B6%C3%9Fe/ann.jpg", V),
    ],
)
def test_everything_else_goes_to_the_maker_as_it_came(
    functions: dict[str, EdgeFunction], uri: str, query: str | None
) -> None:
    """An odd spelling, a preset, hints, a signature, something private: no name is guessed, the path is not touched."""
    judged = functions["open"](asked(uri, query))
    assert judged.origin == MAKER
    assert judged.uri == uri
    assert judged.headers["x-imagemill-uri"].partition("?")[0] == uri.replace("é", "%C3%A9")


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "DELETE"])
def test_only_readers_are_answered_from_the_bucket(functions: dict[str, EdgeFunction], method: str) -> None:
    """S3 knows nothing of our answers to other methods."""
    judged = functions["open"](Asked("/img/w=300/sea.jpg", V, (("accept", CURL),), method))
    assert judged.origin == MAKER
    assert functions["open"](Asked("/img/w=300/sea.jpg", V, (), "HEAD")).origin is None


# --- against Imagemill, at random ------------------------------------------------------------------------------------


def check(function: EdgeFunction, options: str, key: str, accept: str, delivery: DeliverySettings) -> None:
    """If the bucket is asked, then for the variant of this request that anyone may see, or for what cannot be there."""
    uri = f"/img/{options}/{quote(key, safe=chr(47) + '~!$&' + chr(39) + '()*+,;=:@')}"
    found = static(function(asked(uri, accept=accept)))
    if found is None:
        return
    home, _, leaf = found.rpartition("/")
    assert home == f"default/{key}/~/{VERSION}"
    name, _, extension = leaf.rpartition(".")
    written, _, bucket = name.rpartition("@") if "@" in name else (name, "", "")
    try:
        recipe = parse_options(written if bucket else f"{written},fm={extension}".removeprefix("_,")).recipe
    except ImagemillError:
        return  # no variant has such a name
    form = FORMATS[extension]
    if leaf_of(recipe, form, bucket or None) != leaf:
        return  # not canonical: no variant has such a name either
    access = Access.of(delivery, SizesSettings())
    assert judge(parse_options(options), None, access, side=8192, pixels=40_000_000) == Verdict()
    assert not access.hides(key)
    try:
        plan = planned(uri, V, {"accept": accept}, delivery)
    except ImagemillError:
        return  # not of this picture (a cut outside of it): it was never made
    # What Accept chose may become another format (transparency, movement): one name, so the other is not there.
    assert found == str(plan.name) or (bucket and name == plan.name.leaf.rpartition(".")[0])


ACCEPTS = st.sampled_from([CHROME, FIREFOX, SAFARI, CURL, PAGE, "image/webp", "image/jxl,image/webp", ""])
KEYS = st.sampled_from(
    ["sea.jpg", "a/b (1)@2x.jpg", "users/ann.jpg", "my users/ann.jpg", "größe/x.jpg", "a/users/b.jpg"]
)


@MANY
@given(recipe=recipes, accept=ACCEPTS, key=KEYS, mode=st.sampled_from(["open", "sizes"]))
def test_a_canonical_address_finds_its_own_variant(
    functions: dict[str, EdgeFunction], recipe: Recipe, accept: str, key: str, mode: str
) -> None:
    """Whatever picture is asked in its canonical spelling, the object is its own or the maker is asked."""
    options = text_of(recipe)
    assume("/" not in options)
    check(functions[mode], options, key, accept, MODES[mode][0])


@MANY
@given(pair=spellings(), accept=ACCEPTS, mode=st.sampled_from(["open", "sizes"]))
def test_an_odd_spelling_finds_its_own_variant(
    functions: dict[str, EdgeFunction], pair: tuple[str, str], accept: str, mode: str
) -> None:
    """Aliases, another order, needless zeros: never the object of another picture."""
    for options in pair:
        if "/" not in options and "%" not in options and options.isascii():
            check(functions[mode], options, "sea.jpg", accept, MODES[mode][0])


ITEMS = [
    "w=300",
    "w=0300",
    "h=200",
    "fit=cover",
    "fit=inside",
    "g=n",
    "g=north",
    "g=fp:0.5:0.5",
    "fm=jpg",
    "fm=jpeg",
    "fm=webp",
]
ITEMS += [
    "fm=source",
    "fm=png",
    "q=80",
    "q=75",
    "blur=2",
    "bri=0",
    "bri=10",
    "rot=90",
    "page=1",
    "anim=0",
    "dpr=2",
    "_",
]


@MANY
@given(
    items=st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4), accept=ACCEPTS, mode=st.sampled_from(list(MODES))
)
def test_a_short_list_finds_its_own_variant(
    functions: dict[str, EdgeFunction], items: list[str], accept: str, mode: str
) -> None:
    """Lists that are nearly canonical are the ones that could be mistaken for one another."""
    if mode in ("open", "sizes"):
        check(functions[mode], ",".join(items), "sea.jpg", accept, MODES[mode][0])
    elif mode in ("presets", "signed"):
        assert functions[mode](asked(f"/img/{','.join(items)}/sea.jpg", accept=accept)).origin == MAKER


# --- what reaches the maker ------------------------------------------------------------------------------------------

KINDS = ("image/avif", "image/webp", "image/jxl", "image/jpeg", "image/*", "*/*", "IMAGE/WEBP", "image/avifs", "text/a")
RANGES = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(("", ";q=0", ";q=0.5", "; q=1", " ", ";x=1", "\t")),
    st.sampled_from(("", " ")),
).map(lambda parts: parts[2] + parts[0] + parts[1])


@MANY
@given(accept=st.lists(RANGES, max_size=5).map(",".join) | st.text(st.characters(max_codepoint=0x7E), max_size=40))
def test_the_maker_reads_the_same_from_the_reduced_accept(functions: dict[str, EdgeFunction], accept: str) -> None:
    """A bucket and a way out for a client, whatever it sends: the reduced header says what the whole one said."""
    reduced = functions["open"](asked("/img/w=300/sea.jpg", None, accept)).headers["accept"]
    assert bucket_of(reduced) == bucket_of(accept)
    assert webp_named(reduced) is webp_named(accept) or bucket_of(accept) == "jpg"


@pytest.mark.parametrize("accept", [CHROME, FIREFOX, SAFARI, CURL, PAGE])
def test_an_address_that_says_the_format_has_one_entry(functions: dict[str, EdgeFunction], accept: str) -> None:
    """Accept says nothing there, so it is not part of the cache key."""
    for uri in ("/img/w=300,fm=webp/sea.jpg", "/img/p=card,fm=jpg/sea.jpg", "/info/sea.jpg"):
        assert "accept" not in functions["open"](asked(uri, None, accept)).headers


def test_a_header_that_came_twice_is_read_whole(functions: dict[str, EdgeFunction]) -> None:
    """Two lines of Accept are one list."""
    twice = Asked("/img/w=300/sea.jpg", V, (("Accept", "image/png"), ("accept", "image/webp")))
    assert functions["open"](twice).headers["accept"] == "image/webp"


HINTS = {"sec-ch-dpr": "2", "dpr": "2", "sec-ch-width": "800", "width": "800", "save-data": "on"}


@pytest.mark.parametrize(
    ("uri", "kept"),
    [
        ("/img/w=300/sea.jpg", False),
        ("/img/w=300,bg=auto/sea.jpg", False),
        ("/info/sea.jpg", False),
        ("/img/w=auto/sea.jpg", True),
        ("/img/width=auto/sea.jpg", True),
        ("/img/w=300,dpr=auto/sea.jpg", True),
        ("/img/q=auto/sea.jpg", True),
        ("/img/p=card/sea.jpg", True),
        ("/img/t=card/sea.jpg", True),
        ("/img/w=%61uto/sea.jpg", True),
        ("/img/h=3&w=auto/sea.jpg", True),
    ],
)
def test_hints_are_kept_where_they_may_be_read(functions: dict[str, EdgeFunction], uri: str, kept: bool) -> None:
    """CloudFront ignores Vary: a hint that the answer may depend on stays in the key, every other one is dropped."""
    found = functions["open"](Asked(uri, None, tuple(HINTS.items()))).headers
    assert {name: value for name, value in found.items() if name in HINTS} == (HINTS if kept else {})


@given(
    pairs=st.lists(
        st.sampled_from(
            ["v=0123456789ab", "a=1", "s=x", "v", "%73=x", "", "exp=5", "kid=k1", "vs=1", "=v", "%zz=1", "é=1"]
        ),
        max_size=5,
    )
)
def test_the_maker_reads_the_same_parameters(functions: dict[str, EdgeFunction], pairs: list[str]) -> None:
    """What is left out of the query means nothing to us; what means something is there, and as often."""

    def read(query: str) -> object:
        try:
            return parse_url(b"/img/w=300/sea.jpg", query.encode())
        except ImagemillError as error:
            return str(error)

    judged = functions["open"](asked("/img/w=300/sea.jpg", "&".join(pairs)))
    assert read(judged.headers["x-imagemill-uri"].partition("?")[2]) == read("&".join(pairs))


def test_parameters_of_others_are_left_out(functions: dict[str, EdgeFunction]) -> None:
    """Whatever a newsletter adds, one picture has one entry (threat C3)."""
    whole = functions["open"](asked("/img/w=300/sea.jpg", f"utm_source=x&{V}&fbclid=y&Expires=1&Signature=z"))
    assert whole == functions["open"](asked("/img/w=300/sea.jpg"))


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("uri", ["/img/w=300/sea.jpg", "/img/w=%33/sea.jpg", "/info/sea.jpg", "/other"])
def test_what_a_viewer_says_of_itself_does_not_count(functions: dict[str, EdgeFunction], mode: str, uri: str) -> None:
    """A viewer's own x-imagemill-uri and x-imagemill-edge are overwritten and dropped (threats C4, G8)."""
    judged = functions[mode](
        Asked(uri, V, (("X-Imagemill-Uri", "/img/w=1/users/ann.jpg"), ("X-Imagemill-Edge", "guess"), ("accept", CURL)))
    )
    assert judged.headers["x-imagemill-uri"] == f"{uri}?{V}"
    assert "x-imagemill-edge" not in judged.headers


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"cdn_loop": "imagemill"}, True),
        ({"cdn_loop": "other; a=1,\tImagemill ; x=1"}, True),
        ({"cdn_loop": "another-imagemill"}, False),
        ({"cdn_loop": "cdn; by=imagemill"}, False),
        ({"user_agent": "Imagemill/0.1.0"}, True),
        ({"user_agent": "Mozilla/5.0 (like Imagemill/1)"}, False),
        ({"x_imagemill_loop": "1"}, False),
        ({}, False),
    ],
)
def test_an_imagemill_in_search_of_an_original_is_told_to_the_maker(
    functions: dict[str, EdgeFunction], mode: str, headers: dict[str, str], ours: bool
) -> None:
    """Under a key of its own, or CloudFront would wait for the answer that waits for it; no viewer writes the word."""
    for uri in ("/img/w=300/sea.jpg", "/img/w=%33/sea.jpg", "/info/sea.jpg"):
        assert functions[mode](asked(uri, **headers)).headers.get("x-imagemill-loop") == ("1" if ours else None)


def test_the_key_has_all_that_an_answer_is_made_of() -> None:
    """Every header that delivery plans by is part of the key, and what the maker reads the address from."""
    assert set(KEY_HEADERS) >= {"x-imagemill-uri", "accept", "x-imagemill-loop", *HINTS}
    assert len(KEY_HEADERS) <= 10  # CloudFront's quota of headers in a cache policy


# --- who may see what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "uri", "folder", "origin"),
    [
        ("open", "/img/w=300/sea.jpg", VERSION, None),
        ("open", "/img/w=300/users/ann.jpg", None, MAKER),
        ("sizes", "/img/w=320/sea.jpg", VERSION, None),
        ("sizes", "/img/w=320,fm=webp,q=80/sea.jpg", VERSION, None),
        ("sizes", "/img/w=321/sea.jpg", None, MAKER),
        ("sizes", "/img/w=320,q=81/sea.jpg", None, MAKER),
        ("sizes", "/img/w=320/users/ann.jpg", None, MAKER),
        ("presets", "/img/w=320/sea.jpg", None, MAKER),
        ("signed", "/img/w=320/sea.jpg", None, MAKER),
        ("key-group", "/img/w=300/sea.jpg", VERSION, None),
        ("key-group", "/img/w=300/users/ann.jpg", f"{VERSION}-private", None),
        ("key-group", "/img/w=300,meta=all/sea.jpg", None, PRIVATE_MAKER),
        ("private", "/img/w=300/users/ann.jpg", f"{VERSION}-private", None),
        ("private", "/img/w=300/my%20users/ann.jpg", f"{VERSION}-private", None),
        ("private", "/img/w=300/trips/users/ann.jpg", VERSION, None),
        ("private", "/img/w=%33/users/ann.jpg", None, PRIVATE_MAKER),
    ],
)
def test_access(
    functions: dict[str, EdgeFunction], mode: str, uri: str, folder: str | None, origin: str | None
) -> None:
    """A private original's variants are named only behind a key group; a list of sizes is the list here too."""
    judged = functions[mode](asked(uri))
    assert judged.origin == origin
    found = static(judged)
    assert (found.split("/~/")[1].split("/")[0] if found else None) == folder
    if found and not mode.startswith("key"):
        delivery = MODES[mode][0]
        assert found == str(planned(uri, V, {"accept": CHROME}, delivery).name)


@pytest.mark.parametrize("mode", ["private", "key-group"])
@pytest.mark.parametrize("uri", ["/img/w=300/users/bob.jpg", "/img/p=card/users/bob.jpg", "/info/users/bob.jpg"])
@pytest.mark.parametrize(
    ("query", "refused"),
    [
        (None, False),
        ("", False),
        (V, False),
        (f"{V}&Policy=eyJ_-~&Signature=a-b~c_&Key-Pair-Id=K2ABC", False),
        (f"Expires=1700000000&Signature=ab&Key-Pair-Id=K2ABC&Hash-Algorithm=SHA256&{V}", False),
        ("x=/users/ann/", True),
        ("/users/ann/", True),
        (f"{V}&x=/users/ann/", True),
        ("x=-small.jpg", True),
        ("v=/users/ann/", True),
        ("Expires=/users/ann/", True),
        ("Hash-Algorithm=/users/ann/", True),
        ("Key-Pair-Id=/users/ann/", True),
        ("Policy=/users/ann/&Signature=b&Key-Pair-Id=c", True),
        ("s=/users/ann/", True),
        ("exp=1", True),
    ],
)
def test_no_query_leads_a_wildcard_to_another_picture(
    functions: dict[str, EdgeFunction], mode: str, uri: str, query: str | None, refused: bool
) -> None:
    """CloudFront lets a policy's star reach into the query, so behind a key group nobody writes there (threat G7)."""
    judged = functions[mode](asked(uri, query))
    assert judged.refused == (403 if refused else None)
    assert functions["open"](asked(uri, query)).refused is None


# --- hostile --------------------------------------------------------------------------------------------------------


def test_hostile_paths_reach_the_maker(functions: dict[str, EdgeFunction], corpus: Path) -> None:
    """Names and parameters of attackers: no fault, no object outside of the variants, no line break in a header."""
    vectors: list[str] = []
    for path in sorted((corpus / "hostile" / "vectors").glob("*.json")):
        found = json.loads(path.read_text(errors="surrogateescape"))
        for listed in found.values() if isinstance(found, dict) else [found]:
            vectors += [text for text in listed if isinstance(text, str)]
    assert len(vectors) > 50
    for mode, text in product(("open", "private"), vectors):
        for uri, query in ((f"/img/w=8/{text}", V), (f"/img/{text}/a.jpg", V), ("/img/w=8/a.jpg", text), (text, text)):
            judged = functions[mode](asked(uri, query, text))
            if judged.refused is not None:
                continue
            assert all(re.fullmatch(r"[\x20-\x7e]*", value) for value in judged.headers.values())
            if judged.origin is None:
                assert re.fullmatch(
                    r"default/(?!.*(?:^|/)\.\.?/).+/~/[0-9a-f]{12}(-private)?/[^/]+", static(judged) or ""
                )


@given(uri=st.text(max_size=30), query=st.none() | st.text(max_size=30), accept=st.text(max_size=30))
def test_nothing_makes_it_throw(functions: dict[str, EdgeFunction], uri: str, query: str | None, accept: str) -> None:
    """Whatever characters there are, even halves of them: an answer, and never a name for what is no address."""
    judged = functions["open"](asked(uri, query, accept))
    assert judged.origin == MAKER


def test_a_canonical_path_is_its_own_uri(functions: dict[str, EdgeFunction]) -> None:
    """The maker reads the very path of the viewer: nothing is decoded or put together again (threat H1)."""
    for key in ("sea.jpg", "a b/ü.jpg", "100%.jpg", "a+b.jpg", "[x].jpg"):
        path = path_for("w=300", key)
        assert functions["open"](asked(path, None)).headers["x-imagemill-uri"] == path
