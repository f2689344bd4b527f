"""The verdict on one request: allowed, refused for a reason, or sent on to the URL that is meant (contract, "Access").

Pure: from what was asked and the rules of the site. Separate from `verify`, which carries it out, and from `explain`,
which only shows it. What `sizes` lets through stands in `listed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imagemill.delivery.access import Access, closed
from imagemill.delivery.listed import density_faults, judge_listed
from imagemill.errors import Fault, Refused
from imagemill.recipe.availability import needs_signature
from imagemill.recipe.options import Asked
from imagemill.recipe.presets import Preset
from imagemill.recipe.vocabulary import Format
from imagemill.signing.grant import refused


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed where both are None; else refused for a `reason`, or sent on to the `options` that are meant."""

    reason: Refused | None = None
    options: str | None = None


ALLOWED = Verdict()


def judge(
    asked: Asked, preset: Preset | None, access: Access, *, side: int, pixels: int, signed: bool = False
) -> Verdict:
    """Return the verdict on `asked`, already expanded by `preset`; a redirect stays within `side` and `pixels`.

    A good signature (`signed`) opens everything but a format that the site does not write. Whether the picture itself
    and its layers may be seen is not judged here: that is known only where originals are (`permission.admitted`).
    """
    form = asked.recipe.output.format
    unwritten = form.concrete and not access.writes(form)
    if signed:
        return Verdict(_wrong_format(form, access)) if unwritten else ALLOWED
    words = [word for word in closed_words(asked, preset, access) if word != "wm"]
    if words:
        return Verdict(closed(words))
    if unwritten:
        return Verdict(_wrong_format(form, access))
    if access.mode == "open":
        return ALLOWED
    if access.mode == "sizes":
        faults, options = judge_listed(asked, preset, access, side=side, pixels=pixels)
        # A size is named before other options, as it is the commoner mistake.
        code = "size_not_allowed" if faults and faults[0].option in ("w", "h", "ar") else "option_not_allowed"
        return Verdict(options=options) if options else _refused(code, faults)
    if access.mode == "presets":
        return _judge_preset(asked, preset)
    return Verdict(refused())


def closed_words(asked: Asked, preset: Preset | None, access: Access) -> list[str]:
    """Return the words of what needs a signature in `asked` and is not the preset's own or opened to everyone."""
    words = needs_signature(asked, None if preset is None else preset.asked)
    return [word for word in words if word not in access.allow]


def _wrong_format(form: Format, access: Access) -> Refused:
    fault = Fault("fm", "auto or one of " + ", ".join(sorted(access.formats)), form.value)
    return Refused(f"This site does not write that format: {fault}.", code="format_not_allowed", faults=(fault,))


def _judge_preset(asked: Asked, preset: Preset | None) -> Verdict:
    """Only a preset; `dl` changes no variant, and `dpr` in its few steps is what srcset needs."""
    if preset is None:
        fault = Fault("p", "the name of a preset", "none")
        sentence = "This site answers only presets: write p=<name> and no other option."
        return Verdict(Refused(sentence, code="preset_required", faults=(fault,)))
    return _refused("option_not_allowed", (*_beside_faults(asked), *density_faults(asked)))


def _beside_faults(asked: Asked) -> Iterator[Fault]:
    for name in asked.given:
        if name not in ("dl", "dpr"):
            yield Fault(name, "nothing beside p but dl and dpr", name)


def _refused(code: str, faults: tuple[Fault, ...]) -> Verdict:
    """Return the refusal for `faults`; without any it is allowed."""
    if not faults:
        return ALLOWED
    return Verdict(Refused(f"This site does not allow that: {'; '.join(map(str, faults))}.", code=code, faults=faults))
