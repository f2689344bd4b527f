"""Imagemill: any picture in any size and format. As a library: `render`, `render_set`, and `Renderer` for many.

Nothing is imported until it is used: the server imports this package too, and a start costs what it imports.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` itself takes longer to import than all of this
if TYPE_CHECKING:
    from imagemill.renderer import Renderer, Rendering, Variant, render, render_set

__all__ = ["Renderer", "Rendering", "Variant", "render", "render_set"]


def __getattr__(name: str) -> object:
    """Import the Python interface when a name of it is first used (PEP 562)."""
    if name in __all__:
        from imagemill import renderer

        return getattr(renderer, name)
    raise AttributeError(f"module 'imagemill' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names that are there to be used."""
    return sorted([*globals(), *__all__])
