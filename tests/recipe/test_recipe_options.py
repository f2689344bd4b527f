"""The option grammar: good and bad values for each option, and one answer that lists every fault."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagemill.errors import Fault, InvalidRequest
from imagemill.recipe.colours import NAMED
from imagemill.recipe.model import Colour, Percent, Pixels, Radius, SearchedQuality
from imagemill.recipe.options import ALL, BY_NAME, Option, parse_options
from imagemill.recipe.options.reading import MAX_ITEMS
from imagemill.recipe.vocabulary import Format

GOOD = {
    "w": "1 8192 0300 50p 0.1p 1000p 12.345p auto",
    "h": "1 8192 50p",
    "fit": "inside cover contain fill outside scale-down limit max crop pad stretch",
    "g": "center centre n ne e se s sw w nw top left bottom-right north attention auto smart entropy faces face "
    "fp:0:0 fp:1:1 fp:0.123:0.5",
    "enlarge": "0 1",
    "dpr": "0.1 1 1.5 2.625 5 auto",
    "crop": "0:0:1:1 10:20:30:40 10p:0p:50p:99.999p 0:0:65535:65535",
    "trim": "0 255",
    "pad": "0 8192 1:2 1:2:3 1:2:3:4",
    "bg": "fff ffff ffffff ffffffff FfF red rebeccapurple auto blur transparent",
    "radius": "0 12 max 1:2:3:4",
    "mask": "circle ellipse triangle triangle-180 pentagon pentagon-180 hexagon square star heart",
    "rot": "0 90 -90 360 -360 45.123",
    "flip": "h v hv vh",
    "blur": "0.3 5 100",
    "sharpen": "0.3 1.234 100",
    "pixelate": "2 256",
    "bri": "-100 0 100 -0.5",
    "con": "-100 100",
    "sat": "-100 100",
    "hue": "-360 360",
    "gam": "0.1 9",
    "grayscale": "0 1",
    "sepia": "0 1",
    "invert": "0 1",
    "normalize": "0 1",
    "duotone": "000000:ffffff 1B1464:FFF200",
    "redact": "blur:0:0:1:1 pixelate:1:2:3:4:5:6:7:8 blur:faces blur:10p:10p:5p:5p",
    "wm": "logo.png b64:abc é",
    "wm64": "bG9nby5wbmc YnJhbmQvbG9nby5wbmc= w6k",
    "wmpos": "center se top-left",
    "wmx": "-8192 0 8192 20p -100p 12.5p 0p",
    "wmy": "-1 1",
    "wmscale": "0.1p 25p 100p",
    "wmop": "0 50 100",
    "wmtile": "0 1",
    "wmblend": "normal multiply screen overlay darken lighten",
    "text": "Hello Grüße 日本 a=b _",
    "text64": "SGVsbG8 SGVsbG8sIHdvcmxk YS9iCmM=",
    "textpos": "n center",
    "textsize": "1 4000",
    "textcolor": "fff black 11223344",
    "textfont": "Open-Sans a.b_c",
    "textop": "0 100",
    "fm": "auto jpeg jpg png webp avif gif tiff jxl best source",
    "q": "1 100 auto auto:1 auto:75.5 auto:100 auto:low auto:good auto:best",
    "max_bytes": "1000 100000000",
    "lossless": "0 1",
    "anim": "0 1",
    "page": "0 9999",
    "meta": "none copyright all all+gps",
    "icc": "srgb keep p3",
    "hdr": "sdr keep",
    "p": "card my-preset_2 a.b",
    "dl": "1 cat.jpg 猫.jpg",
    "dl64": "YSwgYi5qcGc",
    "ar": "16:9 1.91:1 1:100 100:1 0.5:0.25",
}
BAD = {
    "w": "0 -1 +1 8193 1e9 0x10 1.5 ٣ NaN inf 1_0 99999999999 0p 0.05p 1001p p 50pp 50% auto2 1.2345p -5p .5p 5.p",
    "h": "0 auto 8193 ٣p ½",
    "fit": "Cover none 1",
    "g": "middle fp fp:0.5 fp:0.5:1.1 fp:-0.1:0 fp:0:0:0 fp:: fp:٣:0 N",
    "enlarge": "2 true yes on 01",
    "dpr": "0 0.09 5.001 1.2345 -1 2x AUTO 1000",
    "crop": "1:2:3 1:2:3:4:5 -1:0:1:1 0:0:0:1 0:0:1:0 100p:0:1:1 0:0:0p:1 0:0:101p:1 65536:0:1:1 a:b:c:d ::: 1.5:0:1:1",
    "trim": "256 -1 1.5",
    "pad": "-1 8193 1:2:3:4:5 1: :1 1::2 5p",
    "bg": "ff fffff fffffff #fff ggg rgb(0) url(x) notacolour ٣٣٣ rouge",
    "radius": "-1 8193 min 1:2:3:4:5 50p",
    "mask": "box Circle triangle-90 hexagon-180",
    "rot": "361 -361 90.1234 ninety 1e9",
    "flip": "x hh hvh",
    "blur": "0 0.29 100.001 1e9 -1",
    "sharpen": "0.1 101 1e9",
    "pixelate": "1 257 2.5",
    "bri": "-101 101 +5 1.0001",
    "con": "101",
    "sat": "-100.5",
    "hue": "361",
    "gam": "0 9.001",
    "grayscale": "yes",
    "sepia": "2",
    "invert": "-1",
    "normalize": "true",
    "duotone": "fff:000 000000 000000: 000000:ffffff:112233 red:blue",
    "redact": f"blur blur: blur:1:2:3 sharpen:1:2:3:4 blur:Faces {'blur' + ':1' * 132}",
    "wm": f". .. ~ a\\b {'a' * 1025} a\u0007b",
    "wm64": "+++ a$b 4pyTx Lg YS8vYg _",
    "wmpos": "attention entropy faces fp:0:0 middle",
    "wmx": "-8193 8193 1.5 101p -100.1p p",
    "wmy": "8193 1e2p",
    "wmscale": "25 0p 101p",
    "wmop": "-1 101",
    "wmtile": "2",
    "wmblend": "add Normal",
    "text": f"{'a' * 1025} a\u0000b a\u001b[2J a\u2028b",
    "text64": f"!! a+b {'YWFh' * 500} _ gA",
    "textpos": "attention",
    "textsize": "0 4001",
    "textcolor": "auto blur #000",
    "textfont": f"{'a' * 65} a\\b Ünï",
    "textop": "101",
    "fm": "AVIF svg heic ../../x",
    "q": "0 101 -1 1.5 low best auto: auto:0 auto:101 auto:Good automatic",
    "max_bytes": "999 100000001 1e6",
    "lossless": "2",
    "anim": "yes",
    "page": "-1 10000 1.0",
    "meta": "gps all-gps ALL",
    "icc": "SRGB adobe",
    "hdr": "1",
    "p": f"{'a' * 65} a\\b é",
    "dl": f"a\\b {'a' * 256} a\rb",
    "dl64": "YS9i + 8J",
    "ar": "16 16:0 0:9 16:9:1 1:101 101:1 -1:1 16x9 9999999.999:1000000.001",
}


def _around(name: str, value: str) -> str:
    """The value with the partner that its option needs, so that only the value can be wrong."""
    if name in ("wm", "wm64", "text", "text64"):
        return f"{name}={value}"
    partner = "w=10," if name == "ar" else "wm=a," if name.startswith("wm") else "text=a," if name[:4] == "text" else ""
    return f"{partner}{name}={value}"


def _cases(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in table.items() for value in values.split(" ")]


def faults_of(segment: str) -> tuple[Fault, ...]:
    """The faults that a wrong option list is answered with."""
    with pytest.raises(InvalidRequest) as refusal:
        parse_options(segment)
    assert refusal.value.code == "bad_option"
    assert refusal.value.faults
    return refusal.value.faults


def test_every_option_has_good_and_bad_values_here() -> None:
    """The tables of this file walk the whole grammar."""
    names = {option.name for option in ALL}
    assert set(GOOD) == names
    assert set(BAD) == names


@pytest.mark.parametrize(("name", "value"), _cases(GOOD))
def test_a_good_value_is_taken(name: str, value: str) -> None:
    """Each value in the range of its option is understood."""
    asked = parse_options(_around(name, value))
    assert BY_NAME[name].key in asked.options


@pytest.mark.parametrize(("name", "value"), _cases(BAD))
def test_a_bad_value_is_named(name: str, value: str) -> None:
    """Each value out of the grammar is one fault that says the option and the words of its row."""
    (fault,) = faults_of(_around(name, value))
    assert fault.option == name
    assert fault.expected == BY_NAME[name].values
    assert len(fault.received) <= 65


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_an_empty_value_is_a_fault(name: str) -> None:
    """`name=` says nothing and is refused, under every name and alias."""
    partner = "w=10," if name == "ar" else ""
    assert name in [fault.option for fault in faults_of(f"{partner}{name}=")]


@pytest.mark.parametrize("option", ALL, ids=[option.name for option in ALL])
def test_every_documented_example_is_understood(option: Option) -> None:
    """The example in an option's row can be copied."""
    assert option.key in parse_options(option.example).options


@pytest.mark.parametrize(
    ("segment", "names"),
    [
        ("w=1,w=2", ["w"]),
        ("w=1,width=2", ["width"]),
        ("300x200,h=2", ["h"]),
        ("wm=a,wm64=YQ", ["wm64"]),
        ("text64=YQ,text=a", ["text"]),
        ("fm=png,format=png,f=png", ["format", "f"]),
        ("q=1&quality=1", ["quality"]),
        ("gray=1,greyscale=1", ["greyscale"]),
        ("w=x,w=1", ["w", "w"]),
    ],
)
def test_a_name_twice_is_a_fault(segment: str, names: list[str]) -> None:
    """A second value is refused even if it is the same, also under an alias."""
    assert [fault.option for fault in faults_of(segment)] == names


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("wdth", "width"),
        ("heigth", "height"),
        ("W", "w"),
        ("qualiti", "quality"),
        ("backgroud", "background"),
        ("maxbytes", "max_bytes"),
        ("grayscal", "grayscale"),
        ("text_size", "textsize"),
        ("wm1pos", "wmpos"),
    ],
)
def test_an_unknown_name_gets_the_nearest_right_one(name: str, nearest: str) -> None:
    """A slip of the finger is answered with what was probably meant."""
    (fault,) = faults_of(f"{name}=1")
    assert fault.option == name
    assert f"“{nearest}”" in fault.expected


def test_a_name_that_is_like_nothing_gets_no_guess() -> None:
    """No suggestion is better than a silly one."""
    (fault,) = faults_of("zzzzzz=1")
    assert "did you mean" not in fault.expected


def test_every_wrong_one_is_listed_in_order() -> None:
    """One answer names all faults, in the order they were written."""
    faults = faults_of("w=0,h=9999,q=101,fit=nope,wdth=3,blur,,enlarge=1")
    assert [fault.option for fault in faults] == ["w", "h", "q", "fit", "wdth", "blur", "options"]
    assert [fault.received for fault in faults] == ["0", "9999", "101", "nope", "3", "no value", ""]


def test_faults_of_values_and_of_combinations_come_together() -> None:
    """A contradiction is reported beside a wrong value, not after it was mended."""
    faults = faults_of("w=10,h=10,ar=1:1,q=0,mask=circle,radius=5,wm2pos=n,textop=5,lossless=1,max_bytes=5000")
    assert [fault.option for fault in faults] == ["q", "ar", "mask", "lossless", "wm2pos", "textop"]


@pytest.mark.parametrize(
    ("segment", "option"),
    [
        ("ar=16:9", "ar"),
        ("w=1,h=1,ar=16:9", "ar"),
        ("mask=circle,radius=3", "mask"),
        ("lossless=1,max_bytes=1000", "lossless"),
        ("lossless=1,fm=jpeg", "lossless"),
        ("lossless=1,fm=gif", "lossless"),
        ("wmpos=n", "wmpos"),
        ("wm=a,wm2op=5", "wm2op"),
        ("wm4tile=1,wm3=a", "wm4tile"),
        ("textsize=5", "textsize"),
    ],
)
def test_contradictions_and_missing_partners(segment: str, option: str) -> None:
    """What cannot be carried out together is refused, naming the option to change."""
    (fault,) = faults_of(segment)
    assert fault.option == option


@pytest.mark.parametrize("segment", ["w=0,ar=16:9", "wm=.,wmpos=n", "text64=!,textop=4"])
def test_a_partner_with_a_wrong_value_is_not_missing(segment: str) -> None:
    """One mistake is one fault."""
    (fault,) = faults_of(segment)
    assert fault.option in ("w", "wm", "text64")


def test_a_preset_may_bring_the_partner() -> None:
    """Beside a preset an option may refer to what the preset says."""
    assert parse_options("p=card,ar=16:9,textop=50").preset == "card"


@pytest.mark.parametrize(
    ("segment", "option"),
    [
        ("w=5000,dpr=2", "w"),
        ("h=8192,dpr=1.001", "h"),
        ("w=8192,ar=1:2", "h"),
        ("w=8192,ar=1:2,dpr=auto", "h"),
        ("w=900p,dpr=2,enlarge=1", "w"),
        ("w=0.2p,dpr=0.1", "w"),
        ("w=10,pad=5000,dpr=2", "pad"),
        ("radius=5000,dpr=2", "radius"),
        ("blur=50,dpr=3", "blur"),
        ("pixelate=200,dpr=2", "pixelate"),
        ("text=a,textsize=3000,dpr=2", "textsize"),
        ("wm=a,wmx=-8000,dpr=2", "wmx"),
    ],
)
def test_dpr_and_ratio_stay_in_the_ranges(segment: str, option: str) -> None:
    """What `dpr` or `ar` drives out of an option's range is a fault of that option."""
    (fault,) = faults_of(segment)
    assert fault.option == option


@pytest.mark.parametrize(
    ("segment", "received"),
    [
        ("", ""),
        ("_,w=300", "_"),
        ("w=300,_", "_"),
        ("w=300,", ""),
        (",w=300", ""),
        ("300X200", "300X200"),
        ("300*200", "300*200"),
        ("x", "x"),
        ("50px50p", "50px50p"),
        ("300x200x100", "300x200x100"),
        ("w=10,300x200", "300x200"),
        ("w", "no value"),
        ("w[]=1", "1"),
        ("blur", "no value"),
    ],
)
def test_items_that_are_no_name_and_value(segment: str, received: str) -> None:
    """Anything that is not `name=value`, or a size in the first place, is refused."""
    assert received in [fault.received for fault in faults_of(segment)]


@pytest.mark.parametrize("segment", ["٣x٣", "0x200", "300x9000", "300x²"])
def test_a_size_has_the_rules_of_w_and_h(segment: str) -> None:
    """`WxH` is read as `w` and `h`, with their faults."""
    assert {fault.option for fault in faults_of(segment)} <= {"w", "h", segment}


def test_the_request_part_is_no_part_of_the_recipe() -> None:
    """Preset and download are beside the recipe; the options are listed by their canonical names."""
    asked = parse_options("width=300,preset=card,dl=cat.jpg")
    assert (asked.preset, asked.download, asked.options) == ("card", "cat.jpg", ("w", "p", "dl"))
    assert asked.recipe == parse_options("w=300").recipe
    assert parse_options("dl=1").download is True
    assert parse_options("dl64=MQ").download == "1"
    assert parse_options("w=300").download is None


def test_values_become_typed_parts() -> None:
    """A few values, spot-checked where they are used."""
    recipe = parse_options("w=50p,h=20,bg=80808080,radius=max,q=auto:best,fm=jpg").recipe
    assert recipe.resize.width == Percent(50)
    assert recipe.resize.height == Pixels(20)
    assert recipe.background == Colour("80808080")
    assert recipe.radius == Radius(None)
    assert recipe.output.quality == SearchedQuality(85)
    assert recipe.output.format is Format.JPEG


def test_css_has_148_colour_names() -> None:
    """All names are there, none of them could be read as hex digits, and a few have the value of the standard."""
    assert len(NAMED) == 148
    assert not [name for name in NAMED if len(name) in (3, 4, 6, 8) and set(name) <= set("0123456789abcdef")]
    assert NAMED["rebeccapurple"] == Colour("663399ff")
    assert NAMED["papayawhip"] == Colour("ffefd5ff")


def test_received_values_are_cut_and_escaped() -> None:
    """A stranger's value is repeated in at most 64 characters, without control characters."""
    (fault,) = faults_of("q=" + "\u001b[2J" * 100)
    assert len(fault.received) <= 65
    assert fault.received.isprintable()
    (fault,) = faults_of("\u001b" * 200 + "=1")
    assert len(fault.option) <= 65
    assert fault.option.isprintable()


def _cpu_seconds(call: Callable[[], object]) -> float:
    """CPU-seconds of the quickest of three calls: a busy machine does not count."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize(
    "segment",
    [
        "&" * 100_000,
        "," * 3_000,
        "w=" + "1" * 100_000,
        "w=1," * 25_000,
        "x" * 100_000,
        "text=" + "é" * 50_000,
        "text64=" + "YWFh" * 25_000,
        "redact=blur" + ":1" * 50_000,
        "crop=" + ":" * 100_000,
        ",".join(f"nam{'e' * 20}{index}={'v' * 1500}" for index in range(64)),
        ",".join(f"{'unknown' * 220}=1" for _ in range(64)),
        "=" * 100_000,
        "ar=" + "9" * 50_000 + ":" + "9" * 50_000,
        "\u202e" * 30_000,
    ],
    ids=lambda segment: f"{segment[:12]}…{len(segment)}",
)
def test_hostile_lists_are_refused_quickly(segment: str) -> None:
    """100 KB of anything costs at most 10 ms of CPU (threats A6)."""
    assert faults_of(segment)
    assert _cpu_seconds(lambda: faults_of(segment)) <= 0.010


def test_at_most_64_items_are_looked_at() -> None:
    """A list longer than any honest one is refused as a whole, whatever is in it."""
    (fault,) = faults_of(",".join(f"a{index}=1" for index in range(MAX_ITEMS + 1)))
    assert fault.option == "options"
    assert len(faults_of(",".join(f"a{index}=1" for index in range(MAX_ITEMS)))) == MAX_ITEMS


def _understood(segment: str) -> bool:
    """Whether the list was taken; a refusal without faults fails."""
    try:
        parse_options(segment)
    except InvalidRequest as refusal:
        if not refusal.faults:
            raise
        return False
    return True


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(segment: str) -> None:
    """No text makes the reader fail in any other way."""
    assert _understood(segment) in (True, False)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(BY_NAME)), st.text("0123456789.:-pxaf٣ +eE_/", max_size=12)), max_size=6)
)
def test_near_misses_are_understood_or_refused(items: list[tuple[str, str]]) -> None:
    """Right names with almost right values neither crash nor pass silently."""
    segment = ",".join(f"{name}={value}" for name, value in items) or "_"
    if _understood(segment):
        assert len(parse_options(segment).options) == len(items)


def test_the_parameter_vectors_of_the_corpus_are_refused(corpus: Path) -> None:
    """Each hostile value that the threat model lists is a fault (A1)."""
    listed = json.loads((corpus / "hostile" / "vectors" / "parameters.json").read_text("utf-8"))["variants"]
    rewritten = {"w=1&w=2", "w=99999&h=99999", "w[]=1", "w=0", "w=-1", "w=1e9", "w=NaN", "w=0x10", "w=1.5", "dpr=1000"}
    rewritten |= {"q=101", "q=-1", "blur=1e9", "sharpen=1e9", "rotate=1e9", "crop=-5,-5,1e9,1e9", "bg=url(x)", "&&&&"}
    rewritten |= {"fmt=../../x", "fmt=svg", "fmt=AVIF"}
    assert rewritten <= set(listed)
    for segment in [*rewritten, "w=٣", "w=1\0", "fm=svg", "fm=AVIF"]:
        assert faults_of(segment)
