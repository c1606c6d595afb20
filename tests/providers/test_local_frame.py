"""The framed print: paper, title, date and logo."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from appliance.providers.base import ProviderPermanent, TemplateImage
from appliance.providers.local.driver import LocalDriver
from appliance.providers.local.settings import Frame
from tests.providers.local_photos import FilePhoto, difference, edit, pixels, portrait, save, table_top

CAPTION = 204  # rows at the lower edge of a 10x15 print that belong to the words
LATE_EVENING = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
async def driver():
    made = LocalDriver(now=lambda: LATE_EVENING)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> FilePhoto:
    return save(portrait(), tmp_path_factory.mktemp("guest") / "photo.jpg")


def logo(mode: str = "RGB") -> TemplateImage:
    image = Image.new(mode, (300, 120), (0, 90, 200, 255)[: len(mode)])
    if mode == "RGBA":
        image.paste((0, 0, 0, 0), (0, 0, 150, 120))
    stored = BytesIO()
    image.save(stored, "PNG")
    return TemplateImage(stored.getvalue(), "image/png", "logo", "m1")


async def printed(driver: LocalDriver, photo: FilePhoto, *templates: TemplateImage, **params: object):
    return pixels(await edit(driver, photo, "frame", Frame(quality=100, **params), templates=templates))


def blue_share(picture: np.ndarray) -> float:
    return float((np.abs(picture - (0, 90, 200)).max(axis=2) < 12).mean())


async def test_a_print_turns_with_the_photo(driver, photo, tmp_path):
    upright = await edit(driver, photo, "frame")
    across = await edit(driver, save(table_top(), tmp_path / "wide.jpg"), "frame")
    assert (upright.width, upright.height) == (1200, 1800)
    assert (across.width, across.height) == (1800, 1200)


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"orientation": "landscape"}, (1800, 1200)),
        ({"orientation": "portrait", "paper": "13x18"}, (1500, 2100)),
        ({"paper": "15x20"}, (1800, 2400)),
        ({"paper": "square"}, (1800, 1800)),
        ({"max_side": 600}, (400, 600)),
    ],
)
async def test_a_print_has_the_size_that_was_set(driver, photo, params, size):
    edited = await edit(driver, photo, "frame", Frame(**params))
    assert (edited.width, edited.height) == size


async def test_a_print_says_300_dots_per_inch(driver, photo):
    image = Image.open(BytesIO((await edit(driver, photo, "frame")).data))
    assert image.info["dpi"] == pytest.approx((300, 300), abs=1)


async def test_a_cyrillic_title_is_printed_under_the_photo(driver, photo):
    bare = await printed(driver, photo, title="", date="text", date_text="2026")
    anna = await printed(driver, photo, title="Анна", date="text", date_text="2026")
    assert (anna[-CAPTION:] < 80).mean() > (bare[-CAPTION:] < 80).mean() + 0.004
    assert difference(anna[: -CAPTION - 8], bare[: -CAPTION - 8]) < 0.1


async def test_cyrillic_letters_have_their_own_shapes(driver, photo):
    one = await printed(driver, photo, title="ШШШ")
    other = await printed(driver, photo, title="ООО")
    assert difference(one[-CAPTION:], other[-CAPTION:]) > 0.5


async def test_the_two_typefaces_differ(driver, photo):
    serif, sans = [await printed(driver, photo, title="Гала", typeface=face) for face in ("serif", "sans")]
    assert difference(serif[-CAPTION:], sans[-CAPTION:]) > 0.3


@pytest.mark.parametrize(
    ("title", "orientation"),
    [
        ("Ж" * 120, "portrait"),
        ("Ж" * 120, "landscape"),
        ("слово " * 20, "portrait"),
        ("W" * 120, "landscape"),
        ("Юбилей " + "щ" * 100, "portrait"),
    ],
)
async def test_an_over_long_title_stays_inside_the_frame(driver, photo, title, orientation):
    picture = await printed(
        driver, photo, title=title, date="text", date_text="осень", orientation=orientation
    )
    caption = picture[-CAPTION:]
    assert (caption < 100).mean() > 0.005
    assert caption[:, :56].min() > 250
    assert caption[:, -56:].min() > 250
    assert caption[-20:].min() > 250
    assert caption[4:16].min() > 250


@pytest.mark.parametrize("title", ["<b>Ann</b>", "Ann &amp; B", "Ann <3 & B"])
async def test_markup_in_a_title_is_printed_as_written(driver, photo, title):
    def width_of_the_words(picture: np.ndarray) -> int:
        columns = np.nonzero((picture[-CAPTION:] < 100).any(axis=(0, 2)))[0]
        return int(columns[-1] - columns[0])

    stand_in = "".join("n" if c in "<>&;" else c for c in title)
    written = width_of_the_words(await printed(driver, photo, title=stand_in))
    assert width_of_the_words(await printed(driver, photo, title=title)) == pytest.approx(written, rel=0.2)


async def test_a_title_without_visible_letters_leaves_the_print_whole(driver, photo):
    picture = await printed(driver, photo, title="\u200b\n\t ")
    assert picture.shape == (1800, 1200, 3)


async def test_today_is_the_day_in_the_events_time_zone(driver, photo):
    written = await printed(driver, photo, date="text", date_text="23.11.2026", max_side=600)
    moscow = await printed(driver, photo, date="today", time_zone="Europe/Moscow", max_side=600)
    london = await printed(driver, photo, date="today", time_zone="Europe/London", max_side=600)
    assert difference(moscow, written) == 0
    assert difference(london, written) > 0


@pytest.mark.parametrize("style", ["2026-11-23", "23 November 2026", "23 ноября 2026"])
async def test_a_date_is_written_in_the_chosen_style(driver, photo, style):
    today = Frame(date="today", date_style=style, time_zone="Europe/Moscow", max_side=600)
    written = Frame(date="text", date_text=style, max_side=600)
    one, other = [await edit(driver, photo, "frame", params) for params in (today, written)]
    assert one.data == other.data


async def test_a_logo_stands_at_the_right_of_the_words(driver, photo):
    picture = await printed(driver, photo, logo(), title="Гала")
    assert blue_share(picture[-CAPTION:, 600:]) > 0.05
    assert blue_share(picture[-CAPTION:, :600]) == 0


async def test_a_logo_alone_stands_in_the_middle(driver, photo):
    caption = (await printed(driver, photo, logo()))[-150:]
    columns = np.nonzero((np.abs(caption - (0, 90, 200)).max(axis=2) < 12).any(axis=0))[0]
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(600, abs=2)


async def test_the_transparent_part_of_a_logo_shows_the_paper(driver, photo):
    solid = blue_share((await printed(driver, photo, logo(), title="A"))[-CAPTION:])
    half = blue_share((await printed(driver, photo, logo("RGBA"), title="A"))[-CAPTION:])
    assert half == pytest.approx(solid / 2, rel=0.1)


async def test_a_template_of_another_role_is_not_printed(driver, photo):
    style = TemplateImage(logo().data, "image/png", "style", "m2")
    picture = await printed(driver, photo, style, title="A")
    assert blue_share(picture[-CAPTION:]) == 0


async def test_a_logo_that_cannot_be_decoded_is_a_permanent_failure(driver, photo):
    broken = TemplateImage(b"not a picture", "image/png", "logo", "m1")
    with pytest.raises(ProviderPermanent) as failed:
        await edit(driver, photo, "frame", templates=(broken,))
    assert failed.value.reason == "undecodable_logo"


async def test_dark_paper_gets_light_letters(driver, photo):
    picture = await printed(driver, photo, title="Гала", background="#101820")
    assert picture[5, 5] == pytest.approx((16, 24, 32), abs=3)
    assert (picture[-CAPTION:].min(axis=2) > 220).mean() > 0.005


async def test_fit_shows_all_of_the_photo_and_fill_covers_the_window(driver, tmp_path):
    image = Image.new("RGB", (900, 300), (200, 30, 30))
    image.paste(table_top().resize((840, 300)), (30, 0))
    wide = save(image, tmp_path / "panorama.png")

    def red(picture: np.ndarray) -> float:
        return float((np.abs(picture - (200, 30, 30)).max(axis=2) < 10).mean())

    fit, fill = [
        await printed(driver, wide, placement=how, orientation="portrait", max_side=600)
        for how in ("fit", "fill")
    ]
    assert red(fit) > 0
    assert red(fill) == 0
    assert (fit[25:130, 25:-25] > 250).all()
    assert not (fill[25:130, 25:-25] > 250).all()


async def test_a_print_can_be_black_and_white(driver, photo):
    picture = await printed(driver, photo, look="monochrome", max_side=600)
    assert np.ptp(picture, axis=2).max() < 8


def test_a_date_text_that_is_asked_for_but_empty_is_a_problem():
    found = LocalDriver().problems("frame", Frame(date="text"), None, frozenset())
    assert set(found) == {"params.date_text"}
    assert LocalDriver().problems("frame", Frame(), None, frozenset({"logo"})) == {}
