"""The sample photos of `make demo`, and the addresses worth a click.

Separate from the server: it only puts files into a folder before the server looks at it, as a user would. Where each
photo comes from, and under which licence, stands in `LICENSES.md` beside this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from imagemill.object_store.naming import RESERVED

PHOTOS = Path(__file__).with_name("photos")

_LEFT_BY_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "lost+found"})
"""What file managers and file systems leave in a folder; it does not make the folder somebody's own."""


class Link(NamedTuple):
    """An address to click and what one will see there."""

    caption: str
    url: str


def sample_keys() -> tuple[str, ...]:
    """Return the keys of the shipped pictures, in byte order."""
    return tuple(sorted(file.name for file in PHOTOS.iterdir()))


def prepare(data: Path) -> None:
    """Put the sample photos that are missing into the folder `data`, which is created if it has to be.

    A folder that holds anything but samples and Imagemill's own files belongs to its user: nothing is added there, so
    `make demo DATA=~/Pictures` shows those pictures and leaves them alone. No existing file is ever written to.
    Raises OSError where the folder cannot be read or written.
    """
    data.mkdir(parents=True, exist_ok=True)
    ours = RESERVED | _LEFT_BY_SYSTEMS | frozenset(sample_keys())
    if any(entry.name not in ours for entry in data.iterdir()):
        return
    for photo in PHOTOS.iterdir():
        if not (data / photo.name).exists():
            _place(photo, data)


def _place(photo: Path, data: Path) -> None:
    """Copy `photo` so that a half-written copy never has its name, whenever we are interrupted."""
    own = data / ".imagemill"
    own.mkdir(exist_ok=True)
    unfinished = own / f"sample-{photo.name}"
    unfinished.write_bytes(photo.read_bytes())
    unfinished.replace(data / photo.name)


def links(base_url: str) -> list[Link]:
    """Return the addresses worth a click on a server at `base_url` whose folder holds the samples."""
    base = base_url.rstrip("/")
    logo = "wm=windmill.png,wmscale=20p,wmpos=nw"
    return [
        Link("One photo, 480 pixels wide, in the best format your browser knows", f"{base}/img/w=480/coffee.png"),
        Link("The same as AVIF; try fm=webp and fm=jpeg too", f"{base}/img/w=480,fm=avif/coffee.png"),
        Link("A banner that keeps the face", f"{base}/img/480x200,g=attention/astronaut.jpg"),
        Link("A round portrait, clear around it", f"{base}/img/300x300,g=attention,mask=circle/chelsea.png"),
        Link("An animated GIF, as WebP", f"{base}/img/w=320,fm=webp/mill.gif"),
        Link("Words and a logo", f"{base}/img/w=640,text=Lift-off,textcolor=white,textsize=64,{logo}/rocket.jpg"),
        Link("Two colours, tilted", f"{base}/img/w=480,duotone=1b1464:ffd166,rot=-6,bg=fff8e0/astronaut.jpg"),
        Link("What is known of a picture: size, colours, placeholders", f"{base}/info/hubble.jpg"),
    ]
