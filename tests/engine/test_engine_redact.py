"""Redacted areas: where they lie in the result, and that nothing of what was there is left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.engine.engine_pictures import Array, encoded, frames_of, made, opened, pixels_of

from imagemill.engine.areas import areas_in, turned_box
from imagemill.engine.geometry import Box, lay_out, window_box
from imagemill.engine.libvips import pyvips
from imagemill.engine.port import Facts, Job
from imagemill.engine.steps.redact import CELLS, redact
from imagemill.engine.work import Work
from imagemill.recipe.model import Pixels, Recipe, Redaction, Region
from imagemill.recipe.options.reading import parse_options
from imagemill.recipe.vocabulary import Flip, Format, Obscure

LEFT, TOP, WIDE, HIGH = 48, 32, 64, 48
AREA = f"{LEFT}:{TOP}:{WIDE}:{HIGH}"


def picture(secret: Array | None = None, width: int = 240, height: int = 160) -> Array:
    """A lively picture; a secret of 64 × 48 stands in its area, on a plain ground as light as it is."""
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    array = np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)
    array[::9, :] = rng.integers(0, 256, (len(array[::9]), width, 3))
    if secret is not None:
        array[TOP - 24 : TOP + HIGH + 24, LEFT - 24 : LEFT + WIDE + 24] = 102
        array[TOP : TOP + HIGH, LEFT : LEFT + WIDE] = secret
    return array


def checks(phase: int) -> Array:
    """Black and light pixels in turn: two phases have the same mean, a level of cells, and no pixel alike."""
    x, y = np.meshgrid(np.arange(WIDE), np.arange(HIGH))
    return np.repeat((((x + y + phase) % 2) * 204)[..., None], 3, axis=2).astype(np.uint8)


def rendered(options: str, source: Array, kind: str = "PNG", fmt: Format = Format.PNG, **saving: object) -> Image.Image:
    """What options make of a picture."""
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[source.shape[2]]
    return opened(made(encoded(Image.fromarray(source, mode), kind, **saving), parse_options(options).recipe, fmt))


REST = [
    "",
    "w=100",
    "w=37",
    "w=333,enlarge=1",
    "w=700,h=200,fit=fill,enlarge=1",
    "crop=20:10:150:100,w=97",
    "crop=60:40:30:20",
    "w=60,h=100,g=w",
    "w=60,h=100,g=fp:0.3:0.4",
    "flip=h,rot=90",
    "flip=v,rot=270,w=77",
    "rot=33",
    "w=120,flip=h,rot=301.5",
    "w=300,enlarge=1,rot=5",
    "blur=3",
    "blur=40",
    "sharpen=5",
    "pixelate=7",
    "normalize=1",
    "rot=12,blur=4,sharpen=2,pixelate=3,normalize=1,sepia=1,invert=1,pad=9,radius=20,bg=blur",
    "grayscale=1,bg=auto,pad=4",
]
"""What else an address may ask."""


@pytest.mark.parametrize("rest", REST)
@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_nothing_of_the_secret_is_left(rest: str, how: str) -> None:
    """Two pictures that differ only in what is redacted, with equal means, give results that differ in nothing at all.

    So no pixel of the result, inside the area or outside, knows more than the means.
    """
    options = f"{rest},redact={how}:{AREA}".strip(",")
    one, other = (pixels_of(rendered(options, picture(checks(phase))), "RGBA") for phase in (0, 1))
    assert np.array_equal(one, other)
    plain = [pixels_of(rendered(rest or "_", picture(checks(phase))), "RGBA") for phase in (0, 1)]
    assert not np.array_equal(plain[0], plain[1]) or "blur" in rest or rest == "w=37"  # else it would have been told


@pytest.mark.parametrize("rest", ["blur=3", "blur=8", "sharpen=9", "pixelate=5", "normalize=1", "blur=2,rot=90,flip=h"])
def test_nothing_spreads_out_of_an_area(rest: str) -> None:
    """Broad stripes, which a blur carries far beyond the area, are gone before anything looks at its neighbours."""
    results, plain = [], []
    for phase in (0, 1):
        stripes = np.zeros((HIGH, WIDE, 3), np.uint8)
        stripes[:, (np.arange(WIDE) // 8 + phase) % 2 == 0] = 204
        results.append(pixels_of(rendered(f"{rest},redact=pixelate:{AREA}", picture(stripes))))
        plain.append(pixels_of(rendered(rest, picture(stripes))))
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(plain[0], plain[1])


@pytest.mark.parametrize("rest", ["_", "w=320", "w=150", "w=70", "crop=100:100:400:300,w=90", "w=70,rot=20"])
def test_nothing_is_left_of_a_jpeg_that_is_reduced_while_it_is_decoded(rest: str) -> None:
    """Its blocks mix eight pixels; the area lies on them, so that the files differ in no other block."""
    results = []
    for phase in (0, 1):
        source = picture(width=960, height=640)
        wide = np.kron(checks(phase)[..., 0], np.ones((4, 4), np.uint8))[:128, :128]
        source[120:328, 280:488] = 102
        source[160:288, 320:448] = wide[..., None]
        options = f"{rest},redact=pixelate:320:160:128:128" if rest != "_" else "redact=pixelate:320:160:128:128"
        results.append(pixels_of(rendered(options, source, "JPEG", quality=95, subsampling=0), "RGBA"))
    assert np.array_equal(results[0], results[1])


def test_hidden_colours_and_opacity_are_gone() -> None:
    """A secret in the colours of clear pixels, or in the opacity itself, is lost too: the area is opaque."""
    for channel in ("colour", "opacity"):
        results = []
        for phase in (0, 1):
            source = np.dstack([picture(), np.full((160, 240), 255, np.uint8)])
            area = source[TOP : TOP + HIGH, LEFT : LEFT + WIDE]
            if channel == "colour":
                area[..., :3], area[..., 3] = checks(phase), 0
            else:
                area[..., :3], area[..., 3] = 90, checks(phase)[..., 0]
            results.append(pixels_of(rendered(f"redact=blur:{AREA}", source), "RGBA"))
        assert np.array_equal(results[0], results[1])
        assert (results[0][TOP : TOP + HIGH, LEFT : LEFT + WIDE, 3] == 255).all()


@pytest.mark.parametrize("how", ["blur", "pixelate"])
def test_an_area_is_a_few_coarse_colours(how: str) -> None:
    """At most 4 by 4 means of 16 levels each; the smooth way between them holds nothing else."""
    noise = np.random.default_rng(8).integers(0, 256, (HIGH, WIDE, 3), dtype=np.uint8)
    area = pixels_of(rendered(f"redact={how}:{AREA}", picture(noise)))[TOP : TOP + HIGH, LEFT : LEFT + WIDE]
    side = WIDE // CELLS
    if how == "pixelate":
        colours = np.unique(area.reshape(-1, 3), axis=0)
        assert len(colours) <= CELLS * CELLS
        assert not (colours % 17).any()
        for top in range(0, HIGH, side):
            for left in range(0, WIDE, side):
                cell = noise[top : top + side, left : left + side].reshape(-1, 3).mean(axis=0)
                assert np.abs(area[top, left] - cell).max() <= 9
    else:
        cells = area[side // 2 :: side, side // 2 :: side].astype(int)
        assert cells.shape == (3, 4, 3)
        steps = np.abs(np.diff(area.astype(int), axis=0)).max(), np.abs(np.diff(area.astype(int), axis=1)).max()
        assert max(steps) <= 17 * 3 / side + 2


@pytest.mark.parametrize(("wide", "high"), [(1, 1), (5, 3), (8, 8), (200, 12), (12, 150)])
def test_small_and_thin_areas_are_hidden_too(wide: int, high: int) -> None:
    """A tiny area is one colour, a line of text a few along its length."""
    area = pixels_of(rendered(f"redact=pixelate:3:4:{wide}:{high}", picture()))[4 : 4 + high, 3 : 3 + wide]
    assert len(np.unique(area.reshape(-1, 3), axis=0)) <= max(1, -(-wide // 8)) * max(1, -(-high // 8))
    assert len(np.unique(area.reshape(-1, 3), axis=0)) <= CELLS * 2


def covered(options: str, source: Array) -> tuple[Array, Array]:
    """Where a redaction changed the result (True), and the result."""
    without = ",".join(option for option in options.split(",") if not option.startswith("redact")) or "_"
    shown, plain = pixels_of(rendered(options, source), "RGBA"), pixels_of(rendered(without, source), "RGBA")
    return (shown != plain).any(axis=2), shown


@pytest.mark.parametrize(
    ("rest", "box"),
    [
        ("", (48, 32, 64, 48)),
        ("crop=40:20:100:100", (8, 12, 64, 48)),
        ("crop=60:40:100:100", (0, 0, 52, 40)),
        ("w=120", (24 - 3, 16 - 3, 32 + 6, 24 + 6)),
        ("w=480,enlarge=1", (96 - 6, 64 - 6, 128 + 12, 96 + 12)),
        ("flip=h", (128, 32, 64, 48)),
        ("flip=v", (48, 80, 64, 48)),
        ("rot=90", (80, 48, 48, 64)),
        ("rot=180", (128, 80, 64, 48)),
        ("rot=270", (32, 128, 48, 64)),
        ("flip=h,rot=90", (80, 128, 48, 64)),
        ("pad=10", (58, 42, 64, 48)),
        ("trim=0", (48, 32, 64, 48)),
    ],
)
def test_areas_are_found_where_they_went(rest: str, box: tuple[int, int, int, int]) -> None:
    """Exactly where pixels stay pixels; three pixels more on each side where scaling mixed them."""
    left, top, width, height = box
    noise = np.random.default_rng(5).integers(0, 256, (160, 240, 3), dtype=np.uint8)
    changed, _ = covered(f"{rest},redact=pixelate:{AREA}".strip(","), noise)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min()) == (left, top)
    assert (columns.max() + 1, rows.max() + 1) == (left + width, top + height)
    assert changed[top : top + height, left : left + width].mean() > 0.95


def test_areas_count_from_the_untrimmed_original() -> None:
    """What trimming takes off does not move them."""
    source = np.full((100, 120, 3), 255, np.uint8)
    source[20:80, 30:100] = np.random.default_rng(5).integers(0, 200, (60, 70, 3))
    changed, _ = covered("trim=10,redact=pixelate:30:20:32:32", source)
    rows, columns = np.nonzero(changed)
    assert changed.shape == (60, 70)
    assert (rows.min(), columns.min(), rows.max(), columns.max()) == (0, 0, 31, 31)


def test_areas_may_be_shares_and_several() -> None:
    """Percents of the upright original; each area is its own."""
    noise = np.random.default_rng(5).integers(0, 256, (160, 240, 3), dtype=np.uint8)
    changed, shown = covered("redact=pixelate:0:0:25p:50p:75p:50p:25p:50p", noise)
    assert changed[:80, :60].mean() > 0.95
    assert changed[80:, 180:].mean() > 0.95
    assert not changed[80:, :180].any()
    assert not changed[:80, 60:].any()
    assert len(np.unique(shown[:80, :60].reshape(-1, 4), axis=0)) <= 16


@pytest.mark.parametrize("area", ["240:0:10:10", "0:160:10:10", "5000:5000:1:1"])
def test_an_area_outside_hides_nothing(area: str) -> None:
    """Neither is it an error: presets name places that not every picture has."""
    changed, _ = covered(f"redact=blur:{area}", picture())
    assert not changed.any()
    changed, _ = covered("crop=100:100:50:50,redact=blur:0:0:50:50", picture())
    assert not changed.any()


def test_orientation_is_undone_first() -> None:
    """Areas are those of the upright picture, however it is stored."""
    noise = np.random.default_rng(5).integers(0, 256, (160, 240, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(noise).transpose(Image.Transpose.ROTATE_90)
    data = encoded(stored, "WEBP", lossless=True, exif=exif.tobytes())
    recipe = parse_options(f"redact=pixelate:{AREA}").recipe
    upright = pixels_of(opened(made(data, recipe)))
    assert np.array_equal(upright, pixels_of(rendered(f"redact=pixelate:{AREA}", noise)))


def test_a_window_that_is_looked_for_is_known_to_the_areas() -> None:
    """Whatever `attention` keeps, the area lies at its own place in it."""
    source = np.full((100, 400, 3), 128, np.uint8)
    source[:, 250:350] = np.random.default_rng(1).integers(0, 255, (100, 100, 3))
    for gravity in ("attention", "entropy"):
        changed, _ = covered(f"w=100,h=100,g={gravity},redact=pixelate:260:10:40:40", source)
        rows, columns = np.nonzero(changed)
        assert rows.min() == 10
        assert rows.max() == 49
        shown = pixels_of(rendered(f"w=100,h=100,g={gravity}", source))
        (at,) = (left for left in range(301) if np.array_equal(shown, source[:, left : left + 100]))
        assert (columns.min(), columns.max() + 1) == (max(0, 260 - at), 300 - at)


# --- films ---------------------------------------------------------------------------------------------------------


def test_all_frames_of_a_film_show_the_same_cells() -> None:
    """What moves behind the grid cannot be put together again from many frames."""
    frames = []
    for shift in range(4):
        source = picture(np.roll(checks(0) // (shift + 1), shift * 5, axis=1))
        source[120:, :] = shift * 60
        frames.append(Image.fromarray(source))
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    for rest in ("", "rot=20,", "blur=2,"):
        recipe = parse_options(f"{rest}redact=blur:{AREA},fm=webp,lossless=1").recipe
        shown = [pixels_of(frame, "RGBA") for frame in frames_of(made(out.getvalue(), recipe, Format.WEBP))]
        layout = lay_out(Facts(format="webp", width=240, height=160), recipe)
        at = turned_box(Box(LEFT + 16, TOP + 12, 32, 24), layout)
        inside = [frame[at.top : at.top + at.height, at.left : at.left + at.width] for frame in shown]
        assert all(np.array_equal(inside[0], other) for other in inside[1:])
        assert not np.array_equal(shown[0], shown[1])


# --- order ---------------------------------------------------------------------------------------------------------


def test_colours_come_before_redacting() -> None:
    """Steps of 16 levels are those of what is seen: after the negative, not before."""
    shown = pixels_of(rendered(f"bri=10,redact=pixelate:{AREA}", picture()))[TOP : TOP + HIGH, LEFT : LEFT + WIDE]
    assert not (shown % 17).any()


def test_softening_comes_before_redacting() -> None:
    """Cells are sharp, whatever is blurred around them, and the block of `pixelate` does not show in them."""
    for soft in ("blur=4", "pixelate=5", "sharpen=4"):
        shown = pixels_of(rendered(f"{soft},redact=pixelate:{AREA}", picture()))[TOP : TOP + HIGH, LEFT : LEFT + WIDE]
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 16


def test_redacting_comes_before_the_ground() -> None:
    """A blurred ground is made of the redacted picture, and padding is no part of an area."""
    source = np.zeros((40, 40, 3), np.uint8)
    source[::2] = 255
    shown = pixels_of(rendered("redact=pixelate:0:0:40:40,pad=10,bg=auto", source))
    assert (shown[0, 0] % 17 == 0).all()
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 1  # ground and cells are both the mean


# --- the arithmetic ------------------------------------------------------------------------------------------------


@given(
    crop=st.tuples(st.integers(0, 150), st.integers(0, 100), st.integers(20, 90), st.integers(20, 60)),
    area=st.tuples(st.integers(0, 200), st.integers(0, 140), st.integers(1, 60), st.integers(1, 60)),
    width=st.integers(5, 300),
    flip=st.sampled_from([None, *Flip]),
    rotate=st.sampled_from([0.0, 90.0, 180.0, 270.0]),
    point=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
)
@settings(max_examples=300, deadline=None)
def test_every_point_of_an_area_lies_in_its_box(
    crop: tuple[int, int, int, int],
    area: tuple[int, int, int, int],
    width: int,
    flip: Flip | None,
    rotate: float,
    point: tuple[float, float],
) -> None:
    """A point of the original followed by hand through crop, scale, mirror and turn lands inside."""
    recipe = parse_options(f"crop={':'.join(map(str, crop))},w={width},enlarge=1").recipe
    recipe = Recipe(crop=recipe.crop, resize=recipe.resize, flip=flip, rotate=rotate)
    facts = Facts(format="png", width=240, height=160)
    layout = lay_out(facts, recipe)
    left, top, wide, high = area
    region = Region(left=Pixels(left), top=Pixels(top), width=Pixels(wide), height=Pixels(high))
    boxes = areas_in((region,), facts, layout, window=window_box(layout), shrink=1, flip=flip)
    x, y = left + point[0] * wide, top + point[1] * high
    inside = layout.region
    if not (inside.left <= x < inside.left + inside.width and inside.top <= y < inside.top + inside.height):
        return
    x = (x - inside.left) * layout.scaled.width / inside.width
    y = (y - inside.top) * layout.scaled.height / inside.height
    x = layout.scaled.width - x if flip in (Flip.HORIZONTAL, Flip.BOTH) else x
    y = layout.scaled.height - y if flip in (Flip.VERTICAL, Flip.BOTH) else y
    width_now, height_now = layout.scaled.width, layout.scaled.height
    for _ in range(round(rotate / 90)):
        x, y = height_now - y, x
        width_now, height_now = height_now, width_now
    (box,) = (turned_box(each, layout) for each in boxes)
    assert box.left <= x <= box.left + box.width
    assert box.top <= y <= box.top + box.height
    assert box.left >= 0
    assert box.top >= 0
    assert box.left + box.width <= width_now
    assert box.top + box.height <= height_now


def test_16_bits_and_grey_are_redacted_in_their_own_depth() -> None:
    """Sixteen levels of the whole range."""
    facts = Facts(format="png", width=64, height=48)
    how = Redaction(
        how=Obscure.PIXELATE, areas=(Region(left=Pixels(0), top=Pixels(0), width=Pixels(32), height=Pixels(32)),)
    )
    recipe = Recipe(redact=how)
    work = Work(job=Job(recipe=recipe, format=Format.PNG, facts=facts), layout=lay_out(facts, recipe), quality=80)
    for bands, space in ((1, "grey16"), (2, "grey16"), (3, "rgb16"), (4, "rgb16")):
        source = np.random.default_rng(bands).integers(0, 65536, (48, 64, bands), dtype=np.uint16)
        image = redact(pyvips.Image.new_from_array(source).copy(interpretation=space), work)
        assert (image.format, image.bands) == ("ushort", bands)
        got = image.numpy().reshape(48, 64, bands)
        assert not (got[:32, :32] % 4369).any()
        assert np.array_equal(got[32:], source[32:])
        if bands in (2, 4):
            assert (got[:32, :32, -1] == 65535).all()
