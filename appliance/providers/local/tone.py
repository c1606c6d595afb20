"""Light and colour: curves, exposure, grain, vignette, blur that scales with the picture.

Pixels are 0..255; curves map 0..1 to 0..1. Lengths are fractions of the longest side, so a look
is the same on a small and on a large photo.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import pyvips

from appliance.providers.local.work import Work

Curve = Callable[[float], float]

# Tables have 12 bits: eight would tear smooth skin and sky into bands under a steep curve.
STEPS = 4096
GRAIN_CELLS = 1700
GRAIN_TILE = 640
BLUR = 2.4  # pixels; what is blurred so far loses nothing by being that small
SMOOTH = 16.0  # pixels of blur, with which two pixels beside each other do not differ to the eye
# More red than a neutral grey: skin becomes brighter and smoother, as on portrait film.
PORTRAIT_GREY = (0.38, 0.49, 0.13)


def table(*curves: Curve, finished: bool = True) -> pyvips.Image:
    """A lookup table with one band per curve; ``finished`` rounds to 8 bits."""
    values = array("f")
    for step in range(STEPS):
        x = step / (STEPS - 1)
        values.extend(255.0 * min(1.0, max(0.0, curve(x))) for curve in curves)
    made = pyvips.Image.new_from_memory(values.tobytes(), STEPS, 1, len(curves), "float")
    # Not ``copy_memory``: it would return the same foreign pixels without the hold on them.
    return made.rint().cast("uchar").copy_memory() if finished else made


def lookup(image: pyvips.Image, lut: pyvips.Image) -> pyvips.Image:
    """``image`` (0..255, any format) through a table of ``STEPS`` entries."""
    return image.linear((STEPS - 1) / 255.0, 0.5).cast("ushort").maplut(lut)


def s_curve(amount: float, middle: float = 0.5) -> Curve:
    """A film-like contrast curve: steep at ``middle``, rolling off gently at both ends."""
    if amount < 0.01:
        return lambda x: x
    low = 1 / (1 + math.exp(amount * middle))
    high = 1 / (1 + math.exp(-amount * (1 - middle)))

    def curve(x: float) -> float:
        return (1 / (1 + math.exp(-amount * (x - middle))) - low) / (high - low)

    return curve


def through(points: Sequence[tuple[float, float]]) -> Curve:
    """A smooth curve through ``points`` (ascending x), which never overshoots between them."""
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)]
    inner = [0.0 if a * b <= 0 else 2 * a * b / (a + b) for a, b in pairwise(slopes)]
    tangents = [slopes[0], *inner, slopes[-1]]

    def curve(x: float) -> float:
        last = len(slopes) - 1
        i = next((i for i in range(last) if x < points[i + 1][0]), last)
        (x0, y0), (x1, y1) = points[i], points[i + 1]
        width = x1 - x0
        t = min(1.0, max(0.0, (x - x0) / width))
        return (
            y0 * (1 + 2 * t) * (1 - t) ** 2
            + tangents[i] * width * t * (1 - t) ** 2
            + y1 * t * t * (3 - 2 * t)
            + tangents[i + 1] * width * t * t * (t - 1)
        )

    return curve


def grey(photo: pyvips.Image) -> pyvips.Image:
    """One float band made of the three colours."""
    return photo.recomb(pyvips.Image.new_from_array([list(PORTRAIT_GREY)]))


def saturated(photo: pyvips.Image, amount: float) -> pyvips.Image:
    """``photo`` with its colourfulness multiplied by ``amount``; float bands."""
    rest = 1 - amount
    weights = (0.299, 0.587, 0.114)
    matrix = [
        [rest * w + (amount if row == column else 0.0) for column, w in enumerate(weights)]
        for row in range(3)
    ]
    return photo.recomb(pyvips.Image.new_from_array(matrix))


def exposure(photo: pyvips.Image) -> Curve:
    """The curve that gives this photo full blacks and whites and a readable middle.

    It goes only part of the way, so that a moody photo stays moody.
    """
    small = grey(photo.resize(256 / max(256, photo.width, photo.height), kernel="linear"))
    small = small.cast("uchar").copy_memory()
    low, middle, high = (small.percent(p) / 255.0 for p in (0.5, 50, 99.5))
    low = 0.8 * min(low, 0.2)
    high = 1 - 0.8 * (1 - max(high, 0.6))
    middle = min(0.95, max(0.05, (middle - low) / (high - low)))
    gamma = min(1.15, max(0.8, (math.log(0.45) / math.log(middle)) ** 0.5))
    return lambda x: max(0.0, (x - low) / (high - low)) ** gamma


def blurred(image: pyvips.Image, radius: float, work: Work) -> pyvips.Image:
    """``image`` blurred by ``radius`` of its longest side, computed small: wide blurs are cheap."""
    sigma = radius * max(image.width, image.height)
    factor = max(1.0, sigma / BLUR)
    small = image.resize(1 / factor, kernel="linear") if factor > 1 else image
    small = work.render(small.gaussblur(sigma / factor, precision="float"))
    return enlarged(small, image.width, image.height, sigma)


def enlarged(smooth: pyvips.Image, width: int, height: int, sigma: float) -> pyvips.Image:
    """What is blurred by ``sigma`` pixels of the size that it is stretched to."""
    # What is smooth already needs no better kernel, and the better one takes three times as long.
    if sigma < SMOOTH:
        return resized(smooth, width, height, kernel="linear")
    return spread(smooth, width, height)


def resized(image: pyvips.Image, width: int, height: int, kernel: str = "cubic") -> pyvips.Image:
    """``image`` stretched to exactly ``width`` by ``height`` pixels."""
    if (image.width, image.height) == (width, height):
        return image
    return image.resize(width / image.width, vscale=height / image.height, kernel=kernel)


def spread(smooth: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """What is very smooth, as ``resized`` does it; to half the size and then doubled, which nobody sees
    and which takes a third of the time (126 and 45 ms for 6 million pixels, 2026-11-27).
    """
    half = resized(smooth, -(-width // 2), -(-height // 2), kernel="linear")
    return half.zoom(2, 2).crop(0, 0, width, height)


def clarity(band: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """Local contrast: shapes stand out; the radius is so wide that no halo can be seen."""
    base = blurred(band, 0.02, work)
    return band.linear(1 + amount, 0) - base.linear(amount, 0)


def vignette(image: pyvips.Image, amount: float) -> pyvips.Image:
    """``image`` darkened towards its corners; ``amount`` 0..1 of the light is lost there."""
    if amount <= 0:
        return image
    size = 129
    grid = pyvips.Image.xyz(size, size).linear(2 / (size - 1), -1)
    distance = (grid[0] ** 2 + grid[1] ** 2).linear(0.5, 0)
    mask = (distance**1.4).linear(-amount, 1).copy_memory()
    return image * spread(mask, image.width, image.height)


def noise(width: int, height: int, seed: int, cells: int = GRAIN_CELLS) -> pyvips.Image:
    """Float noise around 0 with a deviation near 1, ``cells`` grains along the longest side."""
    scale = cells / max(width, height)
    small_width, small_height = max(2, round(width * scale)), max(2, round(height * scale))
    # Random numbers are slow; nobody sees that a tile of pure grain comes again.
    tile_width, tile_height = min(small_width, GRAIN_TILE), min(small_height, GRAIN_TILE)
    tile = pyvips.Image.gaussnoise(tile_width, tile_height, mean=0, sigma=1.2, seed=seed).copy_memory()
    small = tile.replicate(-(-small_width // tile_width), -(-small_height // tile_height))
    return resized(small.crop(0, 0, small_width, small_height), width, height)


def grained(image: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """``image`` with grain: strongest in the middle tones, quiet in the light and the dark."""
    if amount <= 0:
        return image
    tone = image if image.bands == 1 else image[1]
    weight = lookup(tone, _grain_weight())
    return image + noise(image.width, image.height, work.seed) * weight.linear(amount / 255, 0)


@cache
def _grain_weight() -> pyvips.Image:
    return table(lambda x: 0.3 + 2.8 * x * (1 - x), finished=False)


def screen(image: pyvips.Image, light: pyvips.Image) -> pyvips.Image:
    """Light added as by a second projector; neither can burn out."""
    dark = image.linear(-1 / 255, 1) * light.linear(-1 / 255, 1)
    return dark.linear(-255, 255)


def finished(image: pyvips.Image) -> pyvips.Image:
    """Float pixels as 8-bit sRGB."""
    return image.rint().cast("uchar").copy(interpretation="srgb")
