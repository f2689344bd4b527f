"""Who is told of changes to originals: some before, whatever comes of it, the others once it has happened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


class Listeners:
    """The listeners of one process's originals; `library.Originals` says what each kind is told of."""

    def __init__(self) -> None:
        self._before: list[Callable[[str], Awaitable[None]]] = []
        self._after: list[Callable[[str], None]] = []

    def add_before(self, announced: Callable[[str], Awaitable[None]]) -> None:
        """Await `announced(key)` before a change."""
        self._before.append(announced)

    def add(self, listener: Callable[[str], None]) -> None:
        """Call `listener(key)` after a change."""
        self._after.append(listener)

    async def announce(self, key: str) -> None:
        """Say that `key` is about to change; raises what a listener raises, and then it must not."""
        for announced in self._before:
            await announced(key)

    def tell(self, key: str) -> None:
        """Say that `key` has changed."""
        for listener in self._after:
            listener(key)
