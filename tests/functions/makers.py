"""The maker over fresh buckets of a server, and what the tests ask of it.

Separate from `conftest`, which pytest loads under a name of its own: a class of it would be another one for whoever
imports it.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.functions.http_events import Answered, Context, Event, function_url
from tests.object_store.s3_servers import S3Server

from imagemill.assembly.functions import FunctionPlatform, build
from imagemill.functions import delivery
from imagemill.functions.bridge import MOST_BODY
from imagemill.functions.http_function import HttpFunction
from imagemill.functions.warm import Warm
from imagemill.settings import Settings

EDGE_SECRET = "a word between CloudFront and us"
SITE = {
    "IMAGEMILL_CDN__KIND": "cloudfront",
    "IMAGEMILL_DELIVERY__ACCESS": "open",
    "IMAGEMILL_LIMITS__CLIENT_BURST": "100000",
    "IMAGEMILL_SERVER__ACCESS_LOG": "false",
}
"""What the tests' site says beside its buckets."""
_numbers = itertools.count(1)


def picture(side: int = 300, *, form: str = "PNG", seed: int = 1) -> bytes:
    """Return a picture of noise, which no encoder makes small."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, compress_level=1)
    return out.getvalue()


@dataclass
class Maker:
    """The maker with its buckets, as CloudFront and its operator see it."""

    warm: Warm
    server: S3Server
    originals: str
    variants: str

    def ask(self, target: str, *, event: Event | None = None, seconds: float = 29.0, **asked: Any) -> Answered:
        """Return the answer to a request of CloudFront's, or to an event."""
        function = HttpFunction(self.warm, delivery.admitted)
        return Answered(function(event or function_url(target, **asked), Context(seconds)))

    def put(self, key: str, data: bytes) -> None:
        """Put an original into its bucket, as any program does."""
        self.server.boto().put_object(Bucket=self.originals, Key=key, Body=data)

    def kept(self) -> list[str]:
        """Return the names of kept variants."""
        listed = self.server.boto().list_objects_v2(Bucket=self.variants).get("Contents", [])
        names = [one["Key"] for one in listed]
        return [name for name in names if name.startswith("default/") and not name.endswith("record.json")]

    def names(self, bucket: str) -> list[str]:
        """Return every name in a bucket."""
        return [one["Key"] for one in self.server.boto().list_objects_v2(Bucket=bucket).get("Contents", [])]

    def file(self, name: str) -> Answered:
        """Return a kept variant as S3 gives it to CloudFront."""
        found = self.server.boto().get_object(Bucket=self.variants, Key=name)
        headers = found["ResponseMetadata"]["HTTPHeaders"]
        body = found["Body"].read()
        return Answered(
            {"statusCode": 200, "headers": headers, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        )


MakerOf = Callable[..., Maker]


@contextmanager
def makers(buckets: S3Server, folder: Path) -> Iterator[MakerOf]:
    """Give what makes makers below `folder`; all are closed at the end."""
    made: list[Warm] = []

    def make(
        more: Mapping[str, str] | None = None,
        *,
        most_body: int = MOST_BODY,
        beside: Maker | None = None,
        originals_at: str = "",
        variants_at: str = "",
        edge_secret: str = EDGE_SECRET,
    ) -> Maker:
        originals = buckets.bucket() if beside is None else beside.originals
        variants = buckets.bucket() if beside is None else beside.variants
        environ = {
            **SITE,
            "IMAGEMILL_DATA__DIR": str(folder / f"function-{next(_numbers)}"),
            "IMAGEMILL_ORIGINALS__URL": f"s3://{originals}?endpoint={originals_at or buckets.url}",
            "IMAGEMILL_VARIANTS__URL": f"s3://{variants}?endpoint={variants_at or buckets.url}",
            "IMAGEMILL_S3__ACCESS_KEY_ID": buckets.access,
            "IMAGEMILL_S3__SECRET_ACCESS_KEY": buckets.secret,
            **(more or {}),
        }
        settings = Settings.load(environ=environ)

        async def start() -> FunctionPlatform:
            return await build(settings, edge_secret=edge_secret, most_body=most_body)

        made.append(Warm(start))
        return Maker(made[-1], buckets, originals, variants)

    try:
        yield make
    finally:
        for warm in made:
            warm.close()
