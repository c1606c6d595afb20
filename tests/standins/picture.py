"""Makes a stand-in's picture: the photo that was sent, cut to size, tinted, with the name on it."""

from __future__ import annotations

import importlib.resources

import pyvips

from tests.standins.base import HUGE
from tests.standins.script import Step

_TINTS = {
    "bfl": (1.2, 0.8, 1.1),
    "comfyui": (1.1, 1.1, 0.8),
    "fal": (0.9, 0.8, 1.2),
    "gemini": (0.75, 0.95, 1.25),
    "openai": (0.8, 1.2, 0.85),
    "turbotext": (1.25, 0.95, 0.75),
}
_SAVERS = {"jpeg": ".jpg[Q=88]", "png": ".png", "webp": ".webp[Q=85]"}


def edited(
    photo: bytes,
    name: str,
    *,
    size: tuple[int, int] | None = None,
    extra: bytes | None = None,
    kind: str = "jpeg",
) -> bytes:
    """``photo`` as the provider ``name`` would answer it; ``extra`` is a template, shown in a corner."""
    if size is None:
        image = pyvips.Image.thumbnail_buffer(photo, 1024, size="down")
    else:
        image = pyvips.Image.thumbnail_buffer(photo, size[0], height=size[1], crop="attention")
    image = image.colourspace("srgb")
    if image.hasalpha():
        image = image.flatten(background=[255, 255, 255])
    image = image.copy_memory()
    tint = list(_TINTS.get(name, (1.0, 1.0, 1.0)))
    image = (image * tint).cast("uchar").copy(interpretation="srgb")
    if extra is not None:
        corner = pyvips.Image.thumbnail_buffer(extra, image.width // 5).colourspace("srgb")
        if corner.hasalpha():
            corner = corner.flatten(background=[255, 255, 255])
        image = image.insert(corner, image.width - corner.width - 16, 16)
    return image_bytes(_labelled(image, f"{name} stand-in"), kind)


def image_bytes(image: pyvips.Image, kind: str) -> bytes:
    return image.write_to_buffer(_SAVERS[kind])


def as_jpeg(data: bytes) -> bytes:
    """The same picture in a smaller file; what stands behind it is left out."""
    return image_bytes(pyvips.Image.new_from_buffer(data, ""), "jpeg")


def played(data: bytes, step: Step) -> bytes:
    """A finished picture as the step wants it to arrive."""
    if step.picture:
        return step.picture
    if step.name == "huge":
        return data + bytes(HUGE - len(data))
    return data[: len(data) // 2] if step.name == "broken_picture" else data


def spelt(text: str, spelling: str) -> str:
    """Base64 as some server or proxy writes it."""
    match spelling:
        case "urlsafe":
            return text.replace("+", "-").replace("/", "_")
        case "unpadded":
            return text.rstrip("=")
        case "lines":
            return "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\r\n"
        case "data_url":
            return "data:image/jpeg;base64," + text
        case _:
            return text


def decodes(data: bytes) -> bool:
    """Whether ``data`` starts like a picture that the providers take, and opens."""
    try:
        loader = pyvips.Image.new_from_buffer(data, "").get("vips-loader")
    except pyvips.Error:
        return False
    return loader.startswith(("jpegload", "pngload", "webpload"))


def _labelled(image: pyvips.Image, text: str) -> pyvips.Image:
    font = importlib.resources.files("font_manrope") / "files" / "Manrope-Bold.ttf"
    mask = pyvips.Image.text(text, font="Manrope Bold", fontfile=str(font), dpi=300)
    mask = mask.resize(image.width * 0.45 / mask.width)
    bar = pyvips.Image.black(image.width, mask.height + 32, bands=3).linear(1, [20, 20, 20])
    bar = bar.copy(interpretation="srgb")
    bar = mask.embed(24, 16, bar.width, bar.height).ifthenelse([255, 255, 255], bar, blend=True)
    return image.insert(bar.cast("uchar"), 0, image.height - bar.height)
