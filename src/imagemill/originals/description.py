"""What people say of an original, how it changes, and the entity tag that covers it.

Separate from `values`, which only holds it: here are the bounds and the merging. A change is a merge patch
(RFC 7396): what is not mentioned stays, None removes.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.originals.values import Description
from imagemill.recipe.model import FocalPoint

MAX_TAGS = 50
MAX_TAG = 128
"""Characters of one tag."""
MAX_ALT = 2000
"""Characters of the alternative text."""
MAX_CUSTOM = 50
"""Custom fields of one original."""
MAX_NAME = 64
"""Characters of a custom field's name."""
MAX_VALUE = 1024
"""Characters of a custom field's value."""


class Unset(Enum):
    """Marks what a change does not mention; None means "remove"."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionChanges:
    """A merge patch of a description. `custom` maps a field's name to its new value, or to None to remove it."""

    focal: FocalPoint | Unset | None = UNSET
    tags: tuple[str, ...] | Unset | None = UNSET
    alt: str | Unset | None = UNSET
    custom: Mapping[str, str | None] | Unset | None = UNSET
    private: bool | Unset | None = UNSET

    def apply(self, old: Description) -> Description:
        """Return `old` with these changes; raise InvalidRequest (`invalid_description`) that lists every fault."""
        new = old
        if not isinstance(self.focal, Unset):
            new = replace(new, focal=_rounded(self.focal))
        if not isinstance(self.tags, Unset):
            new = replace(new, tags=tuple(dict.fromkeys(self.tags or ())))
        if not isinstance(self.alt, Unset):
            new = replace(new, alt=self.alt)
        if not isinstance(self.custom, Unset):
            new = replace(new, custom=_merged(old.custom, self.custom))
        if not isinstance(self.private, Unset):
            new = replace(new, private=bool(self.private))
        faults = tuple(_faults(new))
        if faults:
            text = "; ".join(str(fault) for fault in faults)
            raise InvalidRequest(f"The description cannot be kept: {text}.", code="invalid_description", faults=faults)
        return new


def entity_tag(content: str, description: Description) -> str:
    """Return the entity tag of an original as a resource: it changes with its bytes and with its description.

    `content` is the SHA-256 of the bytes. The first half says which bytes, the second which description, so equal
    states have equal tags and nothing needs to be counted or stored.
    """
    focal = description.focal
    said = [
        None if focal is None else [focal.x, focal.y],
        description.tags,
        description.alt,
        sorted(description.custom.items()),
        *(["private"] if description.private else []),
    ]
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return f"{content[:32]}-{digest[:16]}"


def check_tag(word: str) -> str:
    """Return `word` if an original may have it as a tag; raise InvalidRequest (`invalid_description`)."""
    faults: list[Fault] = []
    _check_text(faults, "tag", word, MAX_TAG, empty=False)
    if faults:
        raise InvalidRequest(f"No original has such a tag: {faults[0]}.", code="invalid_description", faults=(*faults,))
    return word


def _rounded(focal: FocalPoint | None) -> FocalPoint | None:
    """Return the point with the 3 places of a version's text; left alone where it is no number."""
    if focal is None or not (math.isfinite(focal.x) and math.isfinite(focal.y)):
        return focal
    return FocalPoint(round(focal.x, 3), round(focal.y, 3))


def _merged(old: Mapping[str, str], changes: Mapping[str, str | None] | None) -> dict[str, str]:
    if changes is None:
        return {}
    merged: dict[str, str | None] = {**old, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _faults(description: Description) -> list[Fault]:
    """Return everything that is wrong with `description`; the bounds keep a record small."""
    faults: list[Fault] = []
    focal = description.focal
    if focal is not None and not (0 <= focal.x <= 1 and 0 <= focal.y <= 1):
        faults.append(Fault("focal", "x and y from 0 to 1", f"{focal.x}, {focal.y}"))
    if len(description.tags) > MAX_TAGS:
        faults.append(Fault("tags", f"at most {MAX_TAGS}", str(len(description.tags))))
    for tag in description.tags[: MAX_TAGS + 1]:
        _check_text(faults, "tags", tag, MAX_TAG, empty=False)
    if description.alt is not None:
        _check_text(faults, "alt", description.alt, MAX_ALT, lines=True)
    if len(description.custom) > MAX_CUSTOM:
        faults.append(Fault("custom", f"at most {MAX_CUSTOM} fields", str(len(description.custom))))
    for name, value in list(description.custom.items())[: MAX_CUSTOM + 1]:
        _check_text(faults, "custom (a name)", name, MAX_NAME, empty=False)
        _check_text(faults, f"custom.{shown(name)}", value, MAX_VALUE, lines=True)
    return faults


def _check_text(  # one rule for every text people store
    faults: list[Fault], option: str, text: str, most: int, *, empty: bool = True, lines: bool = False
) -> None:
    allowed = "\n\t" if lines else ""
    odd = any(unicodedata.category(one) in ("Cc", "Cs") and one not in allowed for one in text)
    if odd or len(text) > most or (not text and not empty):
        expected = f"{'at most' if empty else '1 to'} {most} characters, no control characters"
        faults.append(Fault(option, expected, shown(text)))
