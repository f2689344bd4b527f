"""The rules of who may ask for what, made once from the settings (contract, "Access"; threat A4).

Separate from `verdict`, which applies them to one request. Nothing here knows of methods, caches or whether a picture
exists: so HEAD, a 304 and a hit are judged like a GET that makes.

    open      anything but what costs or reveals more than a stranger may ask (`needs_signature`)
    sizes     presets; the sizes of `[sizes]` with a few other options; the rest is refused, or sent to the next size
    presets   `p=<name>` with `dl` and `dpr` beside it
    signed    nothing without a signature

What lies below a `private` prefix needs one in every mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.sizes import Sizes
from imagemill.errors import Refused
from imagemill.recipe.negotiation import LADDER
from imagemill.recipe.vocabulary import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of one site, made once from its settings."""

    mode: str
    allow: frozenset[str]
    formats: frozenset[Format]
    sizes: Sizes
    qualities: tuple[int, ...]
    options: frozenset[str]
    snaps: bool
    private: tuple[str, ...] = ()

    @classmethod
    def of(cls, delivery: DeliverySettings, sizes: SizesSettings) -> Access:
        """Return the rules that the settings say."""
        return cls(
            mode=delivery.access or "open",
            allow=frozenset(delivery.allow),
            formats=frozenset(Format(word) for word in delivery.formats),
            sizes=Sizes.of(sizes),
            qualities=sizes.qualities,
            options=frozenset(sizes.options),
            snaps=sizes.else_ == "snap",
            private=tuple(prefix.lstrip("/") for prefix in delivery.private),
        )

    @property
    def ladder(self) -> tuple[int, ...]:
        """The widths that a client's hint is snapped up to."""
        return (self.sizes.widths if self.mode == "sizes" else ()) or LADDER

    def hides(self, key: str) -> bool:
        """Whether nothing of `key` may be seen without a signature, whatever its record says."""
        return self.mode == "signed" or self.is_private(key)

    def is_private(self, key: str) -> bool:
        """Whether `key` lies below a private prefix."""
        return key.startswith(self.private) if self.private else False

    def writes(self, form: Format) -> bool:
        """Whether results may be in this format."""
        return not self.formats or form in self.formats


def closed(words: Sequence[str]) -> Refused:
    """Return the refusal of what only a signature opens, by its words in `delivery.allow`."""
    setting = ", ".join(f'"{word}"' for word in words)
    return Refused(
        f"{', '.join(words)} may only be asked by a signed URL or in a preset; "
        f"the owner of the site can open it to everyone with the setting delivery.allow = [{setting}].",
        code="needs_signature",
    )
