"""Sizes of OpenAI's pictures: names for shapes, and the rules for any width and height."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from appliance.core.language import Message
from appliance.providers.catalogue import Capabilities, FreeSize

# Shorter side to longer side; they lie or stand as the photo does.
SHAPES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"10x15": (2, 3), "4:3": (3, 4), "16:9": (9, 16), "square": (1, 1)}
)
NAMES = ("photo", *SHAPES, "auto")
SIZE_PATTERN = r"^(photo|auto|square|10x15|4:3|16:9|[1-9]\d{2,3}x[1-9]\d{2,3})$"
# Pixels of the shorter side where only a shape was chosen: that of the sizes whose prices are published.
USUAL_SHORTER_SIDE = 1024

_TYPED = re.compile(r"(\d{3,4})x(\d{3,4})")


def choices(capabilities: Capabilities) -> tuple[str, ...]:
    """The sizes to choose from: names, and the sizes of a model that has only a few."""
    return (*NAMES, *capabilities.sizes)


def problem(size: str, model: str, capabilities: Capabilities) -> Message | None:
    """What is wrong with a size for a model, with one that it takes instead."""
    if size in NAMES or size in capabilities.sizes:
        return None
    rules = capabilities.free_size
    if rules is None:
        return Message("%(model)s takes %(known)s", model=model, known=", ".join(choices(capabilities)))
    width, height = _parts(size)
    if _fits(width, height, rules):
        return None
    return Message(
        "%(model)s takes sides that %(multiple)s divides, %(least)s to %(most)s pixels, at most "
        "%(longest)sx%(shorter)s and %(ratio)s to 1; %(near)s would do",
        model=model,
        multiple=rules.multiple,
        least=rules.least_pixels,
        most=rules.most_pixels,
        longest=rules.longest_side,
        shorter=rules.shorter_side,
        ratio=f"{rules.longest_ratio:g}",
        near=nearest_allowed(width, height, rules),
    )


def size_for(size: str, photo: tuple[int, int], capabilities: Capabilities) -> str:
    """The value of ``size`` for a photo of these pixels: always one that the model takes."""
    if size == "auto" or size in capabilities.sizes:
        return size
    typed = _TYPED.fullmatch(size)
    width, height = (int(typed[1]), int(typed[2])) if typed else _shaped(size, photo)
    if capabilities.free_size is not None:
        return nearest_allowed(width, height, capabilities.free_size)
    return _nearest_shape(width, height, capabilities.sizes)


def _parts(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _shaped(name: str, photo: tuple[int, int]) -> tuple[int, int]:
    """A shape in the usual size, standing or lying like the photo."""
    shorter, longer = SHAPES.get(name, (min(photo), max(photo)))
    long_side = round(USUAL_SHORTER_SIDE * longer / shorter)
    return (long_side, USUAL_SHORTER_SIDE) if photo[0] > photo[1] else (USUAL_SHORTER_SIDE, long_side)


def _fits(width: int, height: int, rules: FreeSize) -> bool:
    shorter, longer = sorted((width, height))
    return (
        width % rules.multiple == 0
        and height % rules.multiple == 0
        and rules.least_pixels <= width * height <= rules.most_pixels
        and longer <= rules.longest_side
        and shorter <= rules.shorter_side
        and longer <= shorter * rules.longest_ratio
    )


def nearest_allowed(width: int, height: int, rules: FreeSize) -> str:
    """The size closest to ``width`` x ``height`` that the rules allow, in the same shape where they do."""
    shorter, longer = sorted((float(width), float(height)))
    shorter = max(shorter, longer / rules.longest_ratio)
    grown = max(1.0, math.sqrt(rules.least_pixels / (shorter * longer)))
    shorter, longer = shorter * grown, longer * grown
    shrunk = min(
        1.0,
        rules.longest_side / longer,
        rules.shorter_side / shorter,
        math.sqrt(rules.most_pixels / (shorter * longer)),
    )
    short, long = (_steps(side * shrunk, rules.multiple) for side in (shorter, longer))
    while short * long < rules.least_pixels or long > short * rules.longest_ratio:
        short += rules.multiple
    while short * long > rules.most_pixels or long > rules.longest_side or short > rules.shorter_side:
        short, long = (short - rules.multiple, long) if short > long else (short, long - rules.multiple)
    return f"{short}x{long}" if width <= height else f"{long}x{short}"


def _steps(side: float, multiple: int) -> int:
    return max(round(side / multiple), 1) * multiple


def _nearest_shape(width: int, height: int, sizes: tuple[str, ...]) -> str:
    """The size of ``sizes`` closest in shape; ``auto`` without sizes."""

    def distance(size: str) -> float:
        across, down = _parts(size)
        shape, wanted = width / height, across / down
        return max(shape, wanted) / min(shape, wanted)

    return min(sizes, key=distance, default="auto")
