"""The drawn looks: pencil sketch and comic page."""

from __future__ import annotations

from functools import cache
from math import cos, exp, hypot, radians, sin

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


# How far around a pixel the pencil looks, in shares of the longest side, and how much each counts.
LINES, LINE_WEIGHTS = (0.0016, 0.005), (1.2, 1.0)
# From light (0..1) to how much of the paper a hatch, or a dot, may cover.
FIRST_HATCH = ((0.0, 0.9), (0.3, 0.55), (0.6, 0.16), (0.8, 0.0), (1.0, 0.0))
SECOND_HATCH = ((0.0, 0.8), (0.22, 0.35), (0.4, 0.0), (1.0, 0.0))
DOT_SIZE = ((0.0, 0.62), (0.3, 0.5), (0.62, 0.1), (0.7, 0.0), (1.0, 0.0))
# The longest side, in pixels, on which what is smooth is made; it is enlarged after.
SKETCH_CELLS = COMIC_CELLS = 1500
# From Lab to 0..255, and so that no colour is less than 0.
LAB_SCALE, LAB_OFFSET = [2.55, 1, 1], [0, 128, 128]


def sketch(photo: pyvips.Image, params: Sketch, work: Work) -> pyvips.Image:
    """Pencil lines where the photo changes, hatching where it is dark, on toned paper."""
    band = tone.lookup(tone.grey(photo), tone.table(tone.exposure(photo), finished=False))
    calm = work.render(smoothed(work.render(band), 0.0022, 0.035, work, cells=1000))
    width, height = photo.width, photo.height
    # What is smooth is made small and enlarged together, for half the time.
    small = work.render(calm.resize(min(1.0, SKETCH_CELLS / max(width, height)), kernel="linear"))
    around = [tone.blurred(small, radius, work) for radius in LINES]
    tooth = tone.noise(small.width, small.height, work.seed, cells=1300).linear(0.16, 0.9)
    shading = _hatching(small, params.shading / 100, work) if params.shading else small.linear(0, 0)
    smooth = work.render(around[0].bandjoin([*around[1:], shading, tooth]))
    *around, shading, tooth = tone.resized(smooth, width, height, kernel="linear").bandsplit()
    density = (_pencil_lines(calm, around, params.line_strength / 100) + shading) * tooth
    density = density.cast("uchar")  # holds it within 0..255
    if not params.colour:
        return density.maplut(_graphite(params.paper)).copy(interpretation="srgb")
    paper, graphite = PAPERS[params.paper]
    ground = _crayon(photo, paper, params.colour / 100, work)
    return tone.finished(ground + density.linear(1 / 255, 0) * ground.linear(-1, graphite))


@cache
def _graphite(paper: str) -> pyvips.Image:
    """A table from how much graphite there is to the colour of such paper under it."""
    light, dark = PAPERS[paper]
    share = pyvips.Image.identity().linear(1 / 255, 0)
    return tone.finished(share.linear([b - a for a, b in zip(light, dark, strict=True)], light)).copy_memory()


def _pencil_lines(calm: pyvips.Image, around: list[pyvips.Image], strength: float) -> pyvips.Image:
    """Graphite 0..255 along edges: where a pixel is darker than its neighbourhood, near and wide."""
    near, wide = (
        _darker(calm, blurred, weight) for blurred, weight in zip(around, LINE_WEIGHTS, strict=True)
    )
    # A soft knee: faint marks stay faint, strong ones do not become black bars.
    amount = (1.0 + 5.0 * strength) * sum(LINE_WEIGHTS)
    return (near + wide).cast("ushort").maplut(_knee(amount * 1.6))


@cache
def _knee(amount: float) -> pyvips.Image:
    return tone.table(lambda x: 0.92 - 0.92 * exp(-amount * x), finished=False)


def _darker(calm: pyvips.Image, around: pyvips.Image, weight: float) -> pyvips.Image:
    """By which share each pixel is darker than its surroundings, 0 where it is lighter; in a table's steps
    once all weights are added up.
    """
    # The 8 keeps noise in the blacks from counting as edges.
    ratio = calm.linear(1, 8) / around.linear(1, 8)
    steps = (tone.STEPS - 1) * weight / sum(LINE_WEIGHTS)
    return ratio.linear(-steps, 0.985 * steps).cast("ushort")  # nothing below 0


def _hatching(calm: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """Slanted strokes 0..255, denser in the shadows; the darkest parts are crossed."""
    width, height = calm.width, calm.height
    broad = tone.blurred(calm, 0.0025, work)
    first, second = _darkness(FIRST_HATCH), _darkness(SECOND_HATCH)
    strokes = _strokes(width, height, 52, work.seed).linear(0.34, 0.5)
    crossed = _strokes(width, height, 18, work.seed + 1).linear(0.34, 0.4)
    shade = tone.lookup(broad, first) * strokes + tone.lookup(broad, second) * crossed
    return shade.linear(1.2 * amount, 0)


@cache
def _darkness(points: tuple[tuple[float, float], ...]) -> pyvips.Image:
    """A table from light to how much ink or graphite it gets."""
    return tone.table(tone.through(points), finished=False)


def _strokes(width: int, height: int, angle: float, seed: int) -> pyvips.Image:
    """Noise drawn out along ``angle`` degrees: the marks of a pencil's side."""
    cells, length = 1150, 22
    # Never smaller than its cells before it is shrunk with care, else the strokes would flicker.
    wide = max(1.0, max(width, height) / cells)
    scale = wide * cells / max(width, height)
    w, h = max(2, round(width * scale)), max(2, round(height * scale))
    side = hypot(w, h) / wide
    marks = pyvips.Image.gaussnoise(round(side / length) + 4, round(side) + 4, sigma=1.3, mean=0, seed=seed)
    across, down = wide * cos(radians(angle)), wide * sin(radians(angle))
    drawn = marks.copy_memory().affine(
        [across * length, down, -down * length, across],
        interpolate=pyvips.Interpolate.new("bicubic"),
        idx=-marks.width / 2, idy=-marks.height / 2, odx=w / 2, ody=h / 2, oarea=[0, 0, w, h],
    )  # fmt: skip
    return tone.resized(drawn, width, height)


def _crayon(photo: pyvips.Image, paper: list[int], amount: float, work: Work) -> pyvips.Image:
    """The paper tinted with the photo's colours, a little outside the lines as by hand."""
    soft = tone.blurred(photo, 0.003, work)
    soft = tone.saturated(soft, 1.25).linear(0.62, 96).cast("uchar")
    return soft.linear([amount * one / 255 for one in paper], [(1 - amount) * one for one in paper])


def comic(photo: pyvips.Image, params: Comic, work: Work) -> pyvips.Image:
    """Flat steps of light in lively colours, dots in the shadows if wanted, ink on top."""
    width, height = photo.width, photo.height
    small = photo.resize(min(1.0, COMIC_CELLS / max(width, height)), kernel="linear")
    lab = tone.lookup(small, tone.table(tone.exposure(photo))).copy(interpretation="srgb").colourspace("lab")
    lab = work.render(lab.linear(LAB_SCALE, LAB_OFFSET))
    calm = work.render(smoothed(lab[0], 0.002, 0.05, work, cells=COMIC_CELLS // 2))
    flat = calm
    for radius in (0.004, 0.006):
        flat = work.render(smoothed(flat, radius, 0.07, work, cells=COMIC_CELLS // 3))
    # In whole steps, so that what is nearly even has edges too. Enlarged while still smooth and cut into
    # the steps of the look afterwards: edges are crisp at any size.
    light = work.render(tone.resized(flat.rint(), width, height))
    stepped = tone.lookup(light, tone.table(_steps(params.levels), finished=False))
    if params.halftone:
        stepped = stepped - _dots(light)
    # Nobody sees that the colours are smaller: JPEGs have them so, too.
    colour = smoothed(work.render(lab[1:3].shrink(2, 2)), 0.006, 0.008, work, cells=COMIC_CELLS // 3)
    colour = colour.linear(1, -LAB_OFFSET[1]).linear(0.6 + 1.0 * params.saturation / 100, 0)
    colour = tone.spread(work.render(colour), width, height)
    areas = stepped.linear(1 / LAB_SCALE[0], 0).bandjoin(colour)
    areas = areas.copy(interpretation="lab").colourspace("srgb")
    if params.ink:
        lines = tone.resized(_ink(calm, params.ink / 100, work), width, height, kernel="linear")
        areas = lines.cast("uchar").ifthenelse(areas, [0, 0, 0], blend=True)  # held within 0..255
    return areas


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
    inside = (dark - spots).linear(255 * sharp, 0).cast("uchar")  # held within 0..255
    return inside.linear(34 / 255, 0)


def _ink(light: pyvips.Image, amount: float, work: Work) -> pyvips.Image:
    """What is left of the light under ink lines: 0 or less on a line, 255 or more beside it.

    It is a difference of two blurs, smooth enough to be enlarged before it is held within those.
    """
    radius = 0.0009
    sigma = radius * max(light.width, light.height)
    near = light.gaussblur(max(0.5, sigma), precision="float")
    far = work.render(light.gaussblur(max(0.8, sigma * 2.2), precision="float"))
    # The wider difference is strong along an edge and nil at a speck: it tells lines from dirt.
    wide = far - tone.blurred(light, radius * 4.5, work)
    threshold = 255 * (0.06 - 0.052 * amount)
    change = (near - far + wide.linear(0.6, 0)).gaussblur(0.7, precision="float")
    return work.render(change.linear(70, 70 * threshold + 127))
