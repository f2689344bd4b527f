"""The flow of one image request, on one screen.

    parse ──► verify ──► locate ──► plan ──► recall ──┬──► respond
                                                      └──► make

Each line takes only what the lines above it returned. `memo` is the same flow remembered: which plan a raw URL led to,
so that a hit in memory parses nothing (measured: parsing each time halves the rate of hits).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imagemill.cache.memory import MemoryCache
from imagemill.delivery import plan as planning
from imagemill.delivery.access import Access
from imagemill.delivery.authorisation import permitted
from imagemill.delivery.cache_tags import PLAIN, Tagging
from imagemill.delivery.layers import locate_layers
from imagemill.delivery.make import Maker
from imagemill.delivery.memo import Memo
from imagemill.delivery.outsize import Outsize
from imagemill.delivery.permission import Permission, admitted, told_under
from imagemill.delivery.preflight import preflight
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.recall import recall_near
from imagemill.delivery.redirect import redirect
from imagemill.delivery.respond import respond
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.spend import client_of
from imagemill.delivery.values import HttpRequest, HttpResponse, Plan, Redirect, Variant, VerifiedRequest
from imagemill.delivery.verify import verify
from imagemill.dialects.native.parse import parse_url
from imagemill.dialects.values import ImageRequest
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings
from imagemill.errors import Conflict
from imagemill.observability.metrics import Metrics
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.negotiation import read_hints
from imagemill.recipe.presets import Presets
from imagemill.signing.gate import Gate
from imagemill.signing.grant import refused

if TYPE_CHECKING:  # it reads through ctypes; a platform on a local disk has none
    from imagemill.cache.disk import DiskCache


class Delivery:
    """Answers `/img/…`; raises an ImagemillError for the gateway to translate."""

    def __init__(
        self,
        *,
        originals: Originals,
        maker: Maker,
        cache: MemoryCache,
        memo: Memo,
        metrics: Metrics,
        settings: DeliverySettings,
        access: Access,
        gate: Gate,
        presets: PresetBook,
        public_url: str,
        engine: EngineSettings,
        limits: Limits,
        tagging: Tagging = PLAIN,
        disk: DiskCache | None = None,
        outsize: Outsize | None = None,
    ) -> None:
        """Everything is shared; delivery itself holds no state. Of `public_url` only the path counts (redirects).

        `outsize` is for homes whose answers have a bound.
        """
        self._originals = originals
        self._maker = maker
        self._cache = cache
        self._disk = disk
        self._outsize = outsize
        self._memo = memo
        self._metrics = metrics
        self._settings = settings
        self._access = access
        self._gate = gate
        self._presets = presets
        self._mount = urlsplit(public_url).path.rstrip("/")
        self._engine = engine
        self._limits = limits
        self._tagging = tagging

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; once more from `locate` when the original was replaced in between."""
        presets = self._presets.current
        image = self.parse(request)
        permission = Permission.of_image(self._gate, request, image)
        verified = self.verify(image, presets, permission)
        if request.method == "OPTIONS":
            return preflight()
        if isinstance(verified, Redirect):
            return redirect(self._mount + verified.location, self._settings)
        with told_under(verified.grant):
            try:
                return await self._answer(request, verified, presets, permission)
            except Conflict:
                return await self._answer(request, verified, presets, permission)

    async def authorise(self, request: HttpRequest) -> HttpResponse:
        """Answer whether `request` may be answered by a server in front of us; raise what the answer would raise."""
        image = self.parse(request)
        permission = Permission.of_image(self._gate, request, image)
        verified = self.verify(image, self._presets.current, permission)
        if isinstance(verified, Redirect):
            raise refused()  # another address may be asked, not this one
        original = await self.locate(verified)
        layers = await self.locate_layers(verified)
        verified = self.admit(verified, original, layers, permission)
        plan = self.plan(request, verified, original, layers)
        return permitted(plan.grant, plan.private_age)

    async def _answer(
        self, request: HttpRequest, verified: VerifiedRequest, presets: Presets, permission: Permission
    ) -> HttpResponse:
        original = await self.locate(verified)
        layers = await self.locate_layers(verified)
        verified = self.admit(verified, original, layers, permission)
        plan = self.plan(request, verified, original, layers)
        variant = recall_near(plan, self._cache, self._disk)
        if variant is None:
            variant = await self.make(request, plan)
        elif presets is self._presets.current:  # while we waited, the URL may have come to mean something else
            self._memo.learn(request, plan, variant.kept)  # asked again, so likely to be asked again
        self._count(variant, original)
        changed = max(self._originals.changed_at(one.key) for one in plan.originals)
        response = respond(request, plan, variant, changed=changed)
        if self._outsize is None:
            return response
        return await self._outsize.fitted(request, verified.image, plan, variant, response)

    def parse(self, request: HttpRequest) -> ImageRequest:
        """Which picture, made how: nothing but the URL is read."""
        with self._metrics.stage("parse"):
            return parse_url(request.path, request.query)

    def verify(self, image: ImageRequest, presets: Presets, permission: Permission) -> VerifiedRequest | Redirect:
        """Whether this caller may ask it, and what its preset stands for."""
        return verify(image, self._access, self._limits, presets, permission)

    async def locate(self, verified: VerifiedRequest) -> Original:
        """Which original that is, and its present version."""
        with self._metrics.stage("locate"):
            return await self._originals.locate(verified.image.key)

    async def locate_layers(self, verified: VerifiedRequest) -> tuple[Original, ...]:
        """Which originals its image layers are, and their present versions."""
        recipe = verified.image.asked.recipe
        return await locate_layers(recipe, self._originals) if recipe.layers else ()

    def admit(
        self, verified: VerifiedRequest, original: Original, layers: tuple[Original, ...], permission: Permission
    ) -> VerifiedRequest:
        """Whether this caller may see these very originals: some need a signature."""
        if not original.private and not layers:
            return verified
        grant = admitted(original, layers, verified.grant, permission, self._access, own_layers=verified.own_layers)
        return replace(verified, grant=grant)

    def plan(
        self, request: HttpRequest, verified: VerifiedRequest, original: Original, layers: tuple[Original, ...]
    ) -> Plan:
        """What exactly will be answered, without any AUTO, and its name."""
        hints = read_hints(request.header)
        return planning.plan(
            verified,
            original,
            hints,
            self._settings,
            self._access,
            self._engine,
            self._limits,
            layers,
            self._tagging,
            self._originals.modified_from(original),
        )

    async def make(self, request: HttpRequest, plan: Plan) -> Variant:
        """The variant from the store, or made now."""
        return await self._maker.make(plan, client_of(request.client))

    def _count(self, variant: Variant, original: Original) -> None:
        result = variant.status.rsplit(b"=", 1)[-1] if b"=" in variant.status else b"made"
        result = b"collapsed" if variant.status.endswith(b"collapsed") else result
        self._metrics.results[(result.decode(),)] += 1
        self._metrics.sent(len(variant.kept.data), original.info.size)
