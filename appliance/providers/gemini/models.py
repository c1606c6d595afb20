"""What each Gemini image model takes. Facts of 2026-11-23; configuration may add to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

ASPECT_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


class ModelCapabilities(BaseModel):
    """One model's table: what it would reject is refused before it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aspect_ratios: tuple[str, ...] = ASPECT_RATIOS
    image_sizes: tuple[str, ...] = ()
    """The values of ``imageSize``; empty: the model rejects the parameter."""
    max_images: int = Field(default=3, ge=1)
    """Pictures in one request, the guest's photo included."""
    typical_seconds: float = Field(default=15.0, gt=0)
    """How long an answer usually takes, until it has been measured."""


DEFAULT_MODELS: Mapping[str, ModelCapabilities] = MappingProxyType(
    {
        "gemini-2.5-flash-image": ModelCapabilities(max_images=3, typical_seconds=8.0),
        "gemini-3-pro-image-preview": ModelCapabilities(
            image_sizes=("1K", "2K", "4K"), max_images=14, typical_seconds=35.0
        ),
        "gemini-3.1-flash-image-preview": ModelCapabilities(
            image_sizes=("1K", "2K", "4K"), max_images=14, typical_seconds=12.0
        ),
    }
)


def nearest_ratio(width: int, height: int, ratios: tuple[str, ...]) -> str | None:
    """The ratio of ``ratios`` that is closest in shape to ``width`` x ``height`` pixels."""

    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        shape, wanted = width / height, int(across) / int(down)
        return max(shape, wanted) / min(shape, wanted)

    return min(ratios, key=distance, default=None)
