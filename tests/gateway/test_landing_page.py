"""The landing page in a real browser: what a newcomer sees, does, and reads when something is wrong."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from tests.gateway.browser import Browser, chromium
from tests.serving import RunningServer, serving

from imagemill import demo

SHOWN = "document.documentElement.dataset.shown"
CARDS = "[...document.querySelectorAll('.card')]"
PATIENT = {"IMAGEMILL_LIMITS__CLIENT_BURST": "100000"}
TAB = "\ue004"
RIGHT = "\ue014"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server on the sample photos."""
    data = tmp_path_factory.mktemp("landing") / "data"
    demo.prepare(data)
    with serving(data, env=PATIENT | {"IMAGEMILL_DELIVERY__ALLOW": "text"}) as running:
        yield running


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    """One browser for the whole journey; starting it costs a second."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(window: Browser, server: RunningServer) -> Browser:
    """The landing page, loaded and drawn, on a laptop's screen."""
    window.device(1280, 900)
    window.open(server.url + "/")
    window.wait(SHOWN)
    window.console()
    return window


def upload(page: Browser, server: RunningServer, file: Path, key: str, alt: str = "") -> str:
    """Fill in the form as a person would and return the snippet."""
    page.type("#file", str(file))
    page.fill("#key", key)
    page.fill("#alt", alt)
    page.fill("#admin-key", server.key)
    page.click("#send")
    page.wait("!document.getElementById('answer').hidden || !document.getElementById('upload-trouble').hidden")
    assert page.script("return document.getElementById('upload-trouble').hidden"), page.script(
        "return document.getElementById('upload-trouble').textContent"
    )
    snippet: str = page.wait("document.getElementById('snippet').textContent")
    page.wait(f"{SHOWN} === arguments[0]", key)
    return snippet


def urls_of(snippet: str) -> set[str]:
    """Every address in a `<picture>`."""
    lists = [html.unescape(text) for text in re.findall(r'(?:srcset|src)="([^"]*)"', snippet)]
    return {entry.split()[0] for text in lists for entry in text.split(",\n") if entry.strip()}


def test_page_loads_without_a_complaint(window: Browser, server: RunningServer) -> None:
    """Nothing is missing, refused by the policy or thrown: the console has no error."""
    window.device(1280, 900)
    window.console()
    window.open(server.url + "/")
    window.wait(SHOWN)
    assert window.console() == []


def test_every_variant_is_a_picture_with_its_bytes(page: Browser) -> None:
    """Each card decodes, says its bytes, and none shows a problem; so do the strip and the large photo."""
    cards = page.script(
        f"return {CARDS}.map((card) => ({{width: card.querySelector('img').naturalWidth, "
        "bytes: Number(card.dataset.bytes), words: card.querySelector('.card-facts').textContent, "
        "trouble: card.querySelector('.trouble').textContent, url: card.querySelector('a').href}))"
    )
    assert len(cards) == 16  # four formats, six shapes, six looks
    for card in cards:
        assert card["trouble"] == ""
        assert card["width"] > 0
        assert re.search(r"\d (kB|B)\b", card["words"]), card
        bare = httpx.get(card["url"], headers={"Accept": "image/avif,image/webp"}, trust_env=False)
        assert len(bare.content) == card["bytes"]
    page.wait("[...document.querySelectorAll('#strip img, #hero, #preview')].every((image) => image.naturalWidth > 0)")
    assert page.script("return document.querySelectorAll('#strip button').length") == len(demo.sample_keys())


def test_what_anyone_may_know_stands_under_the_photo(page: Browser, server: RunningServer) -> None:
    """Its colours are drawn, and lead to the public information."""
    page.wait("document.querySelectorAll('#hero-colours span').length > 2")
    told = httpx.get(page.script("return document.getElementById('hero-info').href"), trust_env=False).json()
    drawn = page.script("return [...document.querySelectorAll('#hero-colours span')].map((swatch) => swatch.title)")
    assert drawn == [one["colour"] for one in told["colours"]["palette"]]


@pytest.mark.parametrize(
    ("rules", "first", "cards"),
    [
        ({"ACCESS": "sizes"}, "w=640,fm=avif", 4 + 3 + 1),  # formats, listed shapes, the preset
        ({"ACCESS": "sizes", "FORMATS": "jpeg,webp"}, "w=640", 3 + 3 + 1),
        ({"ACCESS": "presets"}, "p=card", 1),
        ({"FORMATS": "jpeg,png,webp"}, "w=480", 3 + 6 + 5),  # every shape, and the looks without words
    ],
)
def test_page_offers_only_what_the_site_answers(
    window: Browser, tmp_path: Path, rules: dict[str, str], first: str, cards: int
) -> None:
    """Where not everything is open the page shows what is: no card has a problem, and nothing was refused."""
    data = tmp_path / "data"
    demo.prepare(data)
    env = PATIENT | {"IMAGEMILL_PRESETS__CARD": "w=300,h=200,text=Hello"}
    with serving(data, env=env | {f"IMAGEMILL_DELIVERY__{name}": word for name, word in rules.items()}) as server:
        window.console()
        window.device(1280, 900)
        window.open(server.url + "/")
        window.wait(SHOWN)
        told = window.script(
            f"return {CARDS}.map((card) => "
            "[card.querySelector('.trouble').textContent, card.querySelector('img').naturalWidth])"
        )
        assert len(told) == cards
        assert [trouble for trouble, width in told if trouble or not width] == []
        assert window.script("return document.getElementById('options').value") == first
        assert window.console() == []
        window.open("about:blank")


def test_modern_formats_are_smaller_than_jpeg(page: Browser) -> None:
    """The wall of formats shows what it claims: AVIF under WebP's or JPEG's bytes, all under the original's."""
    sizes = page.script(
        "return Object.fromEntries([...document.querySelectorAll('#format-cards .card')]"
        ".map((card) => [card.querySelector('h3').textContent, Number(card.dataset.bytes)]))"
    )
    assert set(sizes) == {"JPEG", "WebP", "AVIF", "Automatic"}
    assert sizes["AVIF"] < sizes["JPEG"]
    assert sizes["Automatic"] == sizes["AVIF"]
    assert max(sizes.values()) < (demo.PHOTOS / "coffee.png").stat().st_size


def test_transparency_is_offered_as_png_and_an_animation_as_gif(page: Browser) -> None:
    """The format for every browser keeps what the original has: alpha in PNG, motion in GIF."""
    names = "[...document.querySelectorAll('#format-cards h3')].map((title) => title.textContent).join(' ')"
    for key, formats in (("windmill.png", "PNG WebP AVIF Automatic"), ("mill.gif", "GIF WebP Automatic")):
        page.click(f"button[title='{key}']")
        page.wait(f"{SHOWN} === arguments[0]", key)
        assert page.script(f"return {names}") == formats


def test_last_click_wins(page: Browser) -> None:
    """A picture that is quick to show is not overwritten by a slower one that was clicked before it."""
    page.script("for (const key of ['windmill.png', 'rocket.jpg']) document.querySelector(`[title='${key}']`).click()")
    page.wait(f"{SHOWN} === 'rocket.jpg'")
    shown = page.script("return [...document.querySelectorAll('.card img')].map((image) => image.alt.split(':')[0])")
    assert set(shown) == {"rocket.jpg"}


def test_choosing_another_picture_changes_the_whole_page(page: Browser) -> None:
    """A click in the strip brings that picture into the heading, the walls and the playground."""
    page.click("button[title='mill.gif']")
    page.wait(f"{SHOWN} === 'mill.gif'")
    assert "400 × 300" in page.script("return document.getElementById('hero-facts').textContent")
    assert page.script("return document.getElementById('url').textContent").endswith("/mill.gif")
    troubles = page.script(f"return {CARDS}.map((card) => card.querySelector('.trouble').textContent).join('')")
    assert troubles == ""
    assert page.console() == []


def test_playground_follows_controls_and_text(page: Browser) -> None:
    """The keyboard moves a slider, the text follows, and the picture has the new size."""
    page.fill("#options", "w=400,fm=webp")
    page.wait("document.getElementById('preview').naturalWidth === 400")
    assert page.script("return document.querySelector('#format input:checked').value") == "webp"
    page.script("document.getElementById('width').focus()")
    page.press(RIGHT)
    assert page.script("return document.getElementById('options').value") == "w=410,fm=webp"
    page.wait("document.getElementById('preview').naturalWidth === 410")
    page.wait("document.getElementById('facts').textContent.includes('410')")  # said after the picture is there
    url = page.script("return document.getElementById('url').textContent")
    assert httpx.get(url, trust_env=False).headers["content-type"] == "image/webp"


def test_playground_explains_every_wrong_option(page: Browser) -> None:
    """The problem document reaches the person: each wrong option with what was expected and received."""
    page.fill("#options", "w=0,fit=tall,zoom=2")
    page.wait("!document.getElementById('trouble').hidden")
    items = page.script("return [...document.querySelectorAll('#trouble li')].map((item) => item.textContent)")
    assert len(items) == 3
    for wrong in ("“0”", "“tall”", "zoom"):
        assert any(wrong in item for item in items), items
    page.fill("#options", "w=200")
    page.wait("document.getElementById('trouble').hidden")


def test_upload_answers_with_a_picture_element(page: Browser, server: RunningServer, tmp_path: Path) -> None:
    """A PNG with alpha becomes a `<picture>` of three formats; every address answers 200 and may be kept for ever."""
    file = tmp_path / "drawing.png"
    Image.effect_mandelbrot((900, 600), (-2, -1.2, 1, 1.2), 60).convert("RGBA").save(file)
    with Image.open(file) as image:
        image.putalpha(128)
        image.save(file)
    snippet = upload(page, server, file, "new/é & ü.png", 'A "set" <of> points')
    assert 'width="900" height="600"' in snippet
    assert 'alt="A &quot;set&quot; &lt;of&gt; points"' in snippet
    assert 'type="image/avif"' in snippet
    assert 'type="image/webp"' in snippet
    urls = urls_of(snippet)
    assert len(urls) == 12  # 320 480 640 900, times AVIF, WebP and PNG
    for url in urls:
        answer = httpx.get(url, trust_env=False)
        assert answer.status_code == 200, url
        assert "immutable" in answer.headers["cache-control"]
        assert f"fm={answer.headers['content-type'].removeprefix('image/')}" in url
    assert page.console() == []


def test_without_a_picture_only_the_upload_is_offered(window: Browser, tmp_path: Path) -> None:
    """A new server shows no empty walls; the first upload fills them, and its removal clears them again."""
    walls = "['.photo', '#formats', '#shapes', '#looks', '#playground', 'nav a[href=\"#shapes\"]']"
    shown = f"{walls}.filter((one) => document.querySelector(one).checkVisibility())"
    with serving(tmp_path / "data", env=PATIENT) as empty:
        window.device(1280, 900)
        window.open(empty.url + "/")
        window.wait("document.body.classList.contains('bare')")
        assert window.script(f"return {shown}") == []
        assert window.script("return document.querySelector('#upload').checkVisibility()")
        upload(window, empty, demo.PHOTOS / "rocket.jpg", "first.jpg")
        assert window.script(f"return {shown}.length") == 6
        window.click("#remove")
        window.wait(f"{shown}.length === 0")


def test_upload_onto_a_name_that_is_taken_asks_first(page: Browser, server: RunningServer, tmp_path: Path) -> None:
    """The first PUT never overwrites; a second button replaces, and another one deletes again."""
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    Image.new("RGB", (64, 48), "red").save(first)
    Image.new("RGB", (50, 50), "blue").save(second)
    upload(page, server, first, "taken.png")
    page.type("#file", str(second))
    page.fill("#key", "taken.png")
    page.click("#send")
    page.wait("!document.getElementById('replace').hidden")
    assert "taken.png" in page.script("return document.getElementById('upload-trouble').textContent")
    page.click("#replace")
    page.wait("document.getElementById('snippet').textContent.includes('width=\"50\" height=\"50\"')")
    page.wait("document.getElementById('hero-facts').textContent.includes('50 × 50')")
    page.click("#remove")
    page.wait("document.getElementById('answer').hidden")
    assert httpx.get(server.url + "/img/w=10/taken.png", trust_env=False).status_code == 404


def test_wrong_admin_key_and_no_image_are_said_in_words(page: Browser, server: RunningServer, tmp_path: Path) -> None:
    """A refused upload shows the server's sentence beside the button."""
    file = tmp_path / "notes.png"
    file.write_text("not a picture")
    page.type("#file", str(file))
    page.fill("#admin-key", "imk_wrong")
    page.click("#send")
    words = page.wait("document.getElementById('upload-trouble').textContent")
    assert "key" in words.lower()
    page.fill("#admin-key", server.key)
    page.script("document.getElementById('upload-trouble').textContent = ''")
    page.click("#send")
    words = page.wait("document.getElementById('upload-trouble').textContent")
    assert "image" in words.lower()


def test_names_by_strangers_stay_text(page: Browser, server: RunningServer) -> None:
    """A key that looks like markup is shown as it is and never becomes an element (threat L1)."""
    key = '<img src=x onerror="document.title=1">\'"&.png'
    with server.client() as client:
        answer = client.put("/v1/originals/" + quote(key), content=(demo.PHOTOS / "chelsea.png").read_bytes())
        assert answer.status_code == 201, answer.text
    page.open(server.url + "/")
    page.wait(SHOWN)
    page.script(
        "[...document.querySelectorAll('#strip button')].find((button) => button.title === arguments[0]).click()", key
    )
    page.wait(f"{SHOWN} === arguments[0]", key)
    assert page.script("return document.querySelectorAll('img[src=\"x\"]').length") == 0
    assert page.script("return document.title") == "Imagemill"
    assert key in page.script("return document.getElementById('hero-facts').textContent")
    assert page.console() == []
    with server.client() as client:
        client.delete("/v1/originals/" + quote(key))


@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_a_phone(page: Browser, dark: bool) -> None:
    """At 390 pixels nothing scrolls sideways, in light and in dark."""
    page.device(390, 844, dark=dark, phone=True)
    page.open(page.script("return location.href"))
    page.wait(SHOWN)
    assert page.script("return document.documentElement.scrollWidth") <= 390
    wide = page.script(
        "return [...document.querySelectorAll('main *:not(pre *)')]"
        ".filter((element) => element.getBoundingClientRect().right > 390.5)"
        ".map((element) => element.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_everything_can_be_reached_and_named(page: Browser) -> None:
    """Tab finds the skip link first, and a screen reader has a word for every control and picture."""
    page.press(TAB)
    assert page.script("return document.activeElement.textContent").startswith("Skip")
    names = page.accessible_names(":is(button, input, a, #hero, .card img):not([hidden], [hidden] *)")
    assert len(names) > 40
    assert [html_text for html_text, name in names.items() if not name.strip()] == []
