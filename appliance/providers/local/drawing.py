"""The drawn looks: pencil sketch and comic page."""

from __future__ import annotations

from functools import cache

import pyvips

from appliance.providers.local import tone
from appliance.providers.local.edges import smoothed
from appliance.providers.local.settings import Comic, Sketch
from appliance.providers.local.work import Work

PAPERS = {
    "white": ([252, 252, 251], [46, 46, 50]),
    "ivory": ([249, 244, 232], [52, 48, 46]),
    "kraft": ([208, 180, 142], [44, 34, 28]),
}


# From light (0..1) to how much of the paper a hatch, or a dot, may cover.
FIRST_HATCH = ((0.0, 0.9), (0.3, 0.55), (0.6, 0.16), (0.8, 0.0), (1.0, 0.0))
SECOND_HATCH = ((0.0, 0.8), (0.22, 0.35), (0.4, 0.0), (1.0, 0.0))
DOT_SIZE = ((0.0, 0.62), (0.3, 0.5), (0.62, 0.1), (0.7, 0.0), (1.0, 0.0))
# The longest side, in pixels, on which the comic's shapes are found; they are enlarged after.
COMIC_CELLS = 1500


def sketch(photo: pyvips.Image, params: Sketch, work: Work) -> pyvips.Image:
    """Pencil lines where the photo changes, hatching where it is dark, on toned paper."""
    paper, graphite = PAPERS[params.paper]
    band = tone.lookup(tone.grey(photo), tone.table(tone.exposure(photo), finished=False))
    calm = work.render(smoothed(work.render(band), 0.0022, 0.035, work, cells=1600))
    density = _pencil_lines(calm, params.line_strength / 100, work)
    if params.shading:
        density = density + _hatching(calm, params.shading / 100, work)
    width, height = photo.width, photo.height
    tooth = tone.noise(width, height, work.seed, cells=1300).linear(0.16, 0.9)
    density = work.render(_clamped(density * tooth))
    ground = pyvips.Image.black(width, height, bands=3).linear([1, 1, 1], paper)
    if params.colour:
        ground = _crayon(photo, ground, params.colour / 100, work)
    return tone.finished(ground + density * (ground.linear(-1, graphite)))


def _clamped(band: pyvips.Image) -> pyvips.Image:
    """``band`` held within 0..1."""
    return (band > 0).ifthenelse((band < 1.0).ifthenelse(band, 1.0), 0.0)


def _pencil_lines(calm: pyvips.Image, strength: float, work: Work) -> pyvips.Image:
    """Graphite 0..1 along edges: where a pixel is darker than its neighbourhood."""
    fine, broad = (_darker_than_around(calm, radius, work) for radius in (0.0016, 0.005))
    # A soft knee: faint marks stay faint, strong ones do not become black bars.
    amount = 1.0 + 5.0 * strength
    density = fine.linear(1.2, 0) + broad
    return density.linear(-amount * 1.6, 0).exp().linear(-0.92, 0.92)


def _darker_than_around(calm: pyvips.Image, radius: float, work: Work) -> pyvips.Image:
    """By which share, 0..1, each pixel is darker than its surroundings; 0 where it is lighter."""
    # The 8 keeps noise in the blacks from counting as edges.
    ratio = calm.linear(1, 8) / tone.blurred(calm, radius, work).linear(1, 8)
    share = ratio.linear(-1, 0.985)
    return (share > 0).ifthenelse(share, 0.0)


def _hatching(calm: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """Slanted strokes 0..1, denser in the shadows; the darkest parts are crossed."""
    width, height = calm.width, calm.height
    broad = tone.blurred(calm, 0.0025, work)
    first, second = _darkness(FIRST_HATCH), _darkness(SECOND_HATCH)
    strokes = _strokes(width, height, 52, work.seed).linear(0.34, 0.5)
    crossed = _strokes(width, height, 18, work.seed + 1).linear(0.34, 0.4)
    shade = tone.lookup(broad, first) * strokes + tone.lookup(broad, second) * crossed
    return shade.linear(1.2 * amount / 255, 0)


@cache
def _darkness(points: tuple[tuple[float, float], ...]) -> pyvips.Image:
    """A table from light to how much ink or graphite it gets."""
    return tone.table(tone.through(points), finished=False)


def _strokes(width: int, height: int, angle: float, seed: int) -> pyvips.Image:
    """Noise drawn out along ``angle`` degrees: the marks of a pencil's side."""
    cells, length = 1150, 22
    scale = cells / max(width, height)
    w, h = max(2, round(width * scale)), max(2, round(height * scale))
    side = int((w * w + h * h) ** 0.5) + 4
    streaks = pyvips.Image.gaussnoise(side // length + 2, side, sigma=1.3, mean=0, seed=seed)
    streaks = streaks.copy_memory().resize(length, vscale=1, kernel="cubic")
    turned = streaks.crop(0, 0, side, side).copy_memory().rotate(-angle)
    left, top = (turned.width - w) // 2, (turned.height - h) // 2
    return tone.resized(turned.crop(left, top, w, h).copy_memory(), width, height)


def _crayon(photo: pyvips.Image, ground: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """The paper tinted with the photo's colours, a little outside the lines as by hand."""
    soft = tone.blurred(photo, 0.003, work)
    soft = tone.saturated(soft, 1.25).linear(0.62, 96)
    soft = (soft < 255).ifthenelse(soft, 255)
    tinted = ground * soft.linear(1 / 255, 0)
    return ground.linear(1 - amount, 0) + tinted.linear(amount, 0)


def comic(photo: pyvips.Image, params: Comic, work: Work) -> pyvips.Image:
    """Flat steps of light in lively colours, dots in the shadows if wanted, ink on top."""
    width, height = photo.width, photo.height
    small = photo.resize(min(1.0, COMIC_CELLS / max(width, height)))
    small = tone.lookup(small, tone.table(tone.exposure(photo), finished=False))
    calm = work.render(smoothed(work.render(small), 0.002, 0.05, work, cells=COMIC_CELLS))
    flat = calm
    for radius in (0.004, 0.006):
        flat = work.render(smoothed(flat, radius, 0.07, work, cells=COMIC_CELLS // 2))
    # Enlarged while still smooth, cut into steps afterwards: edges are crisp at any size.
    lab = tone.finished(flat).colourspace("lab")
    lab = work.render(tone.resized(lab, width, height))
    light = lab[0].linear(2.55, 0)
    stepped = tone.lookup(light, tone.table(_steps(params.levels), finished=False))
    if params.halftone:
        stepped = stepped - _dots(light)
    colour = lab[1:3].linear(0.6 + 1.0 * params.saturation / 100, 0)
    areas = stepped.linear(1 / 2.55, 0).bandjoin(colour).copy(interpretation="lab")
    areas = areas.colourspace("srgb")
    if params.ink:
        lines = _ink(tone.grey(calm), params.ink / 100, work)
        areas = areas * _clamped(tone.resized(lines, width, height))
    return tone.finished(areas)


def _steps(levels: int) -> tone.Curve:
    """A staircase with narrow, rounded risers; each step keeps about its own lightness."""
    contrast = tone.s_curve(2.5, 0.45)

    def curve(x: float) -> float:
        y = min(x, 0.9999) * levels
        step = int(y)
        edge = min(1.0, max(0.0, (y - step - 0.94) / 0.06))
        if step == levels - 1:
            edge = 0.0
        return contrast((step + 0.5 + edge * edge * (3 - 2 * edge)) / levels)

    return curve


def _dots(light: pyvips.Image) -> pyvips.Image:
    """Darkness to take away, as round dots on a slanted grid, in the shadows and half-tones."""
    width, height = light.width, light.height
    pitch = max(4, round(max(width, height) / 125))
    grid = pyvips.Image.xyz(pitch, pitch).linear(360 / pitch, 0)
    spot = (grid[0].cos() * grid[1].cos()).linear(0.5, 0.5).copy_memory()
    spots = spot.replicate(width // pitch + 1, height // pitch + 1).crop(0, 0, width, height)
    dark = tone.lookup(light, _darkness(DOT_SIZE)).linear(1 / 255, 0)
    sharp = pitch / 2.2
    return _clamped((dark - spots).linear(sharp, 0)).linear(34, 0)


def _ink(band: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """What is left of the light under ink lines: 0 or less on a line, 1 or more beside it.

    It is a difference of two blurs, smooth enough to be enlarged before it is clamped.
    """
    sigma = 0.0009 * max(band.width, band.height)
    band = work.render(band.linear(1 / 255, 0))
    near = band.gaussblur(max(0.5, sigma), precision="float")
    far = work.render(band.gaussblur(max(0.8, sigma * 2.2), precision="float"))
    # The wider difference is strong along an edge and nil at a speck: it tells lines from dirt.
    wide = far - band.gaussblur(max(1.2, sigma * 4.5), precision="float")
    threshold = 0.06 - 0.052 * amount
    change = (near - far + wide.linear(0.6, 0)).gaussblur(0.7, precision="float")
    return work.render(change.linear(70, 70 * threshold + 0.5))
