"""What each local look can be asked for; these models also make the admin form and the help."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from appliance.core.language import Message
from appliance.providers.base import Params

Amount = Annotated[int, Field(ge=0, le=100)]
HexColour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$", json_schema_extra={"format": "color"})]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(Message("unknown time zone %(zone)s; write it like Europe/Moscow", zone=repr(name)))
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Output(Params):
    """What every look has: how large and how finely the finished JPEG is written."""

    max_side: int = Field(
        default=3000,
        ge=512,
        le=6000,
        title="Longest side, px",
        description="The finished picture's longest side; a smaller photo is not enlarged.",
    )
    quality: int = Field(
        default=90,
        ge=60,
        le=100,
        title="JPEG quality",
        description="Higher keeps more detail and makes a larger file.",
    )


class Monochrome(Output):
    """Black and white with the contrast and grain of film."""

    contrast: Amount = Field(default=50, title="Contrast", description="0 is soft and flat, 100 is hard.")
    grain: Amount = Field(default=30, title="Grain", description="How strong the film grain is; 0 is none.")
    toning: Literal["neutral", "warm", "cool"] = Field(
        default="neutral", title="Toning", description="The tint of the greys."
    )
    vignette: Amount = Field(default=25, title="Vignette", description="How much the corners darken.")


class Vintage(Output):
    """A print from an old album: warm, faded, a little grainy."""

    warmth: Amount = Field(default=50, title="Warmth", description="How far the colours lean towards amber.")
    fade: Amount = Field(
        default=50, title="Fade", description="How pale the blacks and the colours have become."
    )
    light_leak: bool = Field(
        default=False,
        title="Light leak",
        description="A warm flare from one edge, placed differently in each picture.",
    )
    grain: Amount = Field(default=30, title="Grain", description="How strong the film grain is; 0 is none.")
    vignette: Amount = Field(default=35, title="Vignette", description="How much the corners darken.")


class Duotone(Output):
    """Two brand colours: one for the shadows, one for the light."""

    shadow: HexColour = Field(
        default="#2b1055", title="Shadow colour", description="What black becomes, as #rrggbb."
    )
    highlight: HexColour = Field(
        default="#ffd6a5", title="Light colour", description="What white becomes, as #rrggbb."
    )
    contrast: Amount = Field(default=50, title="Contrast", description="0 is soft and flat, 100 is hard.")


class Sketch(Output):
    """A pencil drawing on paper."""

    line_strength: Amount = Field(
        default=55, title="Line strength", description="How hard the pencil seems to be pressed."
    )
    shading: Amount = Field(
        default=50,
        title="Shading",
        description="How much the shadows are hatched; 0 is lines only.",
    )
    paper: Literal["white", "ivory", "kraft"] = Field(
        default="ivory", title="Paper tone", description="The colour of the paper."
    )
    colour: Amount = Field(
        default=0,
        title="Colour",
        description="0 is graphite; higher adds the photo's colours as coloured pencil.",
    )


class Comic(Output):
    """A comic page: flat colour areas inside ink outlines."""

    levels: int = Field(
        default=6,
        ge=3,
        le=8,
        title="Colour steps",
        description="How many levels of light the flat areas have.",
    )
    ink: Amount = Field(default=55, title="Ink", description="How much is outlined; 0 leaves flat colours.")
    saturation: Amount = Field(
        default=55, title="Colourfulness", description="50 keeps the photo's own colourfulness."
    )
    halftone: bool = Field(
        default=False, title="Halftone dots", description="Print the shadows as rows of dots."
    )


class Pop(Output):
    """Four bright prints of the same portrait in one picture."""

    palette: Literal["classic", "neon", "pastel"] = Field(
        default="classic", title="Palette", description="The set of colours of the four prints."
    )
    contrast: Amount = Field(default=55, title="Contrast", description="0 is soft and flat, 100 is hard.")


class Glow(Output):
    """Soft light: smoothed skin and a gentle glow around what is bright."""

    strength: Amount = Field(default=50, title="Glow", description="How strongly the bright areas glow.")
    smoothing: Amount = Field(
        default=45, title="Skin smoothing", description="How far fine texture is evened out."
    )
    warmth: Amount = Field(default=30, title="Warmth", description="How far the colours lean towards amber.")


class Frame(Output):
    """A print with a border, the event's title, the date and a logo."""

    paper: Literal["10x15", "13x18", "15x20", "square"] = Field(
        default="10x15",
        title="Print size, cm",
        description="10x15 is 1200 by 1800 px, 13x18 is 1500 by 2100, 15x20 is 1800 by 2400, "
        "square is 1800 by 1800 (300 dots per inch).",
    )
    orientation: Literal["auto", "portrait", "landscape"] = Field(
        default="auto", title="Orientation", description="auto follows the photo."
    )
    placement: Literal["fill", "fit"] = Field(
        default="fill",
        title="Photo",
        description="fill crops the photo to its window; fit shows all of it.",
    )
    look: Literal["none", "monochrome", "vintage", "glow"] = Field(
        default="none", title="Look", description="What is done to the photo before it is framed."
    )
    background: HexColour = Field(
        default="#ffffff",
        title="Border colour",
        description="As #rrggbb; the text turns dark or light so that it can be read.",
    )
    border: int = Field(
        default=5,
        ge=0,
        le=12,
        title="Border, %",
        description="The border's width as a percentage of the print's short side.",
    )
    title: str = Field(
        default="",
        max_length=120,
        title="Event title",
        description="Printed under the photo; a long title is set smaller, on two or three lines.",
    )
    typeface: Literal["serif", "sans"] = Field(
        default="serif", title="Typeface", description="Both have Latin and Cyrillic letters."
    )
    date: Literal["none", "today", "text"] = Field(
        default="none", title="Date", description="today's date, or the date text as written."
    )
    date_text: str = Field(
        default="",
        max_length=60,
        title="Date text",
        description="Printed as written if Date is a custom text, such as 23 November 2026.",
    )
    date_style: Literal["23.11.2026", "2026-11-23", "23 November 2026", "23 ноября 2026"] = Field(
        default="23.11.2026", title="Date style", description="How today's date is written."
    )
    time_zone: TimeZone = Field(
        default="UTC",
        title="Time zone",
        description="The time zone that decides what today is, such as Europe/Moscow.",
    )
