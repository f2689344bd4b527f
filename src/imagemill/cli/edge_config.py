"""`imagemill edge-config`: the configuration of what stands in front: nginx, Varnish, or CloudFront's function."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imagemill.cli.flags import ConfigFlag, DataFlag
from imagemill.cli.words import say
from imagemill.errors import ImagemillError

if TYPE_CHECKING:  # read when the command runs
    from imagemill.edge_config.facts import Facts
    from imagemill.settings import Settings


class Kind(StrEnum):
    """What may stand in front."""

    NGINX = "nginx"
    VARNISH = "varnish"
    CLOUDFRONT = "cloudfront"


class CannotWrite(ImagemillError):
    """The output file cannot be written."""

    code = "cannot_write"


def edge_config(
    kind: Annotated[Kind, typer.Argument(metavar="FRONT", help="What stands in front.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write to this file, all at once. Default: stdout.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[int, typer.Option(help="Port that nginx listens on.", min=1, max=65535, metavar="PORT")] = 80,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Where Imagemill is; once for each node. Default: server.host and server.port.",
            show_default=False,
        ),
    ] = None,
    control: Annotated[bool, typer.Option("--control", help="Let the control API and its docs through too.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="CloudFront's function where it demands signed URLs or cookies itself.")
    ] = False,
    data: DataFlag = None,
    config: ConfigFlag = None,
) -> None:
    """Write the configuration of nginx or Varnish, or the function of CloudFront, from the settings of this platform.

    nginx serves kept variants as files where they lie on its machine, else from a cache of its own; Varnish from its
    cache. Both ask Imagemill for the rest, and for every picture that is private. CloudFront's function names the
    variant's object in the bucket where it is sure. Write it again after a change of the settings.

    Examples:
      imagemill edge-config nginx --data ~/Pictures > /etc/nginx/conf.d/imagemill.conf
      imagemill edge-config varnish --origin 10.0.0.5:8080 --origin 10.0.0.6:8080 -o /etc/varnish/default.vcl
      imagemill edge-config cloudfront -o viewer-request.js

    """
    from imagemill.assembly import SITE
    from imagemill.edge_config.cloudfront import static_reasons
    from imagemill.edge_config.facts import facts_of
    from imagemill.settings import Settings
    from imagemill.settings.values import folder_of

    settings = Settings.load({"data.dir": data, "config": config})
    facts = facts_of(
        settings.server,
        settings.delivery,
        settings.sizes,
        settings.limits,
        settings.cdn,
        kind=kind.value,
        folder=variants_folder(settings),
        site=SITE,
        listen=listen,
        cache_folder=folder_of(settings.cdn.url) if settings.cdn.url.startswith("file:") else None,
        origins=tuple(origin or ()),
        control=control,
    )
    text = _text(kind, facts, private=private)
    if output is None:
        print(text, end="")
    else:
        _write(output, text, secret=bool(facts.secret))
    if kind is Kind.CLOUDFRONT:
        for reason in static_reasons(facts, key_group=private):
            say(f"imagemill: nothing is static at this edge. {reason}")
    elif not settings.server.trusted_proxies:
        say(
            "imagemill: server.trusted_proxies is empty: all who come through it would count as one client. "
            f'Set it to the address of {kind.value}, such as ["127.0.0.1"].'
        )


def _text(kind: Kind, facts: Facts, *, private: bool) -> str:
    from imagemill.edge_config.cloudfront import cloudfront_function
    from imagemill.edge_config.nginx import nginx_config
    from imagemill.edge_config.varnish import varnish_config

    if kind is Kind.CLOUDFRONT:
        return cloudfront_function(facts, private=private)
    return nginx_config(facts) if kind is Kind.NGINX else varnish_config(facts)


def variants_folder(settings: Settings) -> Path | None:
    """Return where all sites' kept variants lie on this machine, None where they are elsewhere or in memory.

    As the assembly finds it, but without holding anything: the server may run meanwhile.
    """
    from imagemill.settings import OWN_FOLDER
    from imagemill.settings.values import folder_of

    if settings.variants.url:
        return folder_of(settings.variants.url)
    root = folder_of(settings.originals.url)
    if settings.originals.url and root is None:
        return None  # in memory, or in a bucket, where the variants are too
    beside = settings.data if root is None else root
    own = beside / OWN_FOLDER
    if beside != settings.data and not os.access(own if own.is_dir() else beside, os.W_OK):
        own = settings.data / OWN_FOLDER
    return own / "variants"


def _write(output: Path, text: str, *, secret: bool) -> None:
    """Replace the file in one step: a server that is started meanwhile must not read half of it.

    A file that was there keeps its group and its mode. A new one with the `secret` of purges in it is for its owner and
    group: Debian's Varnish reads it as the group `varnish`.
    """
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        beside.touch(mode=0o640 if secret else 0o644)
        beside.write_text(text, encoding="utf-8")
        if output.is_file():
            before = output.stat()
            if before.st_gid != beside.stat().st_gid:
                os.chown(beside, -1, before.st_gid)
            beside.chmod(before.st_mode & 0o777)
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CannotWrite(f"{output} cannot be written: {error.strerror}.") from None
