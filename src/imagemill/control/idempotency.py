"""Idempotency-Key: the same request sent again gets the same answer, not a second effect (draft-ietf-httpapi-
idempotency-key-header; contract, "Idempotency-Key on every POST"; threat 2.11 I4).

Separate from the resources: it wraps them, hashes the body as it passes and keeps the answer. In memory, for 24 hours;
a restart forgets, which is what a caller must expect of any server (row C1 keeps them in the catalog).
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from imagemill.control.asgi import header, raw_path
from imagemill.errors import Conflict, ImagemillError, InvalidRequest, Kind
from imagemill.gateway.asgi import AsgiApp, Message, Receive, Scope, Send

METHODS = ("POST", "PUT", "PATCH")
SECONDS = 24 * 3600
MAX_ANSWERS = 10_000
MAX_BYTES = 16 * 1024 * 1024
"""Bytes of all kept answers; the oldest go first."""
MAX_ANSWER = 1024 * 1024
"""A longer answer is not kept (none of ours is)."""
MAX_KEY = 255
NOT_KEPT = (401, 408, 409, 429)
"""Answers about the moment, not about the request; 5xx are not kept either, for they ask to be tried again."""


@dataclass(slots=True)
class _Answer:
    """What was asked and what was answered."""

    fingerprint: bytes
    until: float
    messages: list[Message]
    size: int


@dataclass(slots=True)
class _Passing:
    """One request on its way through: its body's hash so far, its answer so far."""

    digest: hashlib._Hash
    body_ended: bool = False
    status: int = 0
    size: int = 0
    complete: bool = False
    messages: list[Message] = field(default_factory=list)

    def take(self, message: Message) -> None:
        """Note a message of the request."""
        if message["type"] == "http.request":
            self.digest.update(message.get("body", b""))
            self.body_ended = not message.get("more_body", False)

    def give(self, message: Message) -> None:
        """Note a message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        if self.size <= MAX_ANSWER:
            self.messages.append(message)

    @property
    def keepable(self) -> bool:
        """Whether the answer is whole, belongs to the whole body, and would be the same tomorrow."""
        lasting = self.status < 500 and self.status not in NOT_KEPT
        return self.body_ended and self.complete and lasting and self.size <= MAX_ANSWER


class Idempotent:
    """Wraps `inner`; requests without the header pass untouched."""

    def __init__(self, inner: AsgiApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._clock = clock
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._bytes = 0
        self._under_way: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or pass on and remember."""
        key = header(scope, b"idempotency-key") if scope["method"] in METHODS else None
        if key is None:
            await self._inner(scope, receive, send)
            return
        if not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
            raise InvalidRequest(
                f"Idempotency-Key must have 1 to {MAX_KEY} visible ASCII characters.", code="bad_idempotency_key"
            )
        if key in self._under_way:
            raise Conflict(
                "A request with this Idempotency-Key is under way; ask again when it is done.",
                code="idempotency_key_in_use",
            )
        self._under_way.add(key)
        try:
            answer = self._kept(key)
            if answer is None:
                await self._pass(key, scope, receive, send)
            else:
                await self._replay(answer, scope, receive, send)
        finally:
            self._under_way.discard(key)

    async def _pass(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        passing = _Passing(_about(scope))

        async def watched_receive() -> Message:
            message = await receive()
            passing.take(message)
            return message

        async def watched_send(message: Message) -> None:
            passing.give(message)
            if passing.keepable:
                # Kept before it is sent: a client that never sees the answer is the one who will ask again.
                self._keep(key, passing)
            await send(message)

        await self._inner(scope, watched_receive, watched_send)

    async def _replay(self, answer: _Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body to the end, for only then is it known to be the same request; then answer as before."""
        passing = _Passing(_about(scope))
        while not passing.body_ended:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            passing.take(message)
        if passing.digest.digest() != answer.fingerprint:
            raise ImagemillError(
                "This Idempotency-Key was used for another request; take a new one for each.",
                code="idempotency_key_reused",
                kind=Kind.UNPROCESSABLE,
            )
        start, *rest = answer.messages
        await send({**start, "headers": [*start["headers"], (b"idempotency-replayed", b"true")]})
        for message in rest:
            await send(message)

    def _kept(self, key: str) -> _Answer | None:
        answer = self._answers.get(key)
        if answer is not None and answer.until <= self._clock():
            self._drop(key)
            return None
        return answer

    def _keep(self, key: str, passing: _Passing) -> None:
        self._drop(key)
        fingerprint = passing.digest.digest()
        self._answers[key] = _Answer(fingerprint, self._clock() + SECONDS, passing.messages, passing.size)
        self._bytes += passing.size
        while len(self._answers) > MAX_ANSWERS or self._bytes > MAX_BYTES:
            self._drop(next(iter(self._answers)))

    def _drop(self, key: str) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= answer.size


def _about(scope: Scope) -> hashlib._Hash:
    """Return a hash that has taken in all of the request but its body."""
    parts = (
        scope["method"].encode(),
        raw_path(scope),
        scope.get("query_string", b""),
        *((header(scope, name) or "").encode() for name in (b"content-type", b"if-match", b"if-none-match")),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest
