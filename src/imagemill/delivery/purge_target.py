"""What a purge removes: the variants of one original, one of them, or those of every original below a prefix."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.delivery.cache_tags import tag_of, tag_that_covers
from imagemill.errors import InvalidRequest
from imagemill.variants.port import VariantName


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeTarget:
    """Exactly one of `key` and `prefix` (empty: everything) is given; `leaf` names one variant of `key`."""

    site: str
    key: str | None = None
    prefix: str | None = None
    leaf: str | None = None

    def __post_init__(self) -> None:
        """Raise InvalidRequest (`invalid_purge`) for any other combination."""
        if (self.key is None) == (self.prefix is None) or (self.leaf is not None and self.key is None):
            raise InvalidRequest("A purge names a key or a prefix; a variant goes with its key.", code="invalid_purge")

    def covers(self, name: VariantName) -> bool:
        """Whether the variant `name` is to go."""
        if name.site != self.site:
            return False
        if self.key is not None:
            return name.key == self.key and self.leaf in (None, name.leaf)
        return name.key.startswith(self.prefix or "")

    @property
    def tag(self) -> str:
        """The narrowest cache tag that all of it has; a CDN may remove more than was asked, never less."""
        if self.key is not None:
            return tag_of(self.site, self.key)
        return tag_that_covers(self.site, self.prefix or "")
