from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recipe.recipe_strategies import recipes

from imagemill.delivery.access import Access
from imagemill.delivery.permission import Permission
from imagemill.delivery.settings import LADDER, DeliverySettings, SizesSettings
from imagemill.delivery.values import HttpRequest, Redirect, VerifiedRequest
from imagemill.delivery.verdict import Verdict, judge
from imagemill.delivery.verify import verify
from imagemill.dialects.native.parse import parse_url
from imagemill.engine.limits import Limits
from imagemill.errors import InvalidRequest, Refused
from imagemill.recipe import negotiation
from imagemill.recipe.canonical import text_of
from imagemill.recipe.model import Recipe
from imagemill.recipe.options import Asked, parse_options
from imagemill.recipe.presets import read_preset
from imagemill.signing.gate import Gate
from imagemill.signing.keys import KeyRing, SigningKey
from imagemill.signing.settings import SigningSettings
from imagemill.signing.signature import image_text, signature_of

PRESETS = {
    "card": read_preset("card", "300x200,q=65"),
    "wide": read_preset("wide", "ar=16:9"),
    "exact": read_preset("exact", "w=77,fm=png,lossless=1"),
    "page": read_preset("page", "w=50,fm=tiff"),
    "soft": read_preset("soft", "w=301,pad=7"),
    "any": read_preset("any", "w=auto"),
}


def rules(mode: str = "open", **changes: object) -> Access:
    """Return rules; `changes` are settings of either section."""
    delivery = {name: value for name, value in changes.items() if name in ("allow", "formats", "private")}
    sizes = {name: value for name, value in changes.items() if name not in delivery}
    return Access.of(
        replace(DeliverySettings(access=mode), **delivery),  # type: ignore[arg-type]  # a table of keyword arguments
        replace(SizesSettings(), **sizes),  # type: ignore[arg-type]  # a table of keyword arguments
    )


SECRET = "a secret of some length"
GATE = Gate(lambda: KeyRing([SigningKey(kid="web", kind="hmac", secret=SECRET)]), SigningSettings())


def asked(options: str, access: Access, query: str = "v=0123&utm=x") -> VerifiedRequest | Redirect:
    """Return what a URL with these options may be."""
    path = f"/img/{options}/a/cat.jpg".encode()
    image = parse_url(path, query.encode())
    request = HttpRequest("GET", path, query.encode(), {b"host": b"x"}, "192.0.2.1", "")
    return verify(image, access, Limits(), PRESETS, Permission.of_image(GATE, request, image))


def verdict(options: str, access: Access, query: str = "v=0123&utm=x") -> str:
    """Return the canonical text, `→ location`, or `code: options to blame` of a URL with these options."""
    try:
        verified = asked(options, access, query)
    except (Refused, InvalidRequest) as error:
        return f"{error.code}: {' '.join(fault.option for fault in error.faults)}".strip(": ")
    if isinstance(verified, Redirect):
        before, _, after = verified.location.partition("/a/cat.jpg")
        assert after == "?v=0123"
        return before.replace("/img/", "→ ")
    return text_of(verified.image.asked.recipe)


SIZES = [
    # what is listed passes, however it is spelled
    ("w=640", "w=640"),
    ("width=320,dpr=2", "w=640"),
    ("w=960,dpr=2", "w=1920"),
    ("h=640", "h=640"),
    ("640x640", "w=640,h=640"),
    ("w=640,ar=16:9", "w=640,h=360"),
    ("w=640,h=360", "w=640,h=360"),
    ("h=640,ar=16:9", "w=1138,h=640"),
    ("w=640,fit=contain,h=480,bg=white", "w=640,h=480,fit=contain,bg=ffffff"),
    ("w=640,h=480,g=attention,fm=webp,q=80,anim=0", "w=640,h=480,g=attention,fm=webp,q=80,anim=0"),
    ("w=640,bri=0,meta=none", "w=640"),
    ("w=auto", "w=auto"),
    ("w=640,dpr=auto", "w=640,dpr=auto"),
    ("w=640,ar=4:3,dpr=auto", "w=640,ar=4:3,dpr=auto"),
    ("w=640,dl=1", "w=640"),
    # what is not is refused, with the option to blame
    ("w=641", "size_not_allowed: w"),
    ("w=641,dpr=2", "size_not_allowed: w"),
    ("w=640,dpr=1.5", "size_not_allowed: w"),
    ("w=50p", "size_not_allowed: w"),
    ("h=50p", "size_not_allowed: h"),
    ("w=640,h=50p", "size_not_allowed: h"),
    ("h=641", "size_not_allowed: h"),
    ("640x200", "size_not_allowed: h"),
    ("300x200", "size_not_allowed: w"),
    ("w=640,ar=1.91:1", "size_not_allowed: h"),
    ("w=640,ar=1.91:1,dpr=auto", "size_not_allowed: ar"),
    ("w=auto,h=640", "size_not_allowed: h"),
    ("_", "size_not_allowed: w"),
    ("fm=webp", "size_not_allowed: w"),
    ("w=641,q=81", "size_not_allowed: w q"),
    ("w=640,q=81", "option_not_allowed: q"),
    ("w=640,h=480,g=fp:0.1:0.2", "option_not_allowed: g"),
    ("w=640,h=480,fit=contain,bg=123456", "option_not_allowed: bg"),
    ("w=640,enlarge=1", "option_not_allowed: enlarge"),
    ("w=640,crop=0:0:10:10", "option_not_allowed: crop"),
    ("w=640,trim=10", "option_not_allowed: trim"),
    ("w=640,pad=3", "option_not_allowed: pad"),
    ("w=640,radius=3", "option_not_allowed: radius"),
    ("w=640,page=3", "option_not_allowed: page"),
    ("w=640,icc=p3", "option_not_allowed: icc"),
    # presets are the site's own word; what is added to them is not
    ("p=card", "w=300,h=200,q=65"),
    ("p=card,dpr=2", "w=600,h=400,q=65"),
    ("p=card,dpr=1.999", "option_not_allowed: dpr"),
    ("p=soft,dpr=3", "w=903,pad=21"),
    ("p=card,dl=cat.jpg", "w=300,h=200,q=65"),
    ("p=card,fm=webp", "w=300,h=200,fm=webp,q=65"),
    ("p=card,q=80", "w=300,h=200,q=80"),
    ("p=card,q=66", "option_not_allowed: q"),
    ("p=card,w=640,h=480", "w=640,h=480,q=65"),
    ("p=card,w=301", "size_not_allowed: w"),
    ("p=card,pad=1", "option_not_allowed: pad"),
    ("p=soft,pad=0", "option_not_allowed: pad"),
    ("p=wide,w=640", "w=640,h=360"),
    ("p=wide,w=641", "size_not_allowed: w"),
    ("p=wide", "bad_option: ar"),
    ("p=any", "w=auto"),
    ("p=nope", "unknown_preset: p"),
]


@pytest.mark.parametrize(("options", "expected"), SIZES)
def test_listed_sizes(options: str, expected: str) -> None:
    """What `sizes` lets through by default, and what it refuses for which option."""
    assert verdict(options, rules("sizes")) == expected


SNAPPED = [
    ("w=640", "w=640"),
    ("w=641", "→ w=750"),
    ("w=1", "→ w=16"),
    ("w=8000", "→ w=3840"),
    ("w=641,dpr=2", "→ w=1536"),
    ("h=641", "→ h=750"),
    ("_", "→ w=3840"),
    ("fm=webp,q=81", "→ w=3840,fm=webp,q=85"),
    ("w=640,q=99", "→ w=640,q=90"),
    ("640x200", "→ w=640,h=320"),
    ("300x200", "→ w=320,h=213"),
    ("300x200,fit=contain,dl=1", "→ w=320,h=213,fit=contain,dl=1"),
    ("300x200,dl64=YSwgYi5qcGc", "→ w=320,h=213,dl64=YSwgYi5qcGc"),
    ("100x700", "→ w=640,h=1138"),
    ("w=640,ar=1.91:1,dpr=auto", "→ w=640,ar=2:1,dpr=auto"),
    ("w=auto,ar=1.91:1", "→ w=auto,ar=2:1"),
    ("p=card,w=301,h=200", "→ p=card,w=320,h=213"),
    ("p=wide,w=500", "→ p=wide,w=640,h=360"),
    ("p=card,fm=png,w=500", "→ p=card,w=640,h=320,fm=png"),
    # what has no next one is refused
    ("w=50p", "size_not_allowed: w"),
    ("w=auto,h=641", "size_not_allowed: h"),
    ("w=641,pad=3", "size_not_allowed: w pad"),
    ("p=card,w=301,dpr=2", "size_not_allowed: w"),
    ("p=card,pad=3", "option_not_allowed: pad"),
    ("3000x5000", "size_not_allowed: w"),
]


@pytest.mark.parametrize(("options", "expected"), SNAPPED)
def test_snapping(options: str, expected: str) -> None:
    """Every other size has one address, that of the next listed one; key, version and download name stay."""
    assert verdict(options, rules("sizes", else_="snap")) == expected


def test_own_lists() -> None:
    """A site's own widths, heights, ratios, qualities and options take the place of the default."""
    own = rules("sizes", widths=(300, 600), heights=(200,), ratios=("3:1",), qualities=(42,), options=("pad", "g"))
    assert verdict("300x200", own) == "w=300,h=200"
    assert verdict("300x100,g=fp:0.1:0.2,q=42,pad=9", own) == "w=300,h=100,g=fp:0.1:0.2,pad=9,q=42"
    assert verdict("h=200", own) == "h=200"
    assert verdict("h=300", own) == "size_not_allowed: h"
    assert verdict("w=320", own) == "size_not_allowed: w"
    assert verdict("w=auto,h=200", own) == "w=auto,h=200"
    assert own.ladder == (300, 600)
    assert verdict("301x201", replace(own, snaps=True)) == "→ w=600,h=200"
    empty = rules("sizes", widths=(), ratios=())
    assert verdict("w=300", empty) == verdict("w=auto", empty) == "size_not_allowed: w"
    assert verdict("w=300", replace(empty, snaps=True)) == "size_not_allowed: w"
    assert verdict("p=any", empty) == "w=auto"
    assert empty.ladder == LADDER


def test_the_default_widths_are_the_ladder_of_hints() -> None:
    """The settings repeat the ladder, so as not to import the grammar; both are what Next and Nuxt ask."""
    assert LADDER == negotiation.LADDER
    next_asks = {16, 32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840}
    nuxt_asks = {size * times for size in (320, 640, 768, 1024, 1280, 1536) for times in (1, 2)}
    assert set(LADDER) == next_asks | nuxt_asks


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("p=card", "w=300,h=200,q=65"),
        ("preset=card,dl=1", "w=300,h=200,q=65"),
        ("p=card,dpr=2", "w=600,h=400,q=65"),
        ("p=card,dpr=auto", "w=300,h=200,dpr=auto,q=65"),
        ("p=exact", "w=77,fm=png"),
        ("p=card,dpr=1.1", "option_not_allowed: dpr"),
        ("p=card,w=640", "option_not_allowed: w"),
        ("p=card,w=300", "option_not_allowed: w"),
        ("p=card,fm=webp,q=5", "option_not_allowed: fm q"),
        ("w=640", "preset_required: p"),
        ("w=300,h=200,q=65", "preset_required: p"),
        ("_", "preset_required: p"),
        ("p=nope", "unknown_preset: p"),
    ],
)
def test_presets_alone(options: str, expected: str) -> None:
    """In `presets` nothing but a preset is answered, with `dl` and the steps of `dpr` beside it."""
    assert verdict(options, rules("presets")) == expected


@pytest.mark.parametrize("mode", ["open", "sizes", "presets"])
@pytest.mark.parametrize(
    ("options", "word"),
    [("w=640,fm=png,lossless=1", ""), ("w=640,fm=webp,lossless=1", "lossless"), ("w=640,fm=tiff", "tiff")],
)
def test_what_needs_a_signature_needs_it_in_every_mode(mode: str, options: str, word: str) -> None:
    """Dear options are refused with the setting that opens them; open they are judged like others."""
    assert (verdict(options, rules(mode)) == "needs_signature") is bool(word)
    assert verdict(options, rules(mode, allow=("lossless", "tiff"))) != "needs_signature"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("p=page", "w=50,fm=tiff"),
        ("p=page,w=640", "w=640,fm=tiff"),
        ("p=page,fm=tiff", "w=50,fm=tiff"),
        ("p=page,lossless=1", "needs_signature"),
        ("p=card,fm=tiff", "needs_signature"),
        ("p=exact,lossless=1", "w=77,fm=png"),
        ("p=exact,fm=webp", "needs_signature"),  # PNG is exact by itself; a dearer format was never opened
    ],
)
def test_a_preset_opens_what_it_says_and_no_more(options: str, expected: str) -> None:
    """What stands in a preset is the site's own; the same from a stranger beside it is not."""
    assert verdict(options, rules()) == expected


def test_a_refusal_names_the_setting() -> None:
    """Whoever runs the site reads what to write where."""
    with pytest.raises(Refused) as refusal:
        asked("fm=tiff", rules())
    assert 'delivery.allow = ["tiff"]' in refusal.value.sentence


@pytest.mark.parametrize("mode", ["open", "sizes", "presets"])
def test_formats_that_a_site_does_not_write(mode: str) -> None:
    """An explicit format outside of the list is refused, from a preset too; automatic ones are settled later."""
    few = rules(mode, formats=("jpeg", "webp"))
    assert verdict("w=640,fm=png", few) == "format_not_allowed: fm"
    assert verdict("p=exact", few) == "format_not_allowed: fm"
    assert verdict("p=card", few) == "w=300,h=200,q=65"


def test_nothing_is_open_where_signatures_are_asked() -> None:
    """Not even a preset; and what lies below a private prefix is closed in every mode."""
    assert verdict("w=640", rules("signed")) == verdict("p=card", rules("signed")) == "needs_signature"
    for mode in ("", "open", "sizes", "presets"):
        assert verdict("p=card", rules(mode, private=("users/", "/a/"))) == "needs_signature"
        assert verdict("p=card", rules(mode, private=("users/",))) == "w=300,h=200,q=65"


@pytest.mark.parametrize("mode", ["open", "sizes", "presets", "signed"])
@pytest.mark.parametrize("options", ["w=641", "w=640,lossless=1,fm=webp", "p=card,pad=1", "meta=all", "w=5,text=x"])
def test_a_good_signature_opens_every_option(mode: str, options: str) -> None:
    """Also with a prefix that is private, and where others are sent to the next size; a wrong one never does."""
    text = image_text(options, "a/cat.jpg", "", "0123")
    good = f"v=0123&s={signature_of(SECRET.encode(), text)}"
    for changes in ({}, {"private": ("a/",)}, {"else_": "snap"}):
        access = rules(mode, **changes)
        assert "needs" not in verdict(options, access, good)
        assert "→" not in verdict(options, access, good)
        if verdict(options, access) != verdict(options, access, good):
            assert verdict(options, access, good[:-1] + "*") == "needs_signature"


def test_a_signature_opens_no_format_that_the_site_does_not_write() -> None:
    """That is no question of who asks."""
    good = f"s={signature_of(SECRET.encode(), image_text('fm=png', 'a/cat.jpg'))}"
    assert verdict("fm=png", rules("signed", formats=("jpeg",)), good) == "format_not_allowed: fm"


numbers = st.integers(1, 8192)
NOISE = {
    "w": numbers,
    "h": numbers,
    "ar": st.tuples(st.integers(1, 99), st.integers(1, 99)).map(lambda pair: f"{pair[0]}:{pair[1]}"),
    "dpr": st.integers(100, 5000).map(lambda number: number / 1000),
    "q": st.integers(1, 100),
    "fit": st.sampled_from(["inside", "cover", "contain", "fill", "outside"]),
    "fm": st.sampled_from(["auto", "webp", "avif", "jpeg", "png", "gif"]),
    "g": st.sampled_from(["n", "attention", "fp:0.3:0.4"]),
    "p": st.sampled_from(["card", "soft", "wide"]),
    "pad": numbers,
    "enlarge": st.sampled_from([0, 1]),
}


@given(st.fixed_dictionaries({}, optional=NOISE))
def test_snapping_ends_after_one_step_and_loses_nothing(asked: dict[str, object]) -> None:
    """A redirect leads to something that is allowed, and says the same of everything but sizes and quality."""
    access = rules("sizes", else_="snap")
    first = verdict(",".join(f"{name}={value}" for name, value in asked.items()) or "_", access)
    if first.startswith("→ "):
        second = verdict(first[2:], access)
        allowed = text_of(parse_options(second).recipe)
        assert second == allowed
        format_said = [f"fm={asked['fm']}"] if asked.get("fm", "auto") != "auto" else []
        assert [item for item in allowed.split(",") if item.startswith("fm=")] == format_said


def test_what_strangers_can_have_made_is_a_short_list() -> None:
    """Of all widths those of the list pass, and with a height only the listed ratios of them."""
    access = rules("sizes")
    assert [width for width in range(1, 4000) if verdict(f"w={width}", access) == f"w={width}"] == list(LADDER)
    for width in (640, 1080):
        heights = [height for height in range(1, 4000) if verdict(f"{width}x{height}", access).startswith("w=")]
        by_ratio = {width * down // across for across, down in ((1, 1), (5, 4), (4, 3), (2, 1), (4, 5), (3, 4))}
        assert by_ratio <= set(heights)
        assert len(heights) < 30


@given(recipes, st.sampled_from(["open", "sizes", "presets"]), st.booleans())
def test_every_recipe_gets_a_verdict(recipe: Recipe, mode: str, snaps: bool) -> None:
    """Whatever a URL can say is allowed, refused in words, or sent to what is allowed."""
    access = rules(mode, else_="snap" if snaps else "refuse", allow=("lossless", "tiff", "text", "max_bytes", "meta"))
    told = judge(Asked(recipe=recipe), None, access, side=8192, pixels=16_000_000)
    if told.options is not None:
        again = judge(parse_options(told.options), None, access, side=8192, pixels=16_000_000)
        assert again == Verdict()
        assert text_of(parse_options(told.options).recipe) == told.options
    if told.reason is not None:
        assert told.reason.sentence.endswith((".", "]."))
