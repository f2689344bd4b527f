"""Further sources of originals: which adapter reads each, and how they stand beside the main store (row T14)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from imagemill.assembly.stores import SPOOL, folder_objects, s3_objects
from imagemill.data_folder import DataFolder
from imagemill.object_store.joined import JoinedStore, Mount
from imagemill.object_store.port import ObjectStore
from imagemill.originals.notifications import Place
from imagemill.originals.settings import SourceSettings
from imagemill.settings import OWN_FOLDER, Settings, SettingsError
from imagemill.settings.attached import is_web, prefix_of, reach_of
from imagemill.settings.values import folder_of, s3_address

DOCUMENTS = "sources"
"""Where our documents lie that say what a web server told of its originals."""
NOTES = "attached"
"""Where our notes lie on the files of a folder that we may not write into."""


def with_sources(store: ObjectStore, settings: Settings, data: DataFolder, documents: ObjectStore) -> ObjectStore:
    """Return `store` with the sources of the settings attached; itself where there are none.

    `documents` keeps what web servers told of their originals. Raises SettingsError where a source is not there.
    """
    if not settings.attached:
        return store
    mounts = [_mount(name, one, settings, data, documents) for name, one in settings.attached.items()]
    return JoinedStore(store, [*mounts, *_refusing(mounts)])


def _mount(name: str, source: SourceSettings, settings: Settings, data: DataFolder, documents: ObjectStore) -> Mount:
    prefix = prefix_of(name, source)
    if is_web(source):
        return _web(name, prefix, source, settings, data, documents)
    address = s3_address(source.url)
    if address is not None:
        return Mount(name=name, prefix=prefix, store=s3_objects(address, settings, data.own / SPOOL))
    folder = folder_of(source.url)
    if folder is None or not folder.is_dir():
        raise SettingsError(f"sources.{name}.url: expected a folder that is there, received {folder}.")
    # Our notes on its files lie with us: nothing is written into a source.
    return Mount(name=name, prefix=prefix, store=folder_objects(folder, data.own / NOTES / name, threads=4))


def _web(
    name: str, prefix: str, source: SourceSettings, settings: Settings, data: DataFolder, documents: ObjectStore
) -> Mount:
    """Return a source on web servers; the HTTP client is imported here, where a setting asks for it."""
    from imagemill.object_store.https.addresses import AddressPolicy, private_network
    from imagemill.object_store.https.dialer import Dialer, Resolver
    from imagemill.object_store.https.fetch import Bounds, Fetcher
    from imagemill.object_store.https.seen import SeenBook
    from imagemill.object_store.https.store import HttpsStore

    reach = reach_of(source)
    resolver = Resolver()
    dialer = Dialer(AddressPolicy([private_network(text) for text in source.allow_private]), resolver)
    bounds = Bounds(
        seconds=source.seconds,
        idle_seconds=source.idle_seconds,
        max_bytes=source.max_bytes or settings.limits.upload_bytes,
    )
    scratch = data.own / SPOOL
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = HttpsStore(
        Fetcher(reach, dialer, bounds, scratch, trust_of(name, source)),
        reach,
        SeenBook(documents, f"{DOCUMENTS}/{name}"),
        recheck=settings.originals.recheck,
        on_close=resolver.close,
    )
    return Mount(name=name, prefix=prefix, store=store, listed=False, takes=reach.takes if source.hosts else None)


def _refusing(mounts: Sequence[Mount]) -> Iterator[Mount]:
    """Yield what answers for the addresses that no source lists: the first web source says why not.

    Without a source of whole addresses there is none: then a key that looks like one is a key like any other.
    """
    from imagemill.object_store.https.location import looks_like_url

    for mount in mounts:
        if mount.takes is not None:
            yield replace(mount, prefix="", takes=looks_like_url)
            return


def event_places(settings: Settings) -> tuple[Place, ...]:
    """Return the buckets of which we read originals, and which part of each is ours."""
    variants = s3_address(settings.variants.url)
    urls = [("", settings.originals.url)]
    urls += [(prefix_of(name, source), source.url) for name, source in settings.attached.items()]
    found = []
    for prefix, url in urls:
        address = s3_address(url)
        if address is not None:
            ours = [address.below(f"{OWN_FOLDER}/").prefix]
            if variants is not None and variants.bucket == address.bucket and variants.prefix:
                ours.append(variants.prefix)
            found.append(Place(address.bucket, address.prefix, prefix, tuple(ours)))
    return tuple(found)


def remote_keys(store: ObjectStore) -> Callable[[str], bool] | None:
    """Return what says of a key whether a web server would be asked for it; None where there is no such source."""
    if not isinstance(store, JoinedStore) or all(mount.listed for mount in store.sources):
        return None

    def is_remote(key: str) -> bool:
        source = store.source_of(key)
        return source is not None and not source.listed

    return is_remote


def trust_of(name: str, source: SourceSettings) -> ssl.SSLContext | None:
    """Return the authorities that a source trusts, None for the system's; raise SettingsError."""
    if not source.ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=source.ca_file)
    except (OSError, ssl.SSLError) as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(
            f"sources.{name}.ca_file: expected a PEM file, received {Path(source.ca_file)}: {why}."
        ) from None
