"""What a server in front decides by itself is what Imagemill would decide; everything else it passes on."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.edge_config.edge_facts import facts
from tests.recipe.recipe_strategies import recipes, spellings

from imagemill.delivery.cache_tags import cache_tags
from imagemill.delivery.disposition import disposition
from imagemill.dialects.native.compose import path_for
from imagemill.dialects.native.parse import parse_url
from imagemill.edge_config import patterns
from imagemill.errors import ImagemillError
from imagemill.recipe.canonical import Bucket, leaf_of, parse_canonical, text_of
from imagemill.recipe.model import Recipe
from imagemill.recipe.negotiation import bucket_of, webp_named
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format

BUCKETS: dict[Bucket, Format] = {"avif": Format.AVIF, "webp": Format.WEBP, "jpg": Format.JPEG}
KEYS = st.text(st.sampled_from("ab.~-_@() é%/+&"), min_size=1, max_size=30)


def classed(accept: str | None) -> tuple[str, str] | None:
    """Return the bucket and the normal Accept as the maps do, None where Imagemill is asked."""
    text = accept or ""
    if re.search(patterns.UNSURE_ACCEPT, text, re.IGNORECASE):
        return None
    for pattern, normal, bucket in patterns.accept_classes(facts()):
        if re.search(pattern, text, re.IGNORECASE):
            return bucket, normal
    return "jpg", "*/*"


KINDS = ("image/avif", "image/webp", "image/jxl", "image/jpeg", "image/*", "*/*", "IMAGE/WEBP", "image/avifs", "text/a")
ITEMS = st.tuples(
    st.sampled_from(KINDS), st.sampled_from(("", ";q=0", ";q=0.5", "; q=1", " ", ";x=1")), st.sampled_from(("", " "))
).map(lambda parts: parts[2] + parts[0] + parts[1])


@given(st.lists(ITEMS, max_size=5).map(",".join) | st.text(max_size=40))
def test_a_class_of_accept_is_that_of_imagemill(accept: str) -> None:
    """Where the maps are sure, the bucket is ours, and the normal form they send means the same."""
    found = classed(accept)
    if found is not None:
        bucket, normal = found
        assert bucket_of(accept) == bucket
        assert bucket_of(normal) == bucket
        assert webp_named(normal) is webp_named(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "image/avif,image/jxl,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,*/*;q=0.5",
        "image/webp,*/*",
        "*/*",
    ],
)
def test_what_browsers_send_is_decided(accept: str) -> None:
    """Chrome, Firefox, Safari and curl never need us for that."""
    assert classed(accept) is not None


def leaf_by_maps(options: str, bucket: str) -> str | None:
    """Return the file that nginx looks for, None where it does not."""
    if not re.fullmatch(patterns.PLAIN_OPTIONS, options) or re.search(patterns.CLOSED_OPTIONS, options):
        return None
    stated = [form.value for form in facts().formats if form is not Format.TIFF]
    if re.search(patterns.OTHER_FORMAT.format(formats="|".join(stated)), options):
        return None
    found = re.search(patterns.STATED_FORMAT.format(formats="|".join(stated)), options)
    rest = options
    for pattern, value in patterns.REST:
        match = re.search(pattern, options)
        if match:
            rest = match.expand(value.replace("$", "\\"))
            break
    if found is None:
        return f"{rest}@{bucket}.{bucket}"
    return f"{rest}.{'jpg' if found[1] == 'jpeg' else found[1]}"


@given(recipes, recipes, st.sampled_from(sorted(BUCKETS)))
def test_a_file_is_never_that_of_another_recipe(own: Recipe, other: Recipe, bucket: Bucket) -> None:
    """If nginx would send a file for an address, the file is that of the address."""
    options = text_of(own)
    looked_for = leaf_by_maps(options, bucket)
    for recipe in (own, other):
        form = recipe.output.format
        if form.concrete:
            kept = leaf_of(recipe, form, None)
        else:
            kept = leaf_of(recipe, BUCKETS[bucket], bucket if form is Format.AUTO else None)
        if kept == looked_for:
            assert text_of(recipe) == options


@given(spellings(), st.sampled_from(sorted(BUCKETS)))
def test_any_spelling_finds_its_own_file_or_none(pair: tuple[str, str], bucket: Bucket) -> None:
    """The file that nginx looks for under an odd spelling is that of what the spelling means, if any."""
    for options in pair:
        looked_for = leaf_by_maps(options, bucket)
        if looked_for is None or "@" not in looked_for:
            continue
        try:
            kept = parse_canonical(looked_for.partition("@")[0])
        except ImagemillError:
            continue  # no variant has such a name
        asked = parse_options(options)
        if asked.preset is None and asked.download is None:
            assert text_of(asked.recipe) == text_of(kept)


@pytest.mark.parametrize(
    ("options", "leaf"),
    [
        ("w=300", "w=300@webp.webp"),
        ("_", "_@webp.webp"),
        ("fm=jpeg", "_.jpg"),
        ("w=300,fm=avif", "w=300.avif"),
        ("w=300,fm=webp,q=60", "w=300,q=60.webp"),
        ("fm=png,page=2", "page=2.png"),
        ("w=300,lossless=1", None),
        ("w=300,fm=jpg", None),
        ("fm=source,w=300", None),
        ("w=300,fm=tiff", None),
        ("w=300,fm=auto", None),
        ("w=300,meta=all", None),
        ("w=300&h=2", None),
        ("w=3%300", None),
    ],
)
def test_files_of_options(options: str, leaf: str | None) -> None:
    """The stated format is the ending, wherever it stands; what wants a signature is not looked for."""
    assert leaf_by_maps(options, "webp") == leaf


@given(KEYS)
def test_a_plain_key_has_the_headers_that_the_maps_write(key: str) -> None:
    """Cache-Tag and file name by the maps are ours, and the decoded key is the one that we would read."""
    uri = f"/img/w=8/{quote(key, safe=chr(47) + '~!$&' + chr(39) + '()*+,;=:@')}"
    found = re.search(patterns.PLAIN_URI, uri)
    if found is None:
        return
    plain = found[1]
    assert parse_url(uri.encode()).key == key == unquote(plain)
    for pattern, value in ((patterns.UNRESERVED, r"\g<0>"), (patterns.AT_SIGN, r"\1%40\2")):
        match = re.search(pattern, plain)
        if match:
            escaped = match.expand(value)
            break
    else:
        pair = re.search(patterns.PARENTHESES, plain)
        if pair is None:
            return
        escaped = pair.expand(r"\1%28\2%29\3")
    parts = escaped.split("/")
    names = ["/".join(parts), *("/".join(parts[:end]) + "/" for end in range(len(parts) - 1, 0, -1)), ""]
    assert [f"default/{name}" for name in names] == cache_tags("default", key)
    stem = re.search(patterns.ENDED_NAME, key) or re.search(patterns.ANY_NAME, key)
    assert stem is not None
    assert f'inline; filename="{stem[1]}.webp"'.encode() == disposition(key, "webp", None)


@given(st.text(st.sampled_from("aZ09._~!$&'()*+,;=:@-/%éA \\"), min_size=1, max_size=20))
def test_a_canonical_path_has_one_spelling(tail: str) -> None:
    """What a cache keeps under a name is spelled as `path_for` spells it, so one picture has one entry (C3)."""
    path = f"/img/w=8/{tail}"
    if not re.fullmatch(patterns.CANONICAL_PATH, path):
        return
    try:
        key = parse_url(path.encode()).key
        if key.startswith("b64:") or tail.startswith("b64:"):
            return
    except ImagemillError:
        return
    assert path_for("w=8", key) == path


@pytest.mark.parametrize(
    ("query", "version", "nothing"),
    [
        ("v=0123456789ab", "0123456789ab", False),
        ("utm=1&v=0123456789ab&x", "0123456789ab", False),
        ("v=0123456789ab&v=0123456789ab", None, False),
        ("v=0123456789AB", None, False),
        ("v=", None, False),
        ("v", None, False),
        ("%76=0123456789ab", None, False),
        ("v=0123456789ab&%76=x", None, False),
        ("v=0123456789ab&s=x", None, False),
        ("s=x", None, False),
        ("exp=1", None, False),
        ("kid", None, False),
        ("Signature=x", None, False),
        ("utm_source=a%20b", None, True),
        ("vv=1&sx=2&version=3&V=4", None, True),
        ("a=v=0123456789ab", None, True),
        ("&&", None, True),
        ("x" * 2000, None, False),
    ],
)
def test_queries(query: str, version: str | None, nothing: bool) -> None:
    """One version, nothing that concerns us, or Imagemill's to judge."""
    found = re.search(patterns.query_with_version(signed=False), query)
    assert (found[1] if found else None) == version
    assert bool(re.search(patterns.query_without_version(signed=False), query)) is nothing


@given(st.lists(st.sampled_from(["v=0123456789ab", "a=1", "s=x", "v", "%73=x", "", "v=x", "vs=1", "=v"]), max_size=4))
def test_a_query_that_says_nothing_says_nothing_to_imagemill(pairs: list[str]) -> None:
    """What the maps take for one version or for none, our own parser takes for the same."""
    query = "&".join(pairs)
    versioned = re.search(patterns.query_with_version(signed=False), query)
    if versioned is None and not re.search(patterns.query_without_version(signed=False), query):
        return
    read = parse_url(b"/img/w=8/a.jpg", query.encode())
    assert (read.v, read.signature, read.expires, read.kid) == (versioned and versioned[1], None, None, None)
