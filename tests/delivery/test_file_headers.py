"""What a file in a bucket says by itself: the words of our own answer, as far as S3 takes them."""

from __future__ import annotations

import pytest

from imagemill.assembly.cdn import tagging_for
from imagemill.cdn.settings import CdnSettings
from imagemill.delivery.cache_tags import PLAIN
from imagemill.delivery.file_headers import MOST_TAGS, file_headers
from imagemill.engine.port import Facts
from imagemill.object_store.port import ObjectInfo
from imagemill.originals.values import Description, Original
from imagemill.recipe.vocabulary import Format

CLOUDFRONT = tagging_for(CdnSettings(kind="cloudfront"))


def original(key: str, tags: tuple[str, ...] = ()) -> Original:
    """Return an original."""
    info = ObjectInfo(key=key, size=1, etag='"x"', modified=0.0, content_type="image/png")
    facts = Facts(format="png", width=1, height=1)
    return Original(site="default", key=key, info=info, facts=facts, description=Description(tags=tags))


def test_a_file_says_its_name_its_tags_and_that_it_never_changes() -> None:
    """Its address names a version, so nothing else will ever be found there."""
    headers = file_headers(original("trips/sea.png", ("summer",)), (original("logo.png"),), Format.WEBP, CLOUDFRONT)
    assert headers.cache_control == "public, max-age=31536000, immutable"
    assert headers.content_disposition == 'inline; filename="sea.webp"'
    assert headers.cache_tag == "default/trips/sea.png,default/trips/,default/,default/logo.png,tag:summer"


@pytest.mark.parametrize("key", ['höhe, "1"\\.png', "日本/" + "語" * 60 + ".png", "a\x7f.png", "x" * 1024])
def test_whatever_a_key_holds_the_words_are_ascii(key: str) -> None:
    """Headers of an object are signed and sent as they are: no control character, nothing beyond ASCII."""
    headers = file_headers(original(key), (), Format.AVIF, PLAIN)
    for text in (headers.cache_control, headers.content_disposition, headers.cache_tag):
        assert text.isascii()
        assert text.isprintable()


def test_tags_that_do_not_fit_shorten_the_life_of_the_file() -> None:
    """S3 takes 2 kB of metadata: a file that a purge might miss is not kept for a year by anybody."""
    words = tuple(f"word-{n:04d}-{'x' * 40}" for n in range(45))
    headers = file_headers(original("k.png", words), (), Format.PNG, CLOUDFRONT)
    assert 1600 < len(headers.cache_tag) <= MOST_TAGS
    assert not headers.cache_tag.endswith(",")
    assert headers.cache_tag.startswith("default/k.png,default/,tag:word-0000-")
    assert headers.cache_control == "public, max-age=600"


@pytest.mark.parametrize(("words", "all_kept"), [(46, True), (47, False), (50, False)])
def test_more_tags_than_cloudfront_counts_do_so_too(words: int, all_kept: bool) -> None:
    """It keeps fifty of an answer; words are the last, so what was replaced is found whatever they are."""
    one = original("a/k.png", tuple(str(number) for number in range(words)))
    headers = file_headers(one, (original("logo.png"),), Format.PNG, CLOUDFRONT)
    tags = headers.cache_tag.split(",")
    assert tags[:4] == ["default/a/k.png", "default/a/", "default/", "default/logo.png"]
    assert len(tags) == 50
    assert (headers.cache_control == "public, max-age=31536000, immutable") == all_kept


def test_cloudfronts_tags_have_the_name_that_a_bucket_can_say() -> None:
    """One distribution, one name (CacheTagConfig): answers of ours carry the name of S3's metadata."""
    assert CLOUDFRONT.header(original("a.png"))[0] == b"x-amz-meta-cache-tag"
    assert tagging_for(CdnSettings()).header(original("a.png"))[0] == b"cache-tag"
