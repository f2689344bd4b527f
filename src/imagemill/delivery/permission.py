"""What the signature of one request opens: looked at when something needs one, once, and before any cache (threat G8).

Separate from `verdict`, which knows the site's rules, and from `signing.gate`, which knows keys. An open picture is
open whatever stands in `s=`, in every tier alike, so a signature is not even read where none is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from imagemill.delivery.access import Access
from imagemill.delivery.values import HttpRequest
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.values import ImageRequest, InfoRequest
from imagemill.errors import NotFound
from imagemill.originals.values import Original
from imagemill.signing.gate import Asking, Gate, ShortClaim
from imagemill.signing.grant import Grant, refused
from imagemill.signing.signature import image_text, info_text

EDGE_HEADER = "x-imagemill-edge"
"""In which a CDN that has judged a signature itself shows the secret it shares with us."""


class Permission:
    """One request's. Nothing is verified until it is asked for."""

    def __init__(self, gate: Gate, request: HttpRequest, claim: ShortClaim | None) -> None:
        """`claim` is the URL's short signature, None where it has none."""
        self._gate = gate
        self._request = request
        self._claim = claim
        self._grant: Grant | None = None

    @classmethod
    def of_image(cls, gate: Gate, request: HttpRequest, image: ImageRequest) -> Permission:
        """Return the permission of a request for `image`."""
        return cls(gate, request, _claim(image, lambda exp, v: image_text(image.options_text, image.key, exp, v)))

    @classmethod
    def of_info(cls, gate: Gate, request: HttpRequest, asked: InfoRequest) -> Permission:
        """Return the permission of a request for what is known of a picture."""
        return cls(gate, request, _claim(asked, lambda exp, v: info_text(asked.key, exp, v)))

    def by_link(self) -> Grant | None:
        """Return what the URL itself opens, None where it shows no signature; raise Refused for a wrong one."""
        if self._grant is None:
            self._grant = self._gate.check_link(self._asking(), self._claim)
        return self._grant

    def given(self) -> Grant | None:
        """Return what the URL opens, else a CDN's word, else the cookies.

        Where the URL shows a signature, nothing else helps it.
        """
        if self.by_link() is None:
            asking = self._asking()
            self._grant = self._gate.check_edge(asking) or self._gate.check_cookies(asking)
        return self._grant

    def demand(self) -> Grant:
        """Return what is given; raise the one Refused there is where nothing is."""
        grant = self.given()
        if grant is None:
            raise refused()
        return grant

    def demand_layers(self, layers: Iterable[Original]) -> Grant:
        """Return the grant if it opens `layers` too; raise Refused.

        Whoever signed the options has chosen what lies on the picture. A wildcard leaves the options to its holder, so
        it must cover each layer's own address as well: else who may see one folder could draw any picture into his.
        """
        grant = self.demand()
        if not self._gate.signs_options(grant):
            for layer in layers:
                if not self._gate.covers(grant, path_for("_", layer.key)):
                    raise refused()
        return grant

    def _asking(self) -> Asking:
        request = self._request
        return Asking(
            path=request.path,
            query=request.query,
            host=request.header("host") or "",
            cookies=request.header("cookie") or "",
            client=request.client,
            edge=request.header(EDGE_HEADER) or "",
        )


@contextmanager
def told_under(grant: Grant | None) -> Iterator[None]:
    """Have what is not there be told to the holder of `grant` alone: a stranger would not have learned so much."""
    try:
        yield
    except NotFound as error:
        if grant is None:
            raise
        raise NotFound(error.sentence, code=error.code, faults=error.faults, for_all=False) from error


def _claim(asked: ImageRequest | InfoRequest, text: Callable[[str, str], str]) -> ShortClaim | None:
    if asked.signature is None:
        return None
    return ShortClaim(text(asked.expires or "", asked.v or ""), asked.signature, asked.expires, asked.kid)


def admitted(
    original: Original,
    layers: tuple[Original, ...],
    grant: Grant | None,
    permission: Permission,
    access: Access,
    *,
    own_layers: bool,
) -> Grant | None:
    """Return what the answer is given under (None: open to everyone); raise Refused.

    `grant` is what was needed so far; `own_layers` says that the layers are the site's word, or open to all by it.
    """
    if original.private and grant is None:
        grant = permission.demand()
    closed = [layer for layer in layers if layer.private or access.mode == "signed"]
    return permission.demand_layers(closed) if closed and not own_layers else grant
