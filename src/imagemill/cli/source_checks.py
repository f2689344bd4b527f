"""The checks of `doctor` for further sources: is each there, can it be read, and may we go where it is?

Separate from `checks`, because these leave the machine. A person who runs `doctor` may know the reason of a failure,
which no answer of the server tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Iterator

from imagemill.cli.checks import Finding, ok, store_failure
from imagemill.errors import ImagemillError
from imagemill.originals.settings import SourceSettings
from imagemill.settings import Settings, SettingsError
from imagemill.settings.attached import base_of, is_web
from imagemill.settings.values import folder_of, s3_address

SECONDS = 5.0


def source_findings(settings: Settings) -> Iterator[Finding]:
    """Yield one line for each source, and for each host of one that names several."""
    for name, source in sorted(settings.attached.items()):
        check = f"source {name}"
        if is_web(source):
            yield from _web(check, name, source)
        elif s3_address(source.url) is not None:
            yield _bucket(check, source, settings)
        else:
            yield _folder(check, source)


def _folder(check: str, source: SourceSettings) -> Finding:
    folder = folder_of(source.url)
    if folder is None or not folder.is_dir():
        return Finding(check, "fail", f"there is no folder {folder}", "create it, or correct its url")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(check, "fail", f"{folder} cannot be read", "run doctor and the server as its owner")
    return ok(check, f"{folder}")


def _bucket(check: str, source: SourceSettings, settings: Settings) -> Finding:
    """List one object, which needs the rights that serving needs."""
    from imagemill.assembly.stores import s3_objects

    address = s3_address(source.url)
    assert address is not None

    async def look() -> int:
        store = s3_objects(address, settings, settings.data)
        try:
            return len((await store.list(limit=1)).objects)
        finally:
            await store.close()

    try:
        found = asyncio.run(look())
    except ImagemillError as error:
        return Finding(
            check,
            "fail",
            f"{address}: {store_failure(error, address, settings)}",
            "correct its url, [s3] or the rights",
        )
    return ok(check, f"{address} can be listed" + ("" if found else ", and is empty"))


def _web(check: str, name: str, source: SourceSettings) -> Iterator[Finding]:
    """Resolve, check and connect to each host that is named; a pattern names none."""
    from imagemill.assembly.sources import trust_of
    from imagemill.object_store.https.fetch import default_tls
    from imagemill.object_store.https.location import read_location

    try:
        tls = trust_of(name, source) or default_tls()
    except SettingsError as error:
        yield Finding(check, "fail", error.sentence, "correct ca_file")
        return
    base = base_of(source)
    named = [base] if base is not None else []
    named += [read_location(f"https://{host}/", canonical=False) for host in source.hosts if not host.startswith("*.")]
    for location in dict.fromkeys((one.scheme, one.host, one.port) for one in named):
        yield _host(check, source, tls, *location)
    patterns = [host for host in source.hosts if host.startswith("*.")]
    if patterns:
        yield ok(check, f"{', '.join(patterns)}: looked at when somebody asks")


def _host(check: str, source: SourceSettings, tls: ssl.SSLContext, scheme: str, host: str, port: int) -> Finding:
    from imagemill.object_store.https.addresses import AddressPolicy, private_network
    from imagemill.object_store.https.dialer import BadAddress, Dialer, Resolver

    resolver = Resolver()
    dialer = Dialer(AddressPolicy([private_network(text) for text in source.allow_private]), resolver)

    async def connect() -> str:
        async with asyncio.timeout(SECONDS):
            address = str((await dialer.checked(host, port))[0])
            context = tls if scheme == "https" else None
            name = host if scheme == "https" else None
            _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
            writer.transport.abort()  # nothing was asked, so there is nothing to take leave of
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return address

    try:
        address = asyncio.run(connect())
    except BadAddress as error:
        return Finding(check, "fail", str(error), "allow_private names networks that are your own")
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        return Finding(check, "fail", f"{host}:{port}: {why}", "correct the host, or name its authority in ca_file")
    except TimeoutError:
        return Finding(check, "fail", f"{host}:{port} does not answer", "is a firewall in between?")
    except Exception as error:  # noqa: BLE001 - a resolver, a socket or a library may each have words of its own
        return Finding(check, "fail", f"{host}:{port}: {error}", "correct the host, or the name service")
    finally:
        resolver.close()
    return ok(
        check, f"{host}:{port} is {address}" + (", certificate right" if scheme == "https" else ", not encrypted")
    )
