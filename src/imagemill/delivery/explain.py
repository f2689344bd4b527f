"""What would happen to a URL, in words and numbers: the recipe, the order of work, the name, the cost (`/v1/explain`).

Walks the same stages as `pipeline`, and stops before anything is made.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from imagemill.delivery import plan as planning
from imagemill.delivery.access import Access
from imagemill.delivery.layers import locate_layers
from imagemill.delivery.permission import Permission, admitted
from imagemill.delivery.preset_book import PresetBook
from imagemill.delivery.settings import DeliverySettings
from imagemill.delivery.values import HttpRequest, Plan, Redirect, VerifiedRequest
from imagemill.delivery.verify import check_possible, verify, with_preset
from imagemill.dialects.native.parse import parse_url
from imagemill.engine.frames import frame_count, moves
from imagemill.engine.limits import Limits
from imagemill.engine.settings import EngineSettings
from imagemill.errors import ImagemillError, Refused
from imagemill.originals.library import Originals
from imagemill.originals.values import Original
from imagemill.recipe.canonical import text_of
from imagemill.recipe.negotiation import read_hints
from imagemill.recipe.order import ORDER
from imagemill.signing.gate import Gate
from imagemill.variants.port import VariantStore

_SECRET = re.compile(r"([?&](?:s|Signature|Policy)=)[^&#]*")
"""What a link is made secret by: an explanation is copied into tickets."""


class Explain:
    """Explains one URL at a time."""

    def __init__(
        self,
        originals: Originals,
        variants: VariantStore,
        settings: DeliverySettings,
        access: Access,
        gate: Gate,
        presets: PresetBook,
        engine: EngineSettings,
        limits: Limits,
    ) -> None:
        """The same parts that delivery uses."""
        self._originals = originals
        self._variants = variants
        self._settings = settings
        self._access = access
        self._gate = gate
        self._presets = presets
        self._engine = engine
        self._limits = limits

    async def __call__(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the explanation of `url` (absolute or a path) as a browser with these `headers` would ask it.

        Raises what delivery would raise for a URL that cannot be read; a verdict of "refused" is part of the answer.
        """
        parts = urlsplit(url)
        presets = self._presets.current
        asked = parse_url(parts.path.encode("utf-8"), parts.query.encode("utf-8"))
        image, preset = with_preset(asked, presets)
        answer: dict[str, Any] = {
            "url": _SECRET.sub(r"\1***", url),
            "dialect": "native",
            "key": image.key,
            **({} if preset is None else {"preset": {"name": preset.name, "options": preset.options}}),
            "canonical": text_of(image.asked.recipe),
            "order": list(ORDER),
            "verdict": "allowed",
            "access": self._access.mode,
            "warnings": [],
        }
        try:
            check_possible(image, self._limits)
        except ImagemillError as error:
            return answer | _refusal(error)
        permission = Permission.of_image(self._gate, _request(parts, headers), asked)
        verified = VerifiedRequest(image)
        try:
            verdict = verify(asked, self._access, self._limits, presets, permission)
            if isinstance(verdict, Redirect):
                answer |= {"verdict": "redirect", "location": verdict.location}
            else:
                verified = await self._admitted(verdict, permission)
        except Refused as error:
            answer |= _refusal(error)
        if verified.grant is not None:
            answer["signature"] = {"kid": verified.grant.kid, "until": verified.grant.until}
        if answer["verdict"] == "allowed":
            return answer | await self._planned(verified, headers)
        with contextlib.suppress(ImagemillError):  # what it would cost is only told beside the verdict
            planned = await self._planned(verified, headers)
            answer |= planned | {"warnings": [*answer["warnings"], *planned["warnings"]]}
        return answer

    async def _admitted(self, verified: VerifiedRequest, permission: Permission) -> VerifiedRequest:
        """Return the request with the signature that its originals need; raise Refused where it has none."""
        original, layers = await self._located(verified)
        grant = admitted(original, layers, verified.grant, permission, self._access, own_layers=verified.own_layers)
        return replace(verified, grant=grant)

    async def _located(self, verified: VerifiedRequest) -> tuple[Original, tuple[Original, ...]]:
        image = verified.image
        original = await self._originals.locate(image.key)
        return original, await locate_layers(image.asked.recipe, self._originals)

    async def _planned(self, verified: VerifiedRequest, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return what would be made, and whether it is kept already."""
        image = verified.image
        original, layers = await self._located(verified)
        hints = read_hints({name.lower(): value for name, value in headers.items()}.get)
        plan = planning.plan(
            verified, original, hints, self._settings, self._access, self._engine, self._limits, layers
        )
        kept = await self._variants.fetch(plan.name)
        return self._facts(plan, image.v) | {"kept": kept is not None}

    def _facts(self, plan: Plan, asked_version: str | None) -> dict[str, Any]:
        original = plan.original
        warnings = []
        if asked_version not in (None, original.version):
            warnings.append(f"?v={asked_version} is not the present version; the answer will be no-cache.")
        if _stands_still(plan):
            warnings.append(
                f"The original moves and fm={plan.format.value} is a still picture: its first frame. Animations are "
                "written as webp, gif, avif and png."
            )
        return {
            "variant": str(plan.name),
            "format": plan.format.value,
            "vary": list(plan.vary),
            "version": original.version,
            "original": {"width": original.facts.width, "height": original.facts.height, "size": original.info.size},
            "private": original.private,
            "cost": {"cpu_seconds": round(plan.job.estimate, 4)},
            "headers": {name.decode(): value.decode() for name, value in plan.headers},
            "warnings": warnings,
        }


def _request(parts: SplitResult, headers: Mapping[str, str]) -> HttpRequest:
    """Return the request that a browser without cookies would make for the explained URL."""
    host = parts.netloc or headers.get("host", "")
    return HttpRequest(
        method="GET",
        path=parts.path.encode("utf-8"),
        query=parts.query.encode("utf-8"),
        headers={b"host": host.encode("utf-8")},
        client="",
        request_id="",
    )


def _stands_still(plan: Plan) -> bool:
    """Whether an animation becomes a still picture only because of the format."""
    facts, recipe = plan.original.facts, plan.job.recipe
    return moves(facts, recipe) and frame_count(facts, recipe, plan.format) == 1


def _refusal(error: ImagemillError) -> dict[str, Any]:
    """Return a refusal as the problem document would tell it."""
    faults = [
        {"option": fault.option, "expected": fault.expected, "received": fault.received} for fault in error.faults
    ]
    reason = {"code": error.code, "detail": error.sentence, **({"errors": faults} if faults else {})}
    return {"verdict": "refused", "reason": reason, "warnings": [error.sentence]}
