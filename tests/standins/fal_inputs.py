"""What fal's apps take: each field with its check, as strict as the app's page."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

from tests.standins.picture import decodes

Check = Callable[[Any], bool]
Item = dict[str, Any]


def _one_of(*values: str) -> Check:
    return lambda value: value in values


def _ratio(values: str) -> Check:
    return _one_of(*values.split())


def _number(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _text(most: int) -> Check:
    return lambda value: isinstance(value, str) and 0 < len(value) <= most


def _pictures(most: int) -> Check:
    return lambda value: (
        isinstance(value, list) and len(value) in range(1, most + 1) and all(map(_opens, value))
    )


_COMMON: dict[str, Check] = {
    "prompt": _text(50_000),
    "seed": _number(0, 2**32 - 1),
    "sync_mode": lambda value: isinstance(value, bool),
}
# app: its fields; `prompt` and the pictures are required
APPS: dict[str, dict[str, Check]] = {
    "google/nano-banana-2.1/edit": _COMMON
    | {
        "image_urls": _pictures(14),
        "num_images": _number(1, 4),
        "aspect_ratio": _ratio("auto 21:9 16:9 3:2 4:3 5:4 1:1 4:5 3:4 2:3 9:16 4:1 1:4 8:1 1:8"),
        "resolution": _one_of("1K", "2K", "4K"),
        "output_format": _one_of("jpeg", "png", "webp"),
        "safety_tolerance": _one_of(*"123456"),
    },
    "fal-ai/flux-pro/kontext": _COMMON
    | {
        "image_url": lambda value: isinstance(value, str) and _opens(value),
        "num_images": _number(1, 4),
        "aspect_ratio": _ratio("21:9 16:9 4:3 3:2 1:1 2:3 3:4 9:16 9:21"),
        "output_format": _one_of("jpeg", "png"),
        "guidance_scale": lambda value: isinstance(value, int | float) and 1 <= value <= 20,
        "safety_tolerance": _one_of(*"123456"),
    },
    "fal-ai/flux-2-pro/edit": _COMMON
    | {
        "image_urls": _pictures(9),
        "output_format": _one_of("jpeg", "png"),
        "safety_tolerance": _one_of(*"12345"),
    },
}


def wrong_input(app: str, body: dict[str, Any]) -> list[Item]:
    """What the app's own check of its input finds."""
    fields = APPS[app]
    pictures = "image_urls" if "image_urls" in fields else "image_url"
    missing = [name for name in ("prompt", pictures) if name not in body]
    if missing:
        return [_item(missing[0], "Field required", "missing")]
    for name, value in body.items():
        if name not in fields:
            return [_item(name, "Extra inputs are not permitted", "extra_forbidden")]
        if not fields[name](value):
            kind = "image_load_error" if name == pictures else "value_error"
            return [_item(name, "Input should be valid", kind)]
    return []


def _item(name: str, message: str, kind: str) -> Item:
    return {"loc": ["body", name], "msg": message, "type": kind}


def _opens(uri: str) -> bool:
    try:
        return decodes(bytes_of(uri))
    except ValueError:
        return False


def bytes_of(uri: str) -> bytes:
    head, _, text = uri.partition(",")
    if head not in {f"data:image/{kind};base64" for kind in ("jpeg", "png", "webp")}:
        raise ValueError("not a data URI of a picture")
    return binascii.a2b_base64(text, strict_mode=True)
