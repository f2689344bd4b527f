"""The AWS home put together on this machine: what the templates say, a bucket server, functions in their own runtime.

viewer → stand-in for CloudFront (the function in node) → buckets of moto or versitygw (signed)
                                                         → the maker, in AWS's runtime client
a change in a bucket → a message → the events function, in AWS's runtime client → an invalidation at CloudFront
"""

from __future__ import annotations

import io
import json
import site
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from tests.functions.queues import batch, message
from tests.object_store.s3_servers import S3Server
from tests.servers.cloudfront import CloudFront, Maker, cloudfront
from tests.servers.cloudfront_template import Json, TemplateReader
from tests.servers.lambda_runtime import LambdaRuntime, lambda_runtime

import imagemill
from imagemill.originals.values import version_of

MAKER = "imagemill.functions.delivery.handler"
EVENTS = "imagemill.functions.events.handler"
EDGE_SECRET = "the-word-that-cloudformation-generates-at-deployment"
ROLES = ("originals", "variants", "site", "replica")
SOURCE = Path(imagemill.__file__).parent.parent


@dataclass
class World:
    """A deployed platform: `edge` is what viewers see, `maker` can be switched off."""

    s3: S3Server
    buckets: Mapping[str, str]
    edge: CloudFront
    maker: Maker
    events: LambdaRuntime
    viewer: httpx.Client

    def get(self, target: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Ask as a viewer; `_` in a header's name is a dash."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.viewer.request(method, self.edge.url + target, headers={"accept": "*/*"} | named)

    def put(self, key: str, data: bytes) -> str:
        """Put an original into its bucket, as any program does, and return S3's message about it."""
        self.s3.boto().put_object(Bucket=self.buckets["originals"], Key=key, Body=data)
        return message(self.buckets["originals"], key, "ObjectCreated:Put")

    def delete(self, key: str) -> str:
        """Delete an original, and return S3's message about it."""
        self.s3.boto().delete_object(Bucket=self.buckets["originals"], Key=key)
        return message(self.buckets["originals"], key, "ObjectRemoved:Delete")

    def tell(self, *messages: str) -> None:
        """Bring messages to the events function; each must be carried out."""
        answer = self.events.invoke(batch(*messages)).answer()
        assert answer == {"batchItemFailures": []}, self.events.written()[-3000:]

    def version(self, key: str) -> str:
        """Return the present version of an original, by its record."""
        found = self.s3.boto().get_object(Bucket=self.buckets["variants"], Key=f"default/{key}/~/record.json")
        return version_of(json.loads(found["Body"].read())["etag"], None)

    def kept(self, key: str) -> dict[str, str]:
        """Return the variants of an original in the bucket, with their ETags; names from the version on."""
        home = f"default/{key}/~/"
        listed = self.s3.boto().list_objects_v2(Bucket=self.buckets["variants"], Prefix=home)
        found = {one["Key"].removeprefix(home): str(one["ETag"]) for one in listed.get("Contents", ())}
        return {name: tag for name, tag in found.items() if name != "record.json"}

    def new_edge(self) -> None:
        """From now on viewers come to another edge location, which has nothing."""
        self.edge.forget()

    @contextmanager
    def without_maker(self) -> Iterator[None]:
        """Switch the maker off until the block ends."""
        self.maker.on = False
        try:
            yield
        finally:
            self.maker.on = True


def photo(colour: tuple[int, int, int], size: tuple[int, int] = (1600, 1200), form: str = "JPEG") -> bytes:
    """Return a picture of one colour with a bright corner."""
    picture = Image.new("RGB", size, colour)
    picture.paste((255, 255, 255), (0, 0, size[0] // 4, size[1] // 4))
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


def noise(side: int) -> bytes:
    """Return a picture of noise, which no encoder makes small."""
    pixels = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


@contextmanager
def world(templates: Mapping[str, Json], s3: S3Server, folder: Path) -> Iterator[World]:
    """Run what the templates (by their stacks' short names) say, until the block ends."""
    delivery = TemplateReader(templates["delivery"], secret=EDGE_SECRET)
    functions = TemplateReader(templates["functions"])
    environ = delivery.environment(MAKER)
    buckets = {role: _name(environ, role) for role in ROLES}
    for name in buckets.values():
        s3.boto().create_bucket(Bucket=name)
    here = _here(s3, folder)
    runtime = Path(site.getsitepackages()[0])
    options: dict[str, Any] = {"runtime": runtime, "timeout": 60.0}
    with (
        lambda_runtime(SOURCE, MAKER, folder / "maker.log", env=environ | here, **options) as making,
        httpx.Client(trust_env=False, timeout=60) as viewer,
    ):
        maker = Maker(lambda event: _result(making, event))
        with cloudfront(delivery.distribution(), s3, buckets, maker, folder) as edge:
            told = functions.environment(EVENTS) | here | {"IMAGEMILL_CDN__URL": edge.url}
            told["IMAGEMILL_DATA__DIR"] += "-events"
            with lambda_runtime(SOURCE, EVENTS, folder / "events.log", env=told, **options) as events:
                yield World(s3, buckets, edge, maker, events, viewer)


def _name(environ: Mapping[str, str], role: str) -> str:
    """Return the bucket of a role: all are called alike, by the platform, the role, the account and the region."""
    name = environ["IMAGEMILL_VARIANTS__URL"].removeprefix("s3://")
    return name.replace("-variants-", f"-{role}-")


def _here(s3: S3Server, folder: Path) -> dict[str, str]:
    """Return what is different on this machine: where S3 is, who we are to it, and a folder of our own."""
    return {
        "AWS_ACCESS_KEY_ID": s3.access,
        "AWS_SECRET_ACCESS_KEY": s3.secret,
        "AWS_REGION": "us-east-1",
        "IMAGEMILL_S3__ENDPOINT": s3.url,
        "IMAGEMILL_DATA__DIR": str(folder / "data"),
        "IMAGEMILL_LIMITS__CLIENT_BURST": "100000",
    }


def _result(function: LambdaRuntime, event: Mapping[str, Any]) -> Mapping[str, Any]:
    done = function.invoke(event)
    if done.error is not None:  # what a function URL answers where the function failed
        return {"statusCode": 502, "headers": {"content-type": "application/json"}, "body": json.dumps(done.error)}
    answer: Mapping[str, Any] = done.payload
    return answer
