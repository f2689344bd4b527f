"""The links that answers of the control API carry.

Separate from `views`: a link depends on what the site lets anyone ask, which is no property of an original.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.control.paths import key_as_path
from imagemill.delivery.access import Access
from imagemill.delivery.offered import open_options
from imagemill.delivery.preset_book import PresetBook
from imagemill.originals.values import Original


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Makes the links of a site. `public_url` is what they begin with (never `Host`, threat H9); empty: relative.

    `api_url` is the same for the API's own.
    """

    public_url: str
    api_url: str
    access: Access
    presets: PresetBook

    def of(self, original: Original) -> str | None:
        """Return the address of a picture with its version, None where the site gives it to nobody by any size."""
        if original.private:
            return None
        facts = original.facts
        address = self._address(original.key, facts.width, facts.height)
        return None if address is None else f"{address}?v={original.version}"

    def of_key(self, key: str) -> str | None:
        """Return the address of an object that nobody has looked into yet, so that nobody can have closed it."""
        return None if self.access.is_private(key) else self._address(key, 0, 0)

    def _address(self, key: str, width: int, height: int) -> str | None:
        options = open_options(self.access, self.presets.current, width=width, height=height)
        return None if options is None else f"{self.public_url.rstrip('/')}/img/{options}/{key_as_path(key)}"
