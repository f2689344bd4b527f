from __future__ import annotations

from dataclasses import replace

import pytest

from imagemill.engine.limits import Limits
from imagemill.engine.planning import Outline, chosen_format, job_for, outline
from imagemill.engine.port import Facts
from imagemill.engine.settings import EngineSettings
from imagemill.errors import InvalidRequest, Unprocessable
from imagemill.recipe.canonical import Bucket
from imagemill.recipe.options import parse_options
from imagemill.recipe.vocabulary import Format

ENGINE = EngineSettings()
PHOTO = Facts(format="jpeg", width=4000, height=3000)
FILM = Facts(format="gif", width=300, height=200, pages=5, animated=True, alpha=True)
PAGES = Facts(format="tiff", width=100, height=80, pages=2, page_sizes=((100, 80), (40, 60)))


def shaped(facts: Facts, options: str) -> Outline:
    """The outline of a recipe."""
    return outline(facts, parse_options(options).recipe, limits=Limits(), engine=ENGINE)


@pytest.mark.parametrize(
    ("facts", "options", "bucket", "output"),
    [
        (PHOTO, "w=300", "jpg", Format.JPEG),
        (PHOTO, "w=300", "avif", Format.AVIF),
        (PHOTO, "w=300,radius=5", "jpg", Format.PNG),
        (PHOTO, "w=300,fm=webp", "avif", Format.WEBP),
        (FILM, "w=30", "jpg", Format.GIF),
        (FILM, "w=30,anim=0", "jpg", Format.PNG),
        (FILM, "w=30,page=2", "avif", Format.AVIF),
    ],
)
def test_the_format_follows_the_result(facts: Facts, options: str, bucket: Bucket, output: Format) -> None:
    """What the result shows, and not the original, decides what an automatic format may be."""
    assert chosen_format(shaped(facts, options), bucket) is output


def test_a_job_carries_the_facts_of_the_first_page() -> None:
    """It is planned with those of its own page; the worker describes that page again."""
    shape = shaped(PAGES, "page=1,w=20")
    job = job_for(shape, Format.JPEG, ENGINE)
    assert (shape.layout.width, shape.layout.height) == (20, 30)
    assert job.facts == PAGES
    assert job.recipe.output.format is job.format is Format.JPEG
    assert job.estimate > 0


def test_what_does_not_fit_is_no_job() -> None:
    """A picture that its decoder would hold whole, in too little memory; the same in enough."""
    shape = shaped(Facts(format="avif", width=7000, height=7000, whole_frame=True), "w=300")
    with pytest.raises(Unprocessable, match="memory") as refused:
        job_for(shape, Format.JPEG, ENGINE)
    assert refused.value.code == "too_complex"
    assert job_for(shape, Format.JPEG, replace(ENGINE, memory_bytes=2**32)).estimate > 0


def test_text_in_an_unknown_font_is_refused_before_anything_is_decoded() -> None:
    """Whoever plans, the list of fonts is looked at first."""
    with pytest.raises(InvalidRequest, match="no font"):
        shaped(PHOTO, "text=a,textfont=Papyrus")
