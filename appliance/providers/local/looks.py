"""The photographic looks: monochrome, vintage, duotone, pop, glow.

Each takes the upright sRGB photo in memory and returns 8-bit sRGB pixels.
"""

from __future__ import annotations

from array import array
from functools import lru_cache

import pyvips

from appliance.providers.local import tone
from appliance.providers.local.edges import smoothed
from appliance.providers.local.settings import Duotone, Glow, Monochrome, Pop, Vintage
from appliance.providers.local.work import Work

# Red, green, blue added at the darkest and at the lightest tones, 0..1.
TONINGS = {
    "neutral": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "warm": ((0.045, 0.02, 0.0), (0.0, -0.02, -0.075)),
    "cool": ((-0.005, 0.012, 0.04), (-0.05, -0.015, 0.0)),
}

PALETTES = {
    "classic": (
        ("#3a0ca3", "#f72585", "#ffe14d"),
        ("#0b3d5c", "#00a6a6", "#ffb703"),
        ("#5f0f40", "#fb5607", "#9bf6ff"),
        ("#14213d", "#7209b7", "#80ed99"),
    ),
    "neon": (
        ("#10002b", "#ff006e", "#00f5d4"),
        ("#03071e", "#8338ec", "#fee440"),
        ("#001219", "#00bbf9", "#ff99e6"),
        ("#240046", "#ff5400", "#caffbf"),
    ),
    "pastel": (
        ("#4a4e69", "#e29aa4", "#fff1e6"),
        ("#3d5a80", "#98c1d9", "#fdf6e3"),
        ("#5b5f46", "#b5c99a", "#fffbe6"),
        ("#5e548e", "#c8a4d4", "#fff0f5"),
    ),
}


def monochrome(photo: pyvips.Image, params: Monochrome, work: Work) -> pyvips.Image:
    """Black and white: portrait grey, local contrast, grain, then the toned film curve."""
    band = tone.lookup(tone.grey(photo), tone.table(tone.exposure(photo), finished=False))
    band = tone.clarity(work.render(band), 0.25, work)
    band = tone.vignette(band, params.vignette / 100 * 0.8)
    band = tone.grained(band, params.grain / 100 * 26, work)
    return _srgb(tone.lookup(band, _toned(params.contrast, params.toning)))


def _srgb(image: pyvips.Image) -> pyvips.Image:
    return image.copy(interpretation="srgb")


# The tables depend on a slot's settings alone, so the next guest's picture finds them ready.
@lru_cache(maxsize=64)
def _toned(amount: int, toning: str) -> pyvips.Image:
    dark, light = TONINGS[toning]
    contrast = tone.s_curve(amount / 100 * 7, 0.47)

    def channel(low: float, high: float) -> tone.Curve:
        def curve(x: float) -> float:
            y = contrast(x)
            # Pure black and white keep a little room, as paper does, for the tint to show.
            return 0.015 + 0.975 * y + low * (1 - y) ** 2 + high * y * (1.3 - 0.3 * y) * 0.8

        return curve

    return tone.table(*(channel(low, high) for low, high in zip(dark, light, strict=True)))


def vintage(photo: pyvips.Image, params: Vintage, work: Work) -> pyvips.Image:
    """Muted colours, a vignette and grain on the negative, then the faded, warm print curves."""
    image = tone.lookup(photo, tone.table(tone.exposure(photo), finished=False))
    image = tone.saturated(image, 1 - 0.32 * params.fade / 100)
    image = tone.vignette(image, params.vignette / 100 * 0.75)
    image = tone.grained(image, params.grain / 100 * 24, work)
    image = tone.lookup(image, _faded(params.fade, params.warmth))
    if params.light_leak:
        image = tone.screen(image, _light_leak(image.width, image.height, work.seed))
    return tone.finished(image)


@lru_cache(maxsize=64)
def _faded(fade_percent: int, warmth_percent: int) -> pyvips.Image:
    """Red, green and blue: blacks lifted (blue most), whites held back (blue most)."""
    fade, warmth = fade_percent / 100, warmth_percent / 100
    black, white = 0.18 * fade, 1 - 0.05 * fade
    red = ((0, black * 0.9), (0.25, 0.25 + 0.02 * warmth), (0.6, 0.64 + 0.04 * warmth), (1, white))
    green = (
        (0, black * 0.85),
        (0.25, 0.25),
        (0.6, 0.62 + 0.01 * warmth),
        (1, white - 0.02 * warmth),
    )
    blue = ((0, black * 1.3), (0.25, 0.27), (0.6, 0.6 - 0.06 * warmth), (1, white - 0.17 * warmth))
    return tone.table(*(tone.through(points) for points in (red, green, blue)), finished=False)


def _light_leak(width: int, height: int, seed: int) -> pyvips.Image:
    """An orange flare from the left or the right edge; where, the seed decides."""
    size = 128
    grid = pyvips.Image.xyz(size, size).linear(1 / (size - 1), 0)
    across = grid[0] if seed & 1 else grid[0].linear(-1, 1)
    centre = 0.15 + 0.7 * ((seed >> 1) % 97) / 96
    along = (grid[1] - centre) ** 2
    near = ((across**2).linear(-9, 0) + along.linear(-3.2, 0)).exp()
    core = ((across**2).linear(-60, 0) + along.linear(-7, 0)).exp()
    flare = near * [215, 82, 20] + core * [40, 90, 60]
    return tone.resized(flare.copy_memory(), width, height)


@lru_cache(maxsize=64)
def _gradient(colours: tuple[str, ...], steepness: float) -> pyvips.Image:
    """A table from grey to ``colours``, mixed in Lab: the steps between look even to the eye."""
    contrast = tone.s_curve(steepness)
    stops = pyvips.Image.new_from_memory(
        b"".join(bytes.fromhex(colour[1:]) for colour in colours), len(colours), 1, 3, "uchar"
    ).copy(interpretation="srgb")
    lab = [stops.colourspace("lab")(x, 0) for x in range(len(colours))]
    last = len(colours) - 1
    values: list[float] = []
    for step in range(tone.STEPS):
        y = min(1.0, max(0.0, contrast(step / (tone.STEPS - 1)))) * last
        i = min(last - 1, int(y))
        values += [a + (b - a) * (y - i) for a, b in zip(lab[i], lab[i + 1], strict=True)]
    made = pyvips.Image.new_from_memory(array("f", values).tobytes(), tone.STEPS, 1, 3, "float")
    return made.copy(interpretation="lab").colourspace("srgb").copy_memory()


def duotone(photo: pyvips.Image, params: Duotone, work: Work) -> pyvips.Image:
    """The photo's light drawn between two colours."""
    band = tone.lookup(tone.grey(photo), tone.table(tone.exposure(photo), finished=False))
    band = tone.clarity(work.render(band), 0.2, work)
    gradient = _gradient((params.shadow, params.highlight), params.contrast / 100 * 8)
    return _srgb(tone.lookup(band, gradient))


def pop(photo: pyvips.Image, params: Pop, work: Work) -> pyvips.Image:
    """Two by two prints, each in three colours, with a thin white line between."""
    gap = max(2, round(max(photo.width, photo.height) * 0.006))
    width, height = (max(1, (side - gap) // 2) for side in (photo.width, photo.height))
    half = tone.resized(photo, width, height)
    band = tone.lookup(tone.grey(half), tone.table(tone.exposure(photo), finished=False))
    band = work.render(tone.clarity(work.render(band), 0.35, work))
    sheet = pyvips.Image.black(photo.width, photo.height, bands=3).linear(1, 255, uchar=True)
    right, below = photo.width - width, photo.height - height
    places = ((0, 0), (right, 0), (0, below), (right, below))
    for colours, place in zip(PALETTES[params.palette], places, strict=True):
        sheet = sheet.insert(tone.lookup(band, _gradient(colours, params.contrast / 100 * 10)), *place)
    return _srgb(sheet)


def glow(photo: pyvips.Image, params: Glow, work: Work) -> pyvips.Image:
    """Smoothed texture, light that spreads from what is bright, a touch of warmth."""
    strength, warmth = params.strength / 100, params.warmth / 100
    image = tone.lookup(photo, tone.table(tone.exposure(photo), finished=False))
    if params.smoothing:
        even = smoothed(image, 0.006, 0.09, work)
        share = 0.85 * params.smoothing / 100
        image = even.linear(share, 0) + image.linear(1 - share, 0)
    image = work.render(image)
    bright = tone.lookup(image, tone.table(lambda x: x**1.8, finished=False))
    light = tone.blurred(bright, 0.012, work)
    image = tone.screen(image, light.linear(0.65 * strength, 0))
    # Screening lifts everything; the curve gives back the depth it took.
    deepen = tone.s_curve(1.8 * strength, 0.58)
    red, green, blue = 1 + 0.05 * warmth, 1.0, 1 - 0.1 * warmth
    curves = [_tinted(deepen, gain) for gain in (red, green, blue)]
    return tone.finished(tone.lookup(tone.saturated(image, 1.06), tone.table(*curves)))


def _tinted(curve: tone.Curve, gain: float) -> tone.Curve:
    return lambda x: curve(x) ** (1 / gain)
