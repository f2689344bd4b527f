"""The native dialect, read: `/img/<options>/<key>?s=…&exp=…&kid=…&v=…` (contract, "Delivery").

The raw path is split on `/` first and each segment percent-decoded once, as strict UTF-8: so `%2F` is never a separator
and nothing is decoded twice (threats K1, C3). `+` is a plus. Query parameters of others are ignored and never part of a
key (A5); ours may stand once. What a signature is made of (`s`, `exp`, `kid`) is only read here, and judged where a
signature is needed: there every wrong one gets the same answer (threat G1).
"""

from __future__ import annotations

from collections.abc import Iterator

from imagemill.dialects.values import ImageRequest, InfoRequest
from imagemill.errors import Fault, InvalidRequest, shown
from imagemill.object_store.naming import bad_key, decode_key
from imagemill.recipe.options import BY_NAME, Asked, parse_options
from imagemill.recipe.options.reading import NOTHING

MOUNT = "img"
_MOUNT = MOUNT.encode()
MAX_VERSION = 256
"""Characters of `v`; an honest one has 12."""
_PARAMETERS = frozenset({"s", "exp", "kid", "v"})
_HEX = frozenset(b"0123456789abcdefABCDEF")


def parse_url(raw_path: bytes, query: bytes = b"") -> ImageRequest:
    """Return what `raw_path` (as received, from `/img/` on) and `query` (without `?`) ask for.

    Raises InvalidRequest: `bad_option` with every fault, `missing_options`, `bad_key`, `bad_parameter`.
    """
    segments = raw_path.split(b"/", 3)
    if len(segments) < 3 or segments[0] or segments[1] != _MOUNT:
        raise InvalidRequest(f"The path of an image was expected: /{MOUNT}/<options>/<key>.", code="bad_path")
    options_text = _options_text(segments[2])
    rest = segments[3] if len(segments) > 3 else None
    asked = _asked(options_text, rest, query)
    key = decode_key(_decoded_key(rest or b""))
    if not query:
        return ImageRequest(options_text=options_text, asked=asked, key=key)
    given = _parameters(query)
    return ImageRequest(
        options_text=options_text,
        asked=asked,
        key=key,
        v=given.get("v"),
        signature=given.get("s"),
        expires=given.get("exp"),
        kid=given.get("kid"),
    )


def parse_info_url(raw_path: bytes, query: bytes = b"") -> InfoRequest:
    """Return what `raw_path` (as received, from `/info/` on) asks for; raises as `parse_url` does for its key."""
    key = decode_key(_decoded_key(raw_path.removeprefix(b"/info/")))
    given = _parameters(query) if query else {}
    return InfoRequest(
        key=key, v=given.get("v"), signature=given.get("s"), expires=given.get("exp"), kid=given.get("kid")
    )


def percent_decoded(raw: bytes) -> str:
    """Return `raw` percent-decoded once as strict UTF-8; ValueError for a broken escape or other bytes."""
    if b"%" not in raw:
        return raw.decode("utf-8")
    first, *parts = raw.split(b"%")
    decoded = bytearray(first)
    for part in parts:
        if len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX:
            raise ValueError(raw)
        decoded.append(int(part[:2], 16))
        decoded += part[2:]
    return decoded.decode("utf-8")


def _options_text(raw: bytes) -> str:
    try:
        return percent_decoded(raw)
    except ValueError:
        fault = Fault("options", "percent-escapes of UTF-8", _as_received(raw))
        raise InvalidRequest(
            f"The options “{_as_received(raw)}” are not percent-encoded UTF-8.", code="bad_option", faults=(fault,)
        ) from None


def _as_received(raw: bytes) -> str:
    return shown(raw[:128].decode("ascii", "backslashreplace"))


def _asked(options_text: str, rest: bytes | None, query: bytes) -> Asked:
    """Parse the options; a first segment that is none, but looks like a key, gets the URL that was probably meant."""
    if rest is None or not _looks_like_options(options_text):
        raise _missing_options(options_text, rest, query)
    return parse_options(options_text)


def _looks_like_options(text: str) -> bool:
    """Whether someone meant `text` as an option list, right or wrong."""
    first = text.replace("&", ",").split(",", 1)[0]
    if text == "_" or "=" in text or first in BY_NAME:
        return True
    width, x, height = first.partition("x")
    return bool(x) and (width + height).isdecimal()


def _missing_options(options_text: str, rest: bytes | None, query: bytes) -> InvalidRequest:
    if _looks_like_options(options_text):
        return InvalidRequest(
            f"There is no key after the options “{shown(options_text)}”: /{MOUNT}/<options>/<key> was expected.",
            code="bad_key",
        )
    try:
        key = decode_key("/".join([options_text, _decoded_key(rest)] if rest else [options_text]))
    except InvalidRequest:
        meant = ""
    else:
        meant = f" Did you mean “/{MOUNT}/{shown(_options_in(query))}/{shown(key)}”?"
    fault = Fault("options", "_ for none, or a list such as w=300,h=200", shown(options_text))
    return InvalidRequest(
        f"The options are missing: /{MOUNT}/<options>/<key> was expected, and “{shown(options_text)}” is no list of"
        f" options.{meant}",
        code="missing_options",
        faults=(fault,),
    )


def _options_in(query: bytes) -> str:
    """Return the options that somebody wrote behind the key (`?w=300&h=200`, as others want them), `_` for none."""
    pairs = (pair.partition(b"=") for pair in query[:512].split(b"&"))
    named = [(name, value) for name, equals, value in pairs if equals and name.decode("latin-1") in BY_NAME]
    try:
        text = ",".join(f"{name.decode()}={percent_decoded(value)}" for name, value in named)
        parse_options(text)
    except (ValueError, InvalidRequest):
        return NOTHING
    return text


def _decoded_key(raw: bytes) -> str:
    """Return the key's text; leading slashes are `decode_key`'s to drop."""
    if b"%" not in raw:
        try:
            return raw.decode("utf-8")
        except ValueError:
            raise bad_key(_as_received(raw), "is not UTF-8") from None
    segments: list[str] = []
    for segment in raw.split(b"/"):
        try:
            decoded = percent_decoded(segment)
        except ValueError:
            raise bad_key(_as_received(raw), "is not percent-encoded UTF-8") from None
        if "/" in decoded:
            raise bad_key(
                _as_received(raw), "has an encoded slash (%2F), which separates nothing and is no part of a name"
            )
        segments.append(decoded)
    return "/".join(segments)


# --- query ---------------------------------------------------------------------------------------------------------


def _parameters(query: bytes) -> dict[str, str]:
    """Return our parameters; names may be percent-encoded too, so that no spelling hides a second one."""
    given: dict[str, str] = {}
    for name, raw in _pairs(query):
        if name in given:
            raise _bad_parameter(name, "to be given once", "twice")
        try:
            value = percent_decoded(raw)
        except ValueError:
            raise _bad_parameter(name, "percent-encoded UTF-8", _as_received(raw)) from None
        if name == "v" and (len(value) > MAX_VERSION or not value.isprintable()):
            raise _bad_parameter(name, f"at most {MAX_VERSION} printable characters", shown(value))
        given[name] = value
    return given


def _pairs(query: bytes) -> Iterator[tuple[str, bytes]]:
    for pair in query.split(b"&"):
        if not pair:
            continue
        raw_name, _, value = pair.partition(b"=")
        if len(raw_name) > 9:  # three letters, each percent-encoded
            continue
        try:
            name = percent_decoded(raw_name)
        except ValueError:
            continue
        if name in _PARAMETERS:
            yield name, value


def _bad_parameter(name: str, expected: str, received: str) -> InvalidRequest:
    fault = Fault(name, expected, received)
    return InvalidRequest(f"The query parameter {fault}.", code="bad_parameter", faults=(fault,))
