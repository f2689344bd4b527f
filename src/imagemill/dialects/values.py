"""What every dialect makes of a URL; from here on nobody knows which dialect it was."""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.recipe.options import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """A parsed image URL.

    `options_text` is the option list as it was written, percent-decoded once: with `key` it is what a signature covers.
    `v` is the version that the URL names; `signature`, `expires` and `kid` are the caller's claim as it was written,
    not yet verified and perhaps nonsense. None is not given.
    """

    options_text: str
    asked: Asked
    key: str
    v: str | None = None
    signature: str | None = None
    expires: str | None = None
    kid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfoRequest:
    """A parsed URL of information; the fields are as in `ImageRequest`."""

    key: str
    v: str | None = None
    signature: str | None = None
    expires: str | None = None
    kid: str | None = None
