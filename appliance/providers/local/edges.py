"""Smoothing that stops at edges."""

from __future__ import annotations

import pyvips

from appliance.providers.local import tone
from appliance.providers.local.work import Work


def smoothed(image: pyvips.Image, radius: float, edge: float, work: Work, cells: int = 900) -> pyvips.Image:
    """``image`` (0..255) with texture evened out and edges kept: a guided filter of itself.

    ``radius`` is a fraction of the longest side; contrast well under ``edge`` (0..1) counts as
    texture, well over it as an edge. The statistics come from a small copy of ``cells`` pixels;
    only the last step touches every pixel.
    """
    side = max(image.width, image.height)
    scale = min(1.0, cells / side)
    small = work.render(image.resize(scale, kernel="linear").linear(1 / 255, 0))
    sigma = max(0.6, radius * side * scale)

    def average(band: pyvips.Image) -> pyvips.Image:
        return work.render(band.gaussblur(sigma, precision="approximate"))

    mean = average(small)
    variance = average(small * small) - mean * mean
    share = work.render(variance / (variance + edge * edge))
    offset = average(mean - share * mean)
    share = average(share)
    share, offset = (
        tone.enlarged(one, image.width, image.height, sigma / scale) for one in (share, offset.linear(255, 0))
    )
    return image * share + offset
