"""Choosing a picture's shape by the guest's photo."""

from __future__ import annotations


def nearest_ratio(width: int, height: int, ratios: tuple[str, ...]) -> str | None:
    """The ratio of ``ratios`` (``3:4``) closest in shape to ``width`` x ``height`` pixels."""

    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        shape, wanted = width / height, int(across) / int(down)
        return max(shape, wanted) / min(shape, wanted)

    return min(ratios, key=distance, default=None)
