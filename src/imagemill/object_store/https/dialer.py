"""Connections for a source: the name is resolved once, every answer is checked, the checked address is connected to.

Separate from `fetch`, which speaks HTTP over it: this is httpcore's `AsyncNetworkBackend`, the one place where that
library opens a socket. It is given the name of the URL and hands a literal address on, so nothing resolves a second
time (threat S3: a name that answers differently the second time finds nobody asking). TLS and `Host` keep the name:
httpcore takes both from the URL, not from here. Proxies of the environment are unknown to httpcore (threat S7).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore

from imagemill.object_store.https.addresses import Address, AddressPolicy

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""All addresses of a name, in the order in which they should be tried; OSError where there are none."""

MAX_ANSWERS = 32
RESOLVER_THREADS = 4


class BadAddress(httpcore.ConnectError):
    """The name leads to an address that this source may not connect to; the text is for the operator's log alone."""


class Resolver:
    """The system's resolver, in threads of its own: a name server that does not answer holds up its source alone."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`; an address literal is its own."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolver")
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        answers = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return tuple(dict.fromkeys(ipaddress.ip_address(answer[4][0]) for answer in answers))

    def close(self) -> None:
        """End the threads; what still waits for a name server ends with its own time-out."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


class Dialer(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(
        self, policy: AddressPolicy, resolve: Resolve, network: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        """`network` opens the socket to a literal address (a recorder in tests)."""
        self._policy = policy
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend() if network is None else network

    async def checked(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`; raise BadAddress when even one of them may not be connected to."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, ValueError) as error:  # ValueError: an answer with a zone, or none that is an address
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from None
        if not addresses or len(addresses) > MAX_ANSWERS:
            raise httpcore.ConnectError(f"{host} has {len(addresses)} addresses")
        for address in addresses:
            if not self._policy.allows(address):
                raise BadAddress(f"{host} leads to {address}, which is not public and not in allow_private")
        return addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address of `host` that answers; `timeout` in seconds is for all of it."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self.checked(host, port)
                share = None if timeout is None else timeout / len(addresses)
                failure: Exception | None = None
                for address in addresses:
                    try:
                        return await self._network.connect_tcp(str(address), port, timeout=share)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = error
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} did not answer in time") from None
        assert failure is not None
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: no URL of ours names a socket of this machine."""
        raise BadAddress("no source is a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for it between retries, of which there are none."""
        await asyncio.sleep(seconds)
