"""What the local looks do to a photo."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms
from pydantic import ValidationError

from appliance.providers.base import EditedImage
from appliance.providers.local import settings
from appliance.providers.local.driver import LOOKS, LocalDriver
from tests.providers.local_photos import (
    FilePhoto,
    difference,
    edit,
    pixels,
    portrait,
    save,
    table_top,
)

DRAWN = [name for name in LOOKS if name != "frame"]
PLAIN = settings.Glow(strength=0, smoothing=0, warmth=0)


@pytest.fixture(scope="module")
async def driver():
    made = LocalDriver()
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> FilePhoto:
    """A portrait with all that a camera and its owner write into a file."""
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    exif[0xA431] = "SERIAL-4711"
    exif.get_ifd(0x8825)[1] = "N"
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>guest name</x:xmpmeta>"
    path = tmp_path_factory.mktemp("guest") / "photo.jpg"
    return save(portrait(), path, exif=exif, xmp=xmp, comment=b"a comment")


@pytest.fixture(scope="module")
async def gallery(driver: LocalDriver, photo: FilePhoto) -> dict[str, EditedImage]:
    """The portrait in every look, as it comes without any setting."""
    return {look: await edit(driver, photo, look) for look in LOOKS}


@pytest.fixture(scope="module")
async def untouched(driver: LocalDriver, photo: FilePhoto) -> np.ndarray:
    return pixels(await edit(driver, photo, "glow", PLAIN))


@pytest.fixture(scope="session")
def camera_photo(tmp_path_factory: pytest.TempPathFactory) -> FilePhoto:
    """24 megapixels, as a booth camera sends them."""
    path = tmp_path_factory.mktemp("camera") / "photo.jpg"
    image = pyvips.Image.new_from_memory(table_top().tobytes(), 600, 400, 3, "uchar")
    image.copy(interpretation="srgb").resize(10, kernel="cubic").jpegsave(str(path), Q=90)
    return FilePhoto(path)


@pytest.mark.parametrize("look", DRAWN)
def test_every_look_visibly_changes_the_picture(gallery, look):
    assert difference(pixels(gallery[look]), np.asarray(portrait(), dtype=np.float32)) > 6


@pytest.mark.parametrize("look", list(LOOKS))
async def test_a_24_megapixel_photo_comes_back_within_the_longest_side(driver, camera_photo, look):
    params = LOOKS[look][0].params(max_side=600)
    edited = await edit(driver, camera_photo, look, params)
    assert max(edited.width, edited.height) == pytest.approx(600, abs=2)
    assert max(edited.width, edited.height) <= 600
    assert edited.width / edited.height == pytest.approx(1.5, abs=0.01)


def test_a_small_photo_is_not_enlarged(gallery):
    assert (gallery["monochrome"].width, gallery["monochrome"].height) == (380, 512)


@pytest.mark.parametrize("look", list(LOOKS))
def test_the_size_told_is_the_size_of_the_jpeg(gallery, look):
    edited = gallery[look]
    image = Image.open(BytesIO(edited.data))
    assert (image.format, edited.media_type) == ("JPEG", "image/jpeg")
    assert image.size == (edited.width, edited.height)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_sketch_keeps_the_photo_upright(driver, gallery, tmp_path, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = portrait().transpose(undo[orientation]) if orientation in undo else portrait()
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = save(stored, tmp_path / "turned.jpg", exif=exif)
    sketched = pixels(await edit(driver, turned, "sketch"), (95, 128))
    assert difference(sketched, pixels(gallery["sketch"], (95, 128))) < 4


@pytest.mark.parametrize("look", list(LOOKS))
def test_no_metadata_of_the_photo_survives_but_a_small_colour_profile_is_there(photo, gallery, look):
    data, original = gallery[look].data, photo.path.read_bytes()
    for trace in (b"Exif", b"SERIAL-4711", b"CameraMaker", b"adobe:ns:meta", b"guest name", b"a comment"):
        assert trace in original
        assert trace not in data
    profile = Image.open(BytesIO(data)).info["icc_profile"]
    assert len(profile) < 4096
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))


@pytest.mark.parametrize("look", list(LOOKS))
async def test_the_same_job_gives_the_same_bytes(driver, photo, gallery, look):
    assert (await edit(driver, photo, look)).data == gallery[look].data


@pytest.mark.parametrize("look", ["monochrome", "sketch"])
async def test_another_job_gets_its_own_grain(driver, photo, look):
    one = await edit(driver, photo, look, job_id="one")
    other = await edit(driver, photo, look, job_id="other")
    assert one.data != other.data


async def test_a_light_leak_is_placed_by_the_job(driver, photo):
    params = settings.Vintage(light_leak=True, grain=0)
    flares = [pixels(await edit(driver, photo, "vintage", params, job_id=job)) for job in "ad"]
    sides = {flare[:, :40].mean() > flare[:, -40:].mean() for flare in flares}
    assert sides == {True, False}


def _sixteen_bit(path: Path) -> None:
    deep = pyvips.Image.new_from_memory(portrait().tobytes(), 380, 512, 3, "uchar")
    deep.copy(interpretation="srgb").colourspace("rgb16").pngsave(str(path))


@pytest.mark.parametrize(
    "kind",
    [
        # Without a profile, which ink gives which colour is a guess; inverted it would be over 80.
        ("cmyk.jpg", lambda p: portrait().convert("CMYK").save(p, quality=95), 20),
        ("sixteen.png", _sixteen_bit, 4),
        ("photo.webp", lambda p: portrait().save(p, quality=95), 4),
        ("palette.png", lambda p: portrait().quantize(256).save(p), 4),
        ("opaque.png", lambda p: portrait().convert("RGBA").save(p), 4),
        ("broken-profile.jpg", lambda p: portrait().save(p, quality=95, icc_profile=b"x" * 300), 1),
    ],
)
async def test_every_kind_of_colour_file_looks_like_the_plain_jpeg(driver, untouched, tmp_path, kind):
    name, write, tolerance = kind
    write(tmp_path / name)
    edited = pixels(await edit(driver, FilePhoto(tmp_path / name), "glow", PLAIN))
    assert difference(edited, untouched) < tolerance


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
async def test_a_grey_file_stays_grey_and_bright(driver, tmp_path, mode):
    grey = portrait().convert("L")
    deep = Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    grey = deep if mode == "I;16" else grey.convert(mode)
    edited = pixels(await edit(driver, save(grey, tmp_path / "grey.png"), "glow", PLAIN))
    assert np.ptp(edited, axis=2).max() <= 6
    assert abs(edited.mean() - np.asarray(portrait().convert("L")).mean()) < 14


async def test_transparent_parts_become_white(driver, tmp_path):
    image = portrait().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 380, 256))
    edited = pixels(await edit(driver, save(image, tmp_path / "cut-out.png"), "glow", PLAIN))
    assert edited[:240].min() > 245


async def test_a_wide_gamut_photo_is_converted_through_its_profile(driver, tmp_path):
    plain = pyvips.Image.new_from_memory(portrait().tobytes(), 380, 512, 3, "uchar")
    wide = plain.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    wide.pngsave(str(tmp_path / "wide.png"))
    wide.pngsave(str(tmp_path / "untagged.png"), keep="none")
    expected, wide_gamut, untagged = [
        pixels(await edit(driver, photo, "glow", PLAIN))
        for photo in (
            save(portrait(), tmp_path / "plain.png"),
            FilePhoto(tmp_path / "wide.png"),
            FilePhoto(tmp_path / "untagged.png"),
        )
    ]
    assert difference(wide_gamut, expected) < 1.5 < difference(untagged, expected)


@pytest.mark.parametrize("look", ["sketch", "comic"])
async def test_a_look_is_the_same_on_a_small_and_on_a_large_photo(driver, camera_photo, look):
    small, large = [
        pixels(await edit(driver, camera_photo, look, LOOKS[look][0].params(max_side=side)), (150, 100))
        for side in (512, 1600)
    ]
    assert difference(small, large) < 5


async def test_grain_is_as_coarse_on_a_large_photo_as_on_a_small_one(driver, camera_photo):
    async def visible_grain(side: int) -> float:
        clean, grained = [settings.Monochrome(max_side=side, grain=grain, quality=100) for grain in (0, 100)]
        one, other = [
            pixels(await edit(driver, camera_photo, "monochrome", params), (512, 341))
            for params in (clean, grained)
        ]
        return float((one - other).std())

    assert await visible_grain(1600) == pytest.approx(await visible_grain(512), rel=0.25)


async def test_monochrome_toning_tints_the_greys_as_named(driver, photo):
    def red_over_blue(picture: np.ndarray) -> float:
        return float(picture[..., 0].mean() - picture[..., 2].mean())

    tints = {
        toning: red_over_blue(
            pixels(await edit(driver, photo, "monochrome", settings.Monochrome(toning=toning)))
        )
        for toning in ("neutral", "warm", "cool")
    }
    assert tints["cool"] < -2
    assert abs(tints["neutral"]) < 0.5
    assert tints["warm"] > 2


async def test_a_duotone_runs_from_the_shadow_colour_to_the_light_colour(driver, photo):
    params = settings.Duotone(shadow="#003049", highlight="#fcbf49", quality=100)
    picture = pixels(await edit(driver, photo, "duotone", params))
    light = picture.sum(axis=2)
    assert picture[light < np.percentile(light, 2)].mean(axis=0) == pytest.approx((0, 48, 73), abs=8)
    brightest = picture[light > np.percentile(light, 99)].mean(axis=0)
    assert brightest == pytest.approx((252, 191, 73), abs=8)


async def test_a_pop_picture_is_four_prints_of_the_same_shape(driver, photo):
    picture = pixels(await edit(driver, photo, "pop"))
    rows, columns = picture.shape[0] // 2 - 4, picture.shape[1] // 2 - 4
    corners = [picture[:rows, :columns], picture[:rows, -columns:], picture[-rows:, :columns]]
    greys = [corner.mean(axis=2).ravel() for corner in corners]
    assert difference(corners[0], corners[1]) > 30
    assert np.corrcoef(greys[0], greys[1])[0, 1] > 0.6
    assert np.corrcoef(greys[0], greys[2])[0, 1] > 0.6


async def test_a_sketch_is_mostly_paper_and_has_dark_lines(driver, photo):
    picture = pixels(await edit(driver, photo, "sketch", settings.Sketch(paper="white")))
    light = picture.mean(axis=2)
    assert (light > 215).mean() > 0.4
    assert (light < 110).mean() > 0.01


async def test_a_comic_is_made_of_flat_areas(driver, photo):
    def flat_share(picture: np.ndarray) -> float:
        return float((np.abs(np.diff(picture.mean(axis=2), axis=1)) < 1.5).mean())

    picture = pixels(await edit(driver, photo, "comic", settings.Comic(quality=100)))
    assert flat_share(picture) > 1.2 * flat_share(np.asarray(portrait(), dtype=float))


async def test_comic_ink_draws_dark_outlines(driver, photo):
    bare, inked = [pixels(await edit(driver, photo, "comic", settings.Comic(ink=ink))) for ink in (0, 90)]
    assert ((inked.max(axis=2) < 30) & (bare.max(axis=2) > 90)).mean() > 0.01


async def test_comic_dots_leave_the_lights_alone(driver, photo):
    plain, dotted = [
        pixels(await edit(driver, photo, "comic", settings.Comic(halftone=on, ink=0))) for on in (False, True)
    ]
    light = plain.min(axis=2) > 225
    assert difference(plain, dotted) > 2
    assert difference(plain[light], dotted[light]) < 1


async def test_a_glow_evens_out_texture(driver, photo):
    def texture(picture: np.ndarray) -> float:
        cheek = picture[95:115, 145:165].mean(axis=2)
        return float(np.abs(np.diff(cheek, axis=0)).mean())

    plain = pixels(await edit(driver, photo, "glow", PLAIN))
    smooth = pixels(await edit(driver, photo, "glow", settings.Glow(strength=0, smoothing=100)))
    assert texture(smooth) < 0.8 * texture(plain)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (settings.Monochrome, {"max_side": 511}),
        (settings.Monochrome, {"max_side": 6001}),
        (settings.Monochrome, {"quality": 59}),
        (settings.Monochrome, {"grain": 101}),
        (settings.Monochrome, {"toning": "green"}),
        (settings.Vintage, {"fade": -1}),
        (settings.Duotone, {"shadow": "red"}),
        (settings.Sketch, {"paper": "blue"}),
        (settings.Comic, {"levels": 2}),
        (settings.Pop, {"palette": "dull"}),
        (settings.Glow, {"strength": 101}),
        (settings.Frame, {"title": "x" * 121}),
        (settings.Frame, {"time_zone": "Mars/Olympus"}),
        (settings.Frame, {"border": 13}),
        (settings.Frame, {"prompt": "unknown"}),
    ],
)
def test_parameters_out_of_range_are_refused(model, given):
    with pytest.raises(ValidationError) as refused:
        model(**given)
    assert [error["loc"] for error in refused.value.errors()] == [tuple(given)]


def test_every_parameter_explains_itself_in_a_form():
    for operation, _ in LOOKS.values():
        for name, field in operation.params.model_json_schema()["properties"].items():
            assert {"title", "description", "default"} <= field.keys(), name
