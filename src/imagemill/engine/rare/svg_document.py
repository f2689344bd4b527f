"""An SVG read by ourselves before the renderer sees it, and written anew without what no picture needs.

The renderer (librsvg) never gets a stranger's bytes. They are parsed here with expat, which resolves nothing, under
limits of our own; what is passed on is UTF-8 without document type, processing instructions, scripts, event handlers,
embedded pages, animations and references that leave the file. So two parsers cannot disagree about a document, and an
SVG costs what its limits say (threats D9, D12, D13). Pure: no decoder is imported.

It is written into a root of our own of the wanted size, so a vector is drawn at exactly the resolution asked for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes
from xml.parsers import expat

from imagemill.engine.claims import damaged
from imagemill.engine.geometry import Box
from imagemill.engine.rare.svg_cost import Node, drawn_elements
from imagemill.engine.rare.svg_size import Nominal, nominal_size
from imagemill.engine.rare.svg_style import MOST_NESTED, nesting, plain, references, within_file
from imagemill.errors import Unprocessable

MOST_BYTES = 1024 * 1024
MOST_ELEMENTS = 50_000
MOST_DEPTH = 200
MOST_ATTRIBUTES = 200
MOST_DRAWN = 100_000
"""Elements drawn, counting each as often as it is used; a renderer does about 100 000 a second."""
MOST_EMBEDDED_PIXELS = 16_000_000
"""Pixels of all pictures inside the document together."""

_DROPPED = frozenset(
    (
        *("script", "foreignobject", "iframe", "object", "embed", "audio", "video", "canvas", "handler", "listener"),
        *("include", "fallback", "animate", "animatetransform", "animatemotion", "animatecolor", "set", "discard"),
        *("metadata", "title", "desc", "base", "link", "meta"),
    )
)
"""Elements left out with all they hold, by their name without a prefix, in lower case."""

_EMBEDDED = frozenset(("png", "jpeg", "gif", "webp"))
_DATA = re.compile(r"data:image/[a-z+.-]+(?:;[a-z0-9=+.-]+)*?(;base64)?,", re.IGNORECASE)
_IN_ATTRIBUTES = str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"})
_CONTROL = re.compile(r"[\x00-\x20]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be drawn: `width` and `height` are its nominal size in whole pixels, at least 1."""

    width: int
    height: int
    _nominal: Nominal
    _root: str
    _attributes: Mapping[str, str]
    _content: str

    def at(self, width: int, height: int, part: Box | None = None) -> bytes:
        """Return it as UTF-8 that draws `part` (whole pixels of the nominal size; all of it) in `width` × `height`.

        It stands inside a root of our own, which shows the part, so that nothing it says of its own size counts.
        """
        across, down = self._nominal.width / self.width, self._nominal.height / self.height
        part = part or Box(0, 0, self.width, self.height)
        shown = (part.left * across, part.top * down, part.width * across, part.height * down)
        own = {
            "width": _number(self._nominal.width),
            "height": _number(self._nominal.height),
            "viewBox": " ".join(map(_number, self._nominal.view_box)),
            "style": _fixed(
                self._attributes.get("style", ""), *map(_number, (self._nominal.width, self._nominal.height))
            ),
        }
        outer = {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(width),
            "height": str(height),
            "viewBox": " ".join(map(_number, shown)),
            "preserveAspectRatio": "none",
            "style": _fixed("", str(width), str(height)),
        }
        inner = f"<{self._root}{_attributes({**self._attributes, **own})}>{self._content}</{self._root}>"
        return f"<svg{_attributes(outer)}>{inner}</svg>".encode()


def _fixed(style: str, width: str, height: str) -> str:
    """A style that a sheet cannot outrank: it may size roots as well."""
    return f"{style};width:{width}px !important;height:{height}px !important".lstrip(";")


def _number(value: float) -> str:
    return f"{value:.9g}"


def read_svg(data: memoryview | bytes) -> Document:
    """Read and clean a whole file.

    Raises Unprocessable: `damaged` where it is no well-formed SVG, `too_complex` over one of the limits above and for a
    document type that declares entities.
    """
    if len(data) > MOST_BYTES:
        raise _too_complex(f"The SVG has {len(data)} bytes; at most {MOST_BYTES} are read")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _refuse_entities
    parser.UnparsedEntityDeclHandler = _refuse_entities
    parser.ExternalEntityRefHandler = _refuse_entities
    try:
        parser.Parse(bytes(data), True)
    except expat.ExpatError as error:
        raise damaged(f"the SVG is not well-formed in line {error.lineno}") from None
    except (LookupError, ValueError, OSError):  # the last where a confined worker cannot load a codec
        raise damaged("the SVG names a text encoding that is not read") from None
    return reader.document()


def _too_complex(sentence: str) -> Unprocessable:
    return Unprocessable(f"{sentence}.", code="too_complex")


def _refuse_entities(*_: object) -> int:
    """A handler that ends the reading: entities expand without bound and can name files (D9, D13)."""
    raise _too_complex("The SVG declares entities, which are not read; save it without them")


class _Reader:
    """Takes expat's events; keeps what is passed on, and the graph of what is drawn."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._nodes: list[Node] = []
        self._names: dict[str, int] = {}
        self._path: list[int] = []
        self._depth = 0
        self._elements = 0
        self._skipped_from = 0
        self._style: list[str] | None = None
        self._embedded_pixels = 0
        self._root = ""
        self._root_attributes: dict[str, str] = {}
        self._nominal: Nominal | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        self._depth += 1
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise _too_complex(f"The SVG has more than {MOST_ELEMENTS} elements")
        if self._depth > MOST_DEPTH:
            raise _too_complex(f"The elements of the SVG are nested deeper than {MOST_DEPTH}")
        if len(attributes) > MOST_ATTRIBUTES:
            raise _too_complex(f"An element of the SVG has more than {MOST_ATTRIBUTES} attributes")
        if self._skipped_from:
            return
        local = name.rpartition(":")[2].lower()
        if self._depth > 1 and local in _DROPPED:
            self._skipped_from = self._depth
            return
        plain_attributes = ((key, plain(value)) for key, value in attributes.items())
        kept = {key: value for key, value in plain_attributes if self._keeps(key, value)}
        self._remember(kept)
        if self._depth == 1:
            self._open_root(name, local, kept)
            return
        if local == "style":
            self._style = []
        self._out.append(f"<{name}{_attributes(kept)}>")

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if self._skipped_from:
            if self._skipped_from == self._depth:
                self._skipped_from = 0
        else:
            self._path.pop()
            if self._style is not None and name.rpartition(":")[2].lower() == "style":
                self._out.append(_escaped(_sheet("".join(self._style))))
                self._style = None
            if self._depth > 1:
                self._out.append(f"</{name}>")
        self._depth -= 1

    def text(self, text: str) -> None:
        """Take text; that of a style sheet waits for its end, where it loses what leaves the file."""
        if self._skipped_from:
            return
        if self._style is not None:
            self._style.append(text)
        else:
            self._out.append(_escaped(text))

    def document(self) -> Document:
        """Return what was read, where it may be drawn."""
        if self._nominal is None:
            raise damaged("the SVG has no root element")
        if drawn_elements(self._nodes, self._names, MOST_DRAWN) > MOST_DRAWN:
            raise _too_complex(f"The SVG draws more than {MOST_DRAWN} elements, as it uses some of them many times")
        width, height = self._nominal.width, self._nominal.height
        return Document(
            max(1, int(width + 0.5)),
            max(1, int(height + 0.5)),
            self._nominal,
            self._root,
            self._root_attributes,
            "".join(self._out),
        )

    def _open_root(self, name: str, local: str, attributes: dict[str, str]) -> None:
        if local != "svg":
            raise damaged("the first element of the SVG is another one")
        self._root = name
        self._root_attributes = {key: value for key, value in attributes.items() if key not in ("x", "y")}
        self._nominal = nominal_size(attributes)

    def _remember(self, attributes: dict[str, str]) -> None:
        """Add the element to the graph of what is drawn."""
        index = len(self._nodes)
        names = [value[1:] for key, value in attributes.items() if _is_link(key) and value.startswith("#")]
        for value in attributes.values():
            names += [target[1:].strip() for target in references(value)]
        self._nodes.append(Node(references=names))
        if self._path:
            self._nodes[self._path[-1]].children.append(index)
        self._path.append(index)
        if "id" in attributes:
            self._names.setdefault(attributes["id"], index)

    def _keeps(self, name: str, value: str) -> bool:
        """Whether an attribute is passed on: no event handlers, and no reference that leaves the file."""
        local = name.rpartition(":")[2].lower()
        if local.startswith("on") or name.lower() == "xml:base" or local == "src":
            return False
        if _is_link(name):
            return value.startswith("#") or self._is_picture(value)
        return all(target.lstrip().startswith("#") for target in references(value))

    def _is_picture(self, value: str) -> bool:
        """Whether a link is a small picture inside the document."""
        # Both are loaded whenever this module is used; importing them above would be a circle.
        from imagemill.engine.limits import Limits
        from imagemill.engine.sniff import HEAD_BYTES, recognise
        from imagemill.engine.structure import examine

        found = _DATA.match(value)
        if found is None:
            return False
        body = _CONTROL.sub("", value[found.end() :])
        try:
            data = base64.b64decode(unquote_to_bytes(body), validate=True) if found[1] else unquote_to_bytes(body)
        except (binascii.Error, ValueError):
            return False
        kind = recognise(data[:HEAD_BYTES])
        if kind not in _EMBEDDED:
            return False
        limits = Limits(pixels_streaming=MOST_EMBEDDED_PIXELS, pixels_whole=MOST_EMBEDDED_PIXELS)
        size = examine(memoryview(data), kind, limits)
        self._embedded_pixels += size.width * size.height
        if self._embedded_pixels > MOST_EMBEDDED_PIXELS:
            raise _too_complex(f"The pictures inside the SVG have more than {MOST_EMBEDDED_PIXELS // 10**6} megapixels")
        return True


def _sheet(text: str) -> str:
    """A style sheet as it is passed on."""
    if nesting(text) > MOST_NESTED:
        raise _too_complex(f"The brackets in the style sheet of the SVG are nested deeper than {MOST_NESTED}")
    return within_file(text)


def _is_link(name: str) -> bool:
    """Whether an attribute is `href`, in whatever namespace."""
    return name.rpartition(":")[2].lower() == "href"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attributes(pairs: Mapping[str, str]) -> str:
    """Attributes as text; line breaks and the like by number, or a parser would make spaces of them."""
    return "".join(f' {name}="{_escaped(value).translate(_IN_ATTRIBUTES)}"' for name, value in pairs.items())
