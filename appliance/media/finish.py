"""The picture's way out: print size, sharpening, an overlay, type and quality of the file.

Fails soft: a picture that cannot be finished is delivered plain.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Literal

import pyvips
import structlog
from pydantic import Field

from appliance.core import decoding, jpeg
from appliance.core.clock import Deadline
from appliance.core.colours import into_srgb, rgb_of
from appliance.core.frozen import StrictModel
from appliance.core.images import JPEG, PICTURE_TYPES, EncodedImage, MediaType
from appliance.media.credentials import has_manifest
from appliance.media.imaging import Imaging
from appliance.media.mark import printed
from appliance.media.metadata import strip
from appliance.media.qr import Corner, composed

log = structlog.get_logger()

STORE_SECONDS = 0.15  # kept back so that the picture can still be stored


class OutputOptions(StrictModel):
    """What is done to a slot's pictures before they are stored; nothing by default."""

    size: str | None = Field(
        default=None,
        pattern=r"^[1-9]\d{2,3}x[1-9]\d{2,3}$",
        title="Print size, px",
        description="Exact size such as 1200x1800, 1800x1200 or 1080x1350; empty keeps the picture's own.",
    )
    fit: Literal["crop", "fit"] = Field(
        default="crop",
        title="Placement",
        description="crop fills the size and cuts off the rest; fit shows the whole picture with a border.",
    )
    border_colour: str = Field(
        default="#ffffff",
        pattern=r"^#[0-9a-fA-F]{6}$",
        title="Border colour",
        json_schema_extra={"format": "color"},
    )
    sharpen: bool = Field(
        default=True, title="Sharpen", description="Slightly, if the picture was made smaller."
    )
    media_type: MediaType | None = Field(
        default=None, title="File type", description="Empty keeps the provider's own."
    )
    quality: int = Field(default=92, ge=50, le=100, title="Quality", description="Of JPEG and WebP files.")
    qr: Corner = Field(
        default="none", title="QR code", description="The guest's link, printed in a corner of the picture."
    )
    qr_percent: int = Field(
        default=18, ge=8, le=45, title="QR size, %", description="Of the picture's shorter side."
    )
    qr_colour: str = Field(
        default="#000000",
        pattern=r"^#[0-9a-fA-F]{6}$",
        title="QR colour",
        description="On white; dark colours scan best.",
        json_schema_extra={"format": "color"},
    )

    @property
    def plain(self) -> bool:
        """Whether these options leave the picture as the provider made it."""
        return self.size is None and self.media_type is None and self.qr == "none"

    @property
    def pixels(self) -> tuple[int, int] | None:
        """``size`` as width and height."""
        if self.size is None:
            return None
        width, _, height = self.size.partition("x")
        return int(width), int(height)


class Finisher:
    """Finishes pictures in the imaging threads."""

    def __init__(self, imaging: Imaging) -> None:
        self._imaging = imaging

    async def finish(
        self,
        picture: EncodedImage,
        options: OutputOptions,
        overlay: bytes | None,
        deadline: Deadline,
        link: str = "",
        words: str = "",
    ) -> EncodedImage:
        """``picture`` as the slot wants it, without metadata (but a provider's
        content credentials, where nothing is changed); the plain one when that fails or is late.

        ``link`` is the guest's, for the QR code; ``words`` are printed small into a corner.
        """
        try:
            async with deadline.shortened(STORE_SECONDS).guard():
                untouched = as_it_is(options, overlay, words)
                if not untouched or await asyncio.to_thread(not_shown_as_it_is, picture.data):
                    size = await asyncio.to_thread(decoding.decoded_bytes_of, picture.data)
                    return await self._imaging.run(
                        size, finish, picture.data, picture.media_type, options, overlay, link, words
                    )
        except (pyvips.Error, TimeoutError) as error:
            log.warning("picture.not_finished", error=str(error).split("\n")[0] or type(error).__name__)
        return await asyncio.to_thread(_plain, picture)


def _plain(picture: EncodedImage) -> EncodedImage:
    """``picture`` without metadata but a manifest: that holds for these very bytes."""
    if has_manifest(picture):
        return picture
    return EncodedImage(strip(picture.data, picture.media_type), picture.media_type)


def as_it_is(options: OutputOptions, overlay: bytes | None, words: str) -> bool:
    """Whether nothing is put on a picture and nothing changed, so that finishing takes no time."""
    return options.plain and overlay is None and not words


def actions_of(options: OutputOptions, overlay: bytes | None, words: str) -> list[str]:
    """What finishing does to a picture, in the names that content credentials have for it."""
    done = {
        "c2pa.cropped": options.size is not None and options.fit == "crop",
        "c2pa.resized": options.size is not None,
        "c2pa.transcoded": options.media_type is not None,
        "c2pa.addedText": bool(words),
        "c2pa.edited": overlay is not None or options.qr != "none",
    }
    return [action for action, is_done in done.items() if is_done] or ["c2pa.edited.metadata"]


def not_shown_as_it_is(data: bytes) -> bool:
    """Whether the picture must be turned to be seen upright, or is a JPEG that browsers do not show.
    Blocking, for a moment only: the pixels are not read.
    """
    return orientation_of(data) != 1 or (JPEG.starts(data) and jpeg.is_arithmetic(data))


def orientation_of(data: bytes) -> int:
    """How the picture says that it must be turned; 1 is upright."""
    return decoding.orientation_of(pyvips.Image.new_from_buffer(data, "", access="sequential"))


def finish(
    data: bytes,
    media_type: str,
    options: OutputOptions,
    overlay: bytes | None,
    link: str = "",
    words: str = "",
) -> EncodedImage:
    """``data`` as the slot wants it. Blocking; raises ``pyvips.Error`` for a picture it cannot read."""
    data = strip(data, media_type, orientation_of(data))
    original = pyvips.Image.new_from_buffer(data, "").autorot()
    image = _as_rgb(original)
    if options.pixels is not None:
        image = _fitted(data, options, into_srgb(original), *options.pixels)
    if options.sharpen and image.width < original.width:
        image = image.sharpen(sigma=0.7, x1=2, y2=8, y3=12, m1=0, m2=2)
    if overlay is not None:
        image = _overlaid(image, overlay)
    if link:
        image = composed(image, link, options.qr, options.qr_percent, options.qr_colour)
    if words:
        image = printed(image, words, right=options.qr != "bottom-right")
    kind = PICTURE_TYPES[options.media_type or media_type]
    if image.hasalpha() and not kind.transparent:
        image = image.flatten(background=rgb_of(options.border_colour))
    quality = {"Q": options.quality} if kind.qualities else {}
    # With a profile of our own: one with spare bytes at its end, as some programs pad it, ends PNG files.
    encoded: bytes = image.write_to_buffer(kind.saver, keep="icc", profile="srgb", **quality)
    return EncodedImage(encoded, kind.media_type)


def _as_rgb(image: pyvips.Image) -> pyvips.Image:
    """``image`` in sRGB, three bands of 8 bits, and transparency: colours that are put on it are such."""
    options = into_srgb(image)
    if not options:
        return image
    longest = max(image.width, image.height)
    # A thumbnail of the same size: unlike a mere conversion, it manages with a profile that is broken.
    image = image.thumbnail_image(longest, height=longest, size="down", **options)
    return image.colourspace("srgb").cast("uchar")


def _fitted(
    data: bytes, options: OutputOptions, colours: dict[str, Any], width: int, height: int
) -> pyvips.Image:
    made = partial(pyvips.Image.thumbnail_buffer, data, width, height=height, size="both", **colours)
    if options.fit == "crop":
        # The most interesting part stays: with people in it, that is them.
        return _as_rgb(made(crop="attention"))
    inside = _as_rgb(made())
    if inside.hasalpha():
        inside = inside.flatten(background=rgb_of(options.border_colour))
    return inside.gravity(
        "centre", width, height, extend="background", background=rgb_of(options.border_colour)
    )


def _overlaid(image: pyvips.Image, overlay: bytes) -> pyvips.Image:
    top = pyvips.Image.thumbnail_buffer(overlay, image.width, height=image.height, size="force")
    if not top.hasalpha():
        top = top.addalpha()
    both = image.composite2(top.colourspace("srgb"), "over").cast("uchar")
    return both if image.hasalpha() else both.flatten()
