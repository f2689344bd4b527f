"""Which URLs a CloudFront policy covers: its `Resource`, with `*` and `?`, against the URL that was asked (threat G7).

Pure. As in CloudFront, `*` stands for any characters and `?` for one, the query string counts, and everything is
compared as it was received, byte for byte. Narrower than CloudFront in what could open another tenant's pictures:

* scheme and host are literal (but `http*` for both schemes), so no `*` crosses the host; `*` alone covers nothing;
* in `…/img/<options>/<key>` a `*` of the options ends where they end: `/img/*/users/alice/*` must not cover
  `/img/w=9/users/bob/users/alice/x.jpg`, whose key only ends alike;
* what stands after a `*` is looked for in the path, not in the query, which anybody can write: `/img/*/*/small.jpg`
  must not cover `/img/_/users/bob/whole.jpg?x=/small.jpg`. A query is covered by a `*` at the pattern's very end, or by
  what follows a `?` in the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMES = {"http": ("http",), "https": ("https",), "http*": ("http", "https")}
_WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Location:
    """A URL in the parts that are compared. `scheme` is empty where we cannot know it; `rest` begins with "/"."""

    scheme: str
    host: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.rest}"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a policy names; `rest` may hold wildcards."""

    schemes: tuple[str, ...]
    host: str
    rest: str

    @classmethod
    def read(cls, text: str) -> Resource:
        """Return the resource that `text` names; ValueError for one that could lie on another host than ours."""
        scheme, divided, after = text.partition("://")
        host, slash, rest = after.partition("/")
        if not divided or not slash or scheme not in SCHEMES or not host or not _WILD.isdisjoint(host):
            raise ValueError("a resource is http(s)://host/path")
        return cls(SCHEMES[scheme], host.lower(), "/" + rest)

    def covers(self, location: Location, mount: str = "") -> bool:
        """Say whether `location` is meant; `mount` is the path that our own addresses stand below."""
        if location.host != self.host or (location.scheme and location.scheme not in self.schemes):
            return False
        return _covers(self.rest, location.rest, mount)

    def fixes_options(self, mount: str = "") -> bool:
        """Say whether the options of an image stand in it letter by letter, so that whoever signed it chose them."""
        lead = f"{mount}/img/"
        options, divided, _ = self.rest[len(lead) :].partition("/")
        return self.rest.startswith(lead) and bool(divided) and _WILD.isdisjoint(options)


def _covers(pattern: str, text: str, mount: str) -> bool:
    lead = f"{mount}/img/"
    if pattern.startswith(lead) and text.startswith(lead):
        options, divided, key = pattern[len(lead) :].partition("/")
        if divided:
            asked, _, asked_key = text[len(lead) :].partition("/")
            return glob(options, asked) and _covers_query(key, asked_key)
    return _covers_query(pattern, text)


def _covers_query(pattern: str, text: str) -> bool:
    """Say whether `pattern` covers `text`, with a query that none of its inner stars reaches into."""
    path, asked, query = text.partition("?")
    if not asked:
        return glob(pattern, path)
    if pattern.endswith("*") and glob(pattern, path):
        return True
    marks = (place for place, character in enumerate(pattern) if character == "?")
    return any(glob(pattern[mark + 1 :], query) and glob(pattern[:mark], path) for mark in marks)


def glob(pattern: str, text: str) -> bool:
    """Say whether `text` is what `pattern` stands for; `*` is any characters, `?` one.

    Goes back to the last `*` only: the time is at most the product of both lengths, never exponential (threat A6).
    """
    if _WILD.isdisjoint(pattern):
        return pattern == text
    at = place = 0
    star = mark = -1
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return pattern[at:].strip("*") == ""
