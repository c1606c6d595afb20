"""The framed print: paper, photo, event title, date and logo, laid out at print size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyvips

from appliance.providers.base import ProviderPermanent
from appliance.providers.local import looks, tone
from appliance.providers.local.lettering import fit_text, tidy
from appliance.providers.local.settings import Frame, Glow, Monochrome, Vintage
from appliance.providers.local.work import Work

# Short and long side in pixels at 300 dots per inch.
PAPERS = {
    "10x15": (1200, 1800),
    "13x18": (1500, 2100),
    "15x20": (1800, 2400),
    "square": (1800, 1800),
}
DOTS_PER_MM = 300 / 25.4
LOOKS: dict[str, Callable[[pyvips.Image, Work], pyvips.Image]] = {
    "none": lambda photo, _: photo,
    "monochrome": lambda photo, work: looks.monochrome(photo, Monochrome(), work),
    "vintage": lambda photo, work: looks.vintage(photo, Vintage(), work),
    "glow": lambda photo, work: looks.glow(photo, Glow(), work),
}
MONTHS = {
    "23 November 2026": "January February March April May June July August September October "
    "November December",
    "23 ноября 2026": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are on the paper, in pixels; ``unit`` is 1 % of the short side."""

    width: int
    height: int
    unit: float
    border: int
    caption: int

    @property
    def window(self) -> tuple[int, int, int, int]:
        """The photo's left, top, width, height."""
        inner = self.width - 2 * self.border
        bottom = self.caption or self.border
        return self.border, self.border, inner, self.height - self.border - bottom

    @property
    def line(self) -> tuple[int, int, int, int]:
        """The caption's left, top, width, height."""
        side = max(self.border, round(5 * self.unit))
        return side, self.height - self.caption, self.width - 2 * side, self.caption


@dataclass(frozen=True, slots=True)
class Colours:
    """The paper and two inks that are readable on it, as red, green, blue."""

    paper: tuple[int, ...]
    ink: tuple[int, ...]
    quiet: tuple[int, ...]

    @classmethod
    def on(cls, paper: str) -> Colours:
        """Dark ink on light paper, light ink on dark."""
        ground = tuple(bytes.fromhex(paper[1:]))
        light = sum(w * c for w, c in zip((0.299, 0.587, 0.114), ground, strict=True))
        ink = (33, 30, 28) if light > 140 else (250, 247, 240)
        quiet = tuple(round(0.66 * i + 0.34 * g) for i, g in zip(ink, ground, strict=True))
        return cls(ground, ink, quiet)


def frame(photo: pyvips.Image, params: Frame, work: Work) -> pyvips.Image:
    """The photo on a printed card; the title, the date and the logo share the lower edge."""
    title, date = tidy(params.title), tidy(date_line(params, work.now))
    logo = next((t for t in work.templates if t.role == "logo"), None)
    layout = _layout(photo, params, words=bool(title or date), caption=bool(title or date or logo))
    colours = Colours.on(params.background)
    card = pyvips.Image.black(layout.width, layout.height, bands=3)
    card = card.linear([1, 1, 1], list(colours.paper)).cast("uchar")
    card = card.copy(interpretation="srgb")
    card = _with_photo(card, photo, params, layout, work)
    left, top, width, height = layout.line
    if logo is not None:
        room = (round(width * 0.3), round(height * 0.6)) if title or date else (width, height * 2 // 3)
        card, used = _with_logo(card, logo.data, room, layout, alone=not (title or date))
        width -= used
    if title or date:
        align = "low" if logo is not None else "centre"
        blocks = _words(title, date, params.typeface, (width, height), unit=layout.unit, align=align)
        card = _with_words(card, blocks, (left, top, width, height), colours, unit=layout.unit, align=align)
    scale = min(1.0, params.max_side / max(card.width, card.height))
    density = DOTS_PER_MM * scale
    card = card.resize(scale) if scale < 1 else card
    return card.copy(xres=density, yres=density)


def date_line(params: Frame, now: datetime) -> str:
    """The date as it is printed; empty when none is wanted."""
    if params.date == "none":
        return ""
    if params.date == "text":
        return params.date_text
    today = now.astimezone(ZoneInfo(params.time_zone))
    if params.date_style in MONTHS:
        month = MONTHS[params.date_style].split()[today.month - 1]
        return f"{today.day} {month} {today.year}"
    return today.strftime("%Y-%m-%d" if params.date_style == "2026-11-23" else "%d.%m.%Y")


def _layout(photo: pyvips.Image, params: Frame, *, words: bool, caption: bool) -> Layout:
    short, long = PAPERS[params.paper]
    wide = params.orientation == "landscape" or (params.orientation == "auto" and photo.width > photo.height)
    width, height = (long, short) if wide else (short, long)
    border = round(short * params.border / 100)
    strip = max(0.17, params.border / 100 + 0.1) if words else max(0.13, params.border / 100)
    return Layout(width, height, short / 100, border, round(short * strip) if caption else 0)


def _with_photo(
    card: pyvips.Image, photo: pyvips.Image, params: Frame, layout: Layout, work: Work
) -> pyvips.Image:
    left, top, width, height = layout.window
    if params.placement == "fill":
        picture = _cropped(photo, width, height)
    else:
        scale = min(width / photo.width, height / photo.height)
        fitted = (min(width, round(photo.width * scale)), min(height, round(photo.height * scale)))
        picture = tone.resized(photo, *fitted)
    picture = LOOKS[params.look](work.render(picture.cast("uchar")), work)
    x, y = left + (width - picture.width) // 2, top + (height - picture.height) // 2
    return work.render(card.insert(picture, x, y))


def _cropped(photo: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """The photo filling ``width`` by ``height``; more is cut below than above, for the faces."""
    scale = max(width / photo.width, height / photo.height)
    filled = photo.resize(max(scale, width / photo.width), vscale=max(scale, height / photo.height))
    x = max(0, (filled.width - width) // 2)
    y = max(0, round((filled.height - height) * 0.35))
    return filled.crop(x, y, width, height)


def _with_logo(
    card: pyvips.Image, data: bytes, room: tuple[int, int], layout: Layout, *, alone: bool
) -> tuple[pyvips.Image, int]:
    """The card with the logo in the caption, and the width in pixels it took from the words."""
    try:
        logo = pyvips.Image.thumbnail_buffer(
            data, room[0], height=room[1], size="down", output_profile="srgb", fail_on="error"
        )
        logo = logo.colourspace("srgb").copy_memory()
    except pyvips.Error as error:
        raise ProviderPermanent("undecodable_logo", "the logo template cannot be read") from error
    left, top, width, height = layout.line
    x = left + (width - logo.width) // (2 if alone else 1)
    y = top + (height - logo.height) // 2
    logo = logo if logo.hasalpha() else logo.addalpha()
    card = card.composite2(logo, "over", x=x, y=y).flatten()
    return card.cast("uchar"), logo.width + round(4 * layout.unit)


def _words(
    title: str, date: str, face: str, room: tuple[int, int], *, unit: float, align: str
) -> list[tuple[str, Any]]:
    """The title and the date as masks of ink, each with the ink it is printed in."""
    width, height = room
    blocks: list[tuple[str, Any]] = []
    if date:
        tracking = 9.0 if title else 5.0
        size = 2.7 * unit if title else 4.2 * unit
        blocks.append(
            (
                "quiet",
                fit_text(
                    date,
                    "small",
                    (width, round(5 * unit)),
                    size,
                    align=align,
                    tracking=tracking,
                    max_lines=1,
                ),
            )
        )
    if title:
        rest = round(height * 0.74 - (5 * unit if date else 0))
        largest = 6.4 * unit
        mask = fit_text(title, face, (width, rest), largest, align=align)
        blocks.insert(0, ("ink", mask))
    return [(ink, mask) for ink, mask in blocks if mask is not None]


def _with_words(
    card: pyvips.Image,
    blocks: list[tuple[str, Any]],
    line: tuple[int, int, int, int],
    colours: Colours,
    *,
    unit: float,
    align: str,
) -> pyvips.Image:
    """The blocks under each other, as one group in the middle of the caption's height."""
    left, top, width, height = line
    gap = round(2.8 * unit)
    y = top + (height - sum(mask.height for _, mask in blocks) - gap * (len(blocks) - 1)) // 2
    for ink, mask in blocks:
        x = left if align == "low" else left + (width - mask.width) // 2
        colour = list(getattr(colours, ink))
        spread = mask.embed(x, y, card.width, card.height)
        card = spread.ifthenelse(colour, card, blend=True)
        y += mask.height + gap
    return card.cast("uchar").copy(interpretation="srgb")
