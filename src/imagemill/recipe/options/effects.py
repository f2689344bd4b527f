"""The rows of effects: how the picture is turned, softened and coloured (capability T5)."""

from __future__ import annotations

from imagemill.recipe import measures
from imagemill.recipe.colours import read_opaque
from imagemill.recipe.options.option import Option, flag, maybe, unless
from imagemill.recipe.spelling import decimal, one_of, switch, whole
from imagemill.recipe.vocabulary import Flip

_FLIPS = {flip.value: flip for flip in Flip} | {"vh": Flip.BOTH}


def _read_duotone(text: str) -> tuple[str, str]:
    dark, _, light = text.partition(":")
    return read_opaque(dark), read_opaque(light)


EFFECTS: tuple[Option, ...] = (
    Option(
        name="rot",
        field="rotate",
        aliases=("rotate",),
        values="degrees -360…360 with at most three places",
        read=decimal(-360, 360),
        write=lambda r: unless(0, r.rotate),
        default="0",
        example="rot=90",
        row="T5",
        about=(
            "Turn clockwise, after `resize`: the result is the box around the turned picture (and its canvas). Its"
            " corners show `bg`; without one they are clear, or white where the format has no transparency. Quarter"
            " turns are exact."
        ),
    ),
    Option(
        name="flip",
        field="flip",
        values="h, v or hv",
        read=one_of(_FLIPS),
        write=lambda r: "" if r.flip is None else r.flip.value,
        example="flip=h",
        row="T5",
        about="Mirror, before `rot`; `hv` is the same as `rot=180`.",
    ),
    Option(
        name="blur",
        field="blur",
        values="0.3…100",
        read=decimal(0.3, 100),
        write=lambda r: maybe(r.blur),
        example="blur=5",
        row="T5",
        about="Gaussian blur; the number is its sigma in pixels of the result.",
    ),
    Option(
        name="sharpen",
        field="sharpen",
        values="0.3…100",
        read=decimal(0.3, 100),
        write=lambda r: maybe(r.sharpen),
        example="sharpen=1",
        row="T5",
        about=(
            "Unsharp mask on luminance; the number is its sigma in pixels of the result. Fine differences are doubled,"
            " large ones tripled, at most 10 % lighter and 20 % darker."
        ),
    ),
    Option(
        name="pixelate",
        field="pixelate",
        values="2…256",
        read=whole(2, 256),
        write=lambda r: maybe(r.pixelate),
        example="pixelate=16",
        row="T5",
        about="Square blocks of their mean colour, from the top left; the number is their side in pixels.",
    ),
    *(
        Option(
            name=name,
            field=f"adjust.{field}",
            values="-100…100 with at most three places",
            read=decimal(-100, 100),
            write=lambda r, field=field: unless(0, getattr(r.adjust, field)),  # type: ignore[misc]  # field is bound per row
            default="0",
            example=f"{name}=20",
            row="T5",
            about=about,
        )
        for name, field, about in (
            (
                "bri",
                "brightness",
                "Percent lighter: 20 multiplies each level by 1.2, -100 is black (CSS `brightness`).",
            ),
            ("con", "contrast", "Percent more contrast around middle grey; -100 is grey all over (CSS `contrast`)."),
            ("sat", "saturation", "Percent more colour; -100 is grey (CSS `saturate`)."),
        )
    ),
    Option(
        name="hue",
        field="adjust.hue",
        values="degrees -360…360 with at most three places",
        read=decimal(-360, 360),
        write=lambda r: unless(0, r.adjust.hue),
        default="0",
        example="hue=90",
        row="T5",
        about="Turn every hue around the circle of colours: 120 makes red green (CSS `hue-rotate`).",
    ),
    Option(
        name="gam",
        field="adjust.gamma",
        values="0.1…9 with at most three places",
        read=decimal(0.1, 9),
        write=lambda r: unless(1, r.adjust.gamma),
        default="1",
        example="gam=1.4",
        row="T5",
        about="Each level x of 0 to 1 becomes x^(1/gam): above 1 is lighter in the middle; black and white stay.",
    ),
    *(
        Option(
            name=name,
            field=f"adjust.{name}",
            aliases=aliases,
            values="0 or 1",
            read=switch,
            write=lambda r, name=name: flag(getattr(r.adjust, name)),  # type: ignore[misc]  # name is bound per row
            default="0",
            example=f"{name}=1",
            row="T5",
            about=about,
        )
        for name, aliases, about in (
            ("grayscale", ("greyscale", "gray"), "Shades of grey by luminance (CSS `grayscale(1)`)."),
            ("sepia", (), "Shades of brown (CSS `sepia(1)`)."),
            ("invert", (), "The negative; transparency stays (CSS `invert(1)`)."),
            (
                "normalize",
                (),
                (
                    "Stretch the tones: the darkest and the lightest 1 % of luminance become black and white. In an"
                    " animation the first frame decides."
                ),
            ),
        )
    ),
    Option(
        name="duotone",
        field="adjust.duotone",
        values="two colours of 6 hex digits, RRGGBB:RRGGBB",
        read=_read_duotone,
        write=lambda r: "" if r.adjust.duotone is None else ":".join(r.adjust.duotone),
        example="duotone=1b1464:fff200",
        row="T5",
        about="Luminance as a colour between two: the first for black, the second for white.",
    ),
    Option(
        name="redact",
        field="redact",
        values="blur or pixelate, then X:Y:W:H of 1 to 32 areas or faces",
        read=measures.read_redaction,
        write=lambda r: "" if r.redact is None else measures.write_redaction(r.redact),
        example="redact=blur:10:10:200:80",
        row="T5",
        about=(
            "Make areas of the upright, untrimmed original unreadable for good, wherever they lie in the result: of"
            " each, at most 4 by 4 mean colours of 16 levels are left, as squares or smooth. Sign it or put it into a"
            " preset: an address that anyone may change can leave it out."
        ),
    ),
)
"""Rows about how the picture looks, in canonical order; `write` takes a Recipe."""
