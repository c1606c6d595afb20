"""Real photographs for the drivers' tests."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import skimage.data
from PIL import Image

from appliance.providers.base import EncodedImage, TemplateImage


@cache
def _pixels(name: str) -> Image.Image:
    return Image.fromarray(getattr(skimage.data, name)())


@cache
def picture_bytes(
    name: str = "astronaut", *, size: tuple[int, int] = (300, 400), kind: str = "JPEG"
) -> bytes:
    """A real photograph, cut to ``size`` pixels."""
    out = io.BytesIO()
    _pixels(name).resize(size).save(out, kind)
    return out.getvalue()


def noise_bytes(side: int) -> bytes:
    """A JPEG of noise, ``side`` pixels wide and high: it hardly compresses."""
    out = io.BytesIO()
    Image.effect_noise((side, side), 120).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


@dataclass
class Photo:
    """A guest's photo for drivers; ``asked`` lists the sides that were asked for."""

    path: Path
    width: int
    height: int
    media_type: str = "image/jpeg"
    asked: list[int | None] = field(default_factory=list)

    async def encoded(self, max_side: int | None, quality: int = 92) -> EncodedImage:
        self.asked.append(max_side)
        data = self.path.read_bytes()
        if max_side is None:
            return EncodedImage(data, self.media_type)
        image = Image.open(io.BytesIO(data))
        image.thumbnail((max_side, max_side))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return EncodedImage(out.getvalue(), "image/jpeg")


def photo_in(folder: Path, data: bytes | None = None) -> Photo:
    """A portrait photo as a file in ``folder``."""
    path = folder / "photo.jpg"
    path.write_bytes(data or picture_bytes())
    with Image.open(path) as image:
        width, height = image.size
    return Photo(path, width, height)


def template(role: str, name: str = "coffee", *, kind: str = "JPEG") -> TemplateImage:
    """A template image with ``role``."""
    data = picture_bytes(name, size=(240, 180), kind=kind)
    return TemplateImage(data, f"image/{kind.lower()}", role, f"media-{role}")
