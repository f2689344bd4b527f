"""What the tests of CloudFront's function ask, and what Imagemill would answer to it: an original, a plan, a name."""

from __future__ import annotations

from urllib.parse import unquote

from tests.edge_config.edge_facts import facts

from imagemill.delivery.access import Access
from imagemill.delivery.plan import plan
from imagemill.delivery.settings import DeliverySettings, SizesSettings
from imagemill.delivery.values import Plan, VerifiedRequest
from imagemill.dialects.native.parse import parse_url
from imagemill.edge_config.facts import Facts
from imagemill.engine.limits import Limits
from imagemill.engine.port import Facts as PictureFacts
from imagemill.engine.settings import EngineSettings
from imagemill.object_store.port import ObjectInfo
from imagemill.originals.values import Original
from imagemill.recipe.negotiation import read_hints

PRIVATE = ("users/", "my users/", "größe/")
OPEN = DeliverySettings(access="open", private=PRIVATE)
SIZES = DeliverySettings(access="sizes", private=PRIVATE)
PRESETS = DeliverySettings(access="presets")
SIGNED = DeliverySettings(access="signed", private=PRIVATE)

CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
FIREFOX = "image/avif,image/jxl,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
SAFARI = "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,*/*;q=0.5"
CURL = "*/*"
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"

PHOTO = PictureFacts(format="jpeg", width=3000, height=2000)
LOGO = PictureFacts(format="png", width=800, height=600, alpha=True)
MOVING = PictureFacts(format="gif", width=320, height=240, pages=12, animated=True, loop=0)


def cloudfront_facts(delivery: DeliverySettings) -> Facts:
    """Return the facts of a platform on AWS."""
    return facts(delivery=delivery, kind="cloudfront", folder=None)


def original(key: str, picture: PictureFacts = PHOTO, *, private: bool = False) -> Original:
    """Return an original whose bytes never change."""
    info = ObjectInfo(key=key, size=1000, etag="ab" * 32, modified=1_700_000_000.0, content_type="image/jpeg")
    return Original(site="default", key=key, info=info, facts=picture, closed=private)


VERSION = original("any").version


def planned(
    uri: str,
    query: str,
    headers: dict[str, str],
    delivery: DeliverySettings = OPEN,
    picture: PictureFacts = PHOTO,
) -> Plan:
    """Return what delivery would do for `uri?query`; raise as it does."""
    image = parse_url(uri.encode(), query.encode())
    access = Access.of(delivery, SizesSettings())
    return plan(
        VerifiedRequest(image),
        original(image.key, picture, private=access.is_private(image.key)),
        read_hints(headers.get),
        delivery,
        access,
        EngineSettings(),
        Limits(),
    )


def object_of(uri: str) -> str:
    """Return the name of the object in the bucket that a rewritten path asks for."""
    return unquote(uri.removeprefix("/"))
