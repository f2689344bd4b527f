"""XMP: properties in RDF/XML, read within bounds and written anew (ISO 16684-1, Adobe XMP specification part 1).

The XML parser is expat, told that the text is UTF-8. A document type, and with it every entity that could be defined,
ends the reading (threat D13: XXE, a billion laughs), as do too many or too deep elements; what came before is dropped
as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from xml.parsers import expat  # no document type, no entities, bounded in depth and number: see above

MAX_PACKET = 1024 * 1024
MAX_DEPTH = 24
MAX_ELEMENTS = 4000
MAX_TEXT = 512 * 1024
"""Characters of all texts together."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
DC = "http://purl.org/dc/elements/1.1/"
XMP = "http://ns.adobe.com/xap/1.0/"
XMP_RIGHTS = "http://ns.adobe.com/xap/1.0/rights/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
PLUS = "http://ns.useplus.org/ldf/xmp/1.0/"
TIFF = "http://ns.adobe.com/tiff/1.0/"
EXIF = "http://ns.adobe.com/exif/1.0/"
CREATIVE_COMMONS = "http://creativecommons.org/ns#"

PREFIXES = {
    DC: "dc",
    XMP: "xmp",
    XMP_RIGHTS: "xmpRights",
    PHOTOSHOP: "photoshop",
    IPTC_CORE: "Iptc4xmpCore",
    IPTC_EXT: "Iptc4xmpExt",
    PLUS: "plus",
    TIFF: "tiff",
    EXIF: "exif",
    CREATIVE_COMMONS: "cc",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/xap/1.0/sType/ResourceRef#": "stRef",
    "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#": "stEvt",
    "http://ns.adobe.com/camera-raw-settings/1.0/": "crs",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
}
"""Prefixes that everyone writes; others are taken from the packet where they are plain names."""

_RESERVED = frozenset(("rdf", "x", "xml", "xmlns"))
_SEPARATOR = "\x1f"
_PREFIX = re.compile(r"(?!(?i:xml)|other)[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_NAMESPACE = re.compile(r"[!-~]{1,300}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")

Name = tuple[str, str]
"""Namespace and local name."""


@dataclass(slots=True)
class Array:
    """Several values: `Bag`, `Seq` or `Alt`; `languages` stand beside the items of a text in several languages."""

    kind: str
    items: list[Value] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)


Struct = dict[Name, "Value"]
Value = str | Array | Struct


@dataclass(frozen=True, slots=True)
class Xmp:
    """The properties of a packet, and the prefixes it uses for their namespaces."""

    properties: Mapping[Name, Value] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)

    def prefix(self, namespace: str) -> str:
        """Return the usual prefix of a namespace, the packet's own, or `ns`."""
        return PREFIXES.get(namespace) or self.prefixes.get(namespace, "ns")


class _Unsound(Exception):
    """The packet is none that we read."""


@dataclass(slots=True)
class _Element:
    name: Name
    attributes: dict[Name, str]
    children: list[_Element] = field(default_factory=list)
    text: str = ""


def read_xmp(packet: bytes) -> Xmp:
    """Return the properties of a packet; an unsound one has none."""
    if not 0 < len(packet) <= MAX_PACKET:
        return Xmp()
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        packet = packet.decode("utf-16", "replace").encode("utf-8")
    builder = _Builder()
    try:
        builder.parser.Parse(packet.strip(b"\0 \r\n\t"), True)
    except (expat.ExpatError, _Unsound, ValueError):
        return Xmp()
    properties: dict[Name, Value] = {}
    for rdf in _found(builder.root, (RDF, "RDF")):
        for description in rdf.children:
            if description.name == (RDF, "Description"):
                for name, value in _struct(description).items():
                    properties.setdefault(name, value)
    return Xmp(properties, builder.prefixes)


class _Builder:
    """Builds a bounded tree out of expat's events."""

    def __init__(self) -> None:
        self.root = _Element(("", ""), {})
        self.prefixes: dict[str, str] = {}
        self._open = [self.root]
        self._elements = 0
        self._characters = 0
        self.parser = expat.ParserCreate("utf-8", _SEPARATOR)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartNamespaceDeclHandler = self._namespace
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_what: object) -> None:
        raise _Unsound

    def _namespace(self, prefix: str | None, namespace: str) -> None:
        if prefix and _PREFIX.fullmatch(prefix) and len(self.prefixes) < 200:
            self.prefixes.setdefault(namespace, prefix)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._characters += sum(map(len, attributes.values()))
        if len(self._open) > MAX_DEPTH or self._elements > MAX_ELEMENTS or self._characters > MAX_TEXT:
            raise _Unsound
        element = _Element(_name(name), {_name(one): text for one, text in attributes.items()})
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > MAX_TEXT:
            raise _Unsound
        self._open[-1].text += text


def _name(text: str) -> Name:
    namespace, found, local = text.rpartition(_SEPARATOR)
    return (namespace, local) if found else ("", text)


def _found(element: _Element, name: Name) -> list[_Element]:
    """Return the elements of a name that stand at most two levels down (`x:xmpmeta/rdf:RDF`, or bare)."""
    near = [*element.children, *(inner for child in element.children for inner in child.children)]
    return [one for one in near if one.name == name]


def _ours(name: Name) -> bool:
    """Whether a name is a property's: written plainly, in a namespace that is not RDF's or XML's."""
    namespace, local = name
    return namespace not in (RDF, XML) and bool(_NAMESPACE.fullmatch(namespace) and _LOCAL.fullmatch(local))


def _struct(element: _Element) -> Struct:
    """Return the properties that an element holds as attributes and as children."""
    found: Struct = {name: text for name, text in element.attributes.items() if _ours(name)}
    for child in element.children:
        if _ours(child.name):
            found.setdefault(child.name, _value(child))
    return found


def _value(element: _Element) -> Value:
    """Return the value of a property element (section 7.4 to 7.9)."""
    for child in element.children:
        if child.name in ((RDF, "Bag"), (RDF, "Seq"), (RDF, "Alt")):
            return _array(child)
        if child.name == (RDF, "Description"):
            return _unqualified(child)
    resource = element.attributes.get((RDF, "resource"))
    if resource is not None:
        return resource.strip()
    if element.children or any(map(_ours, element.attributes)):
        return _unqualified(element)
    return element.text.strip()


def _unqualified(element: _Element) -> Value:
    """Return a struct, or of a value with qualifiers the value alone (`rdf:value`)."""
    for child in element.children:
        if child.name == (RDF, "value"):
            return _value(child)
    return element.attributes.get((RDF, "value")) or _struct(element)


def _array(element: _Element) -> Array:
    array = Array(element.name[1])
    for item in element.children:
        if item.name == (RDF, "li"):
            language = item.attributes.get((XML, "lang"), "")
            array.items.append(_value(item))
            array.languages.append(language if _LANGUAGE.fullmatch(language) else "")
    return array


# --- writing -------------------------------------------------------------------------------------------------------


def write_xmp(xmp: Xmp) -> bytes:
    """Return a packet of these properties in UTF-8, without room to be edited in place; empty where there are none."""
    if not xmp.properties:
        return b""
    writer = _Writer(xmp)
    body = writer.struct(xmp.properties)
    declared = "".join(f' xmlns:{prefix}="{escape(space)}"' for space, prefix in writer.prefixes.items())
    text = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about=""{declared}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="r"?>'
    )
    return text.encode("utf-8", "ignore")


class _Writer:
    """Writes values, and remembers which namespaces they need; no two have one prefix."""

    def __init__(self, xmp: Xmp) -> None:
        self._xmp = xmp
        self.prefixes: dict[str, str] = {}

    def struct(self, properties: Mapping[Name, Value]) -> str:
        """Return properties as elements."""
        return "".join(self._element(self._named(name), value) for name, value in properties.items())

    def _named(self, name: Name) -> str:
        namespace, local = name
        prefix = self.prefixes.get(namespace)
        if prefix is None:
            prefix = self._xmp.prefix(namespace)
            if prefix in _RESERVED or prefix in self.prefixes.values():
                prefix = f"other{len(self.prefixes)}"
            self.prefixes[namespace] = prefix
        return f"{prefix}:{local}"

    def _element(self, name: str, value: Value, language: str = "") -> str:
        attribute = f' xml:lang="{language}"' if language else ""
        if isinstance(value, Array):
            items = "".join(
                self._element("rdf:li", item, lang) for item, lang in zip(value.items, value.languages, strict=True)
            )
            return f"<{name}{attribute}><rdf:{value.kind}>{items}</rdf:{value.kind}></{name}>"
        if isinstance(value, str):
            return f"<{name}{attribute}>{escape(_xml_text(value))}</{name}>"
        return f'<{name}{attribute} rdf:parseType="Resource">{self.struct(value)}</{name}>'


def _xml_text(text: str) -> str:
    """Return `text` without the characters that XML 1.0 cannot hold (section 2.2)."""
    return "".join(c for c in text if (c >= " " and c not in "\ufffe\uffff") or c in "\t\n")
