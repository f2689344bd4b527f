"""What is built, and what an unsigned caller may not use."""

from __future__ import annotations

import pytest

from imagemill.errors import NotBuilt
from imagemill.recipe.availability import LATER, check_available, missing, needs_signature
from imagemill.recipe.options import ALL, BY_NAME, parse_options
from imagemill.recipe.options.layers import LAYERS, WORDS

DELIVERED = {
    "w": "w=300 w=50p w=auto",
    "h": "h=300 h=50p",
    "ar": "w=300,ar=16:9",
    "fit": "300x200,fit=inside 300x200,fit=cover 300x200,fit=contain 300x200,fit=fill 300x200,fit=outside",
    "g": "300x200,g=n 300x200,g=attention 300x200,g=entropy 300x200,g=fp:0.2:0.3",
    "enlarge": "w=300,enlarge=1",
    "dpr": "w=300,dpr=2 w=300,dpr=auto",
    "crop": "crop=1:2:3:4",
    "trim": "trim=10",
    "pad": "pad=10",
    "bg": "bg=fff bg=red bg=auto bg=blur bg=transparent,pad=1",
    "radius": "radius=5 radius=max",
    "mask": "mask=circle mask=triangle-180 mask=star mask=heart",
    "rot": "rot=90 rot=12.5 rot=-90",
    "flip": "flip=h flip=v flip=hv",
    "blur": "blur=1",
    "sharpen": "sharpen=1",
    "pixelate": "pixelate=4",
    "bri": "bri=1",
    "con": "con=1",
    "sat": "sat=1",
    "hue": "hue=1",
    "gam": "gam=2",
    "grayscale": "grayscale=1",
    "sepia": "sepia=1",
    "invert": "invert=1",
    "normalize": "normalize=1",
    "duotone": "duotone=000000:ffffff",
    "redact": "redact=blur:0:0:1:1 redact=pixelate:1:2:3:4:10p:10p:50p:50p",
    "fm": "fm=auto fm=jpeg fm=png fm=webp fm=avif fm=gif fm=tiff fm=jxl fm=source",
    "q": "q=1 q=100",
    "lossless": "lossless=1 fm=webp,lossless=1",
    "anim": "anim=0",
    "page": "page=2",
    "meta": "meta=none meta=copyright meta=all meta=all+gps",
    "icc": "icc=srgb icc=p3 icc=keep",
    "hdr": "hdr=sdr hdr=keep",
    "p": "p=card",
    "wm": "wm=a wm2=a wm=a,wmpos=nw,wmx=1,wmy=-1,wmscale=10p,wmop=50,wmtile=1 wm=a,wmblend=screen",
    "text": "text=a text=a,textpos=s,textsize=9,textcolor=fff8,textfont=DejaVuSans,textop=5",
    "dl": "dl=1 dl=a.jpg",
    "dl64": "dl64=YQ",
}
"""Options of this version, with the values that must pass."""

NOT_YET = {
    "g": "300x200,g=faces:T3",
    "redact": "redact=blur:faces:T3 redact=pixelate:faces:T3",
    "fm": "fm=best:T7",
    "q": "q=auto:T7 q=auto:75:T7",
    "max_bytes": "max_bytes=1000:T7",
}
"""Options, or values of them, that later versions carry out, each with its row."""


def _delivered() -> list[str]:
    return [options for listed in DELIVERED.values() for options in listed.split(" ")]


def _not_yet() -> list[tuple[str, str]]:
    return [(case.rpartition(":")[0], case.rpartition(":")[2]) for cases in NOT_YET.values() for case in cases.split()]


@pytest.mark.parametrize("options", _delivered())
def test_what_is_delivered_passes(options: str) -> None:
    """Nothing of this version is refused."""
    asked = parse_options(options)
    assert missing(asked) == ()
    check_available(asked)


@pytest.mark.parametrize(("options", "row"), _not_yet())
def test_what_comes_later_names_its_row(options: str, row: str) -> None:
    """An option that is not built is refused with its name and its row, never silently left out."""
    with pytest.raises(NotBuilt) as refusal:
        check_available(parse_options(options))
    assert refusal.value.row == row
    assert row in refusal.value.sentence
    assert len(refusal.value.faults) == 1


@pytest.mark.parametrize("option", ALL, ids=[option.name for option in ALL])
def test_every_option_is_delivered_or_names_its_row(option: object) -> None:
    """The walk of the whole grammar: no option is in neither table, and an example behaves as its table says."""
    row = next(each for each in ALL if each is option)
    owner = "wm" if row in LAYERS else "text" if row in WORDS else row.name
    assert owner in DELIVERED or owner in NOT_YET
    absent = missing(parse_options(row.example))
    assert absent == () if owner in DELIVERED else absent


def test_the_table_speaks_of_options_that_exist() -> None:
    """Each row of the table belongs to an option of the grammar, and is tested above."""
    assert {later.option for later in LATER} <= set(BY_NAME)
    assert {later.option for later in LATER} == set(NOT_YET)


@pytest.mark.parametrize(
    "options",
    [
        "bri=0,con=0,sat=0,hue=0,gam=1,grayscale=0,sepia=0,invert=0,normalize=0",
        "rot=0",
        "rot=360",
        "hue=360",
        "flip=hv,rot=180",
        "meta=none,icc=srgb,hdr=sdr",
        "wm=a,wmop=0",
        "g=faces",
        "w=300,g=faces",
    ],
)
def test_values_that_change_nothing_are_never_refused(options: str) -> None:
    """An option that is not built is no obstacle while it asks for nothing."""
    check_available(parse_options(options))


def test_several_are_named_together() -> None:
    """One answer names everything that is missing, and each row once."""
    with pytest.raises(NotBuilt) as refusal:
        check_available(parse_options("300x200,g=faces,redact=blur:faces,q=auto"))
    assert refusal.value.row == "T3, T7"
    assert refusal.value.sentence.startswith("g=faces, redact=…:faces, q=auto are understood")
    assert len(refusal.value.faults) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("w=300,fm=webp,q=80", ()),
        ("meta=copyright", ()),
        ("meta=all", ("meta",)),
        ("meta=all+gps", ("meta",)),
        ("text=a", ("text",)),
        ("wm=a", ("wm",)),
        ("max_bytes=1000", ("max_bytes",)),
        ("lossless=1", ("lossless",)),
        ("lossless=0", ()),
        ("fm=png,lossless=1", ()),
        ("fm=best", ("best",)),
        ("fm=tiff", ("tiff",)),
        ("q=auto", ()),
        ("q=auto:best", ()),
        ("q=auto:90", ()),
        ("q=auto:90.001", ("auto",)),
        ("q=auto:100,meta=all,text=a,wm=b,fm=best", ("meta", "text", "wm", "best", "auto")),
    ],
)
def test_what_needs_a_signature(options: str, words: tuple[str, ...]) -> None:
    """The contract's list, in the words of the setting `delivery.allow`."""
    assert needs_signature(parse_options(options)) == words
