"""JSON from strangers (threat H6, K5): 1 MiB, 32 deep, numbers of 20 digits, no name twice, no NaN, no unknown name,
no half of a character.

Separate from the resources: each names the Struct it expects and gets one, or the caller gets a 400 that says where.
The standard parser is used because it shows every pair and number to us; msgspec then checks the types.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec
from starlette.requests import Request

from imagemill.control.body import read, unsupported_media
from imagemill.errors import InvalidRequest, shown

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 20
MEDIA_TYPES = ("application/json", "application/merge-patch+json")

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
T = TypeVar("T", bound=msgspec.Struct)


async def read_json(request: Request, type_: type[T], pause: float) -> T:
    """Return the body as a `type_` (a strict Struct); raise InvalidRequest (`bad_json`, `invalid_body`) or 415."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in MEDIA_TYPES:
        raise unsupported_media(f"The body is “{shown(media)}”; application/json was expected.")
    return decode_json(await read(request, MAX_BYTES, pause), type_)


def decode_json(data: bytes, type_: type[T]) -> T:
    """Return `data` as a `type_`; raise InvalidRequest (`bad_json`, `invalid_body`)."""
    value = decode_any(data)
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        words = "".join(one if one.isprintable() else "?" for one in str(error))
        raise InvalidRequest(f"The body does not fit: {words[:300]}.", code="invalid_body") from None


def decode_any(data: bytes) -> Any:
    """Return whatever JSON `data` is; raise InvalidRequest (`bad_json`)."""
    _check_depth(data)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_short_int,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        raise _bad_json("is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _bad_json(f"is not JSON: {error.msg} at character {error.pos}") from None
    if _SURROGATE.search(data):
        _check_whole(value)
    return value


def _check_whole(value: Any) -> None:
    """Refuse half of a pair of surrogates (RFC 7493 section 2.1): no such text can be a key, a name or bytes."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise _bad_json("has half of a character, a surrogate without its other one") from None


def _bad_json(why: str) -> InvalidRequest:
    return InvalidRequest(f"The body {why}.", code="bad_json")


def _check_depth(data: bytes) -> None:
    """Count brackets outside texts before the recursive parser sees them: 100 000 of them would exhaust its stack."""
    depth = 0
    for token in _TOKEN.finditer(data):
        first = token.group()[:1]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise _bad_json(f"is nested more than {MAX_DEPTH} deep")
        elif first != b'"':
            depth -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name twice: two parsers would read two different things out of it."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise _bad_json(f"has the name “{shown(name)}” twice in one object")
        result[name] = value
    return result


def _no_constant(text: str) -> NoReturn:
    raise _bad_json(f"has {text}, which is no JSON number")


def _short_int(text: str) -> int:
    """Refuse digits without end: converting them costs the square of their number."""
    if len(text) > MAX_DIGITS:
        raise _bad_json(f"has a number of more than {MAX_DIGITS} digits")
    return int(text)


def _finite(text: str) -> float:
    if len(text) > 2 * MAX_DIGITS:
        raise _bad_json(f"has a number of more than {2 * MAX_DIGITS} characters")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _bad_json("has a number beyond what a computer holds")
    return value
