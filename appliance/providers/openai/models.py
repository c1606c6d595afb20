"""What each OpenAI image model takes. Facts of 2026-11-23; configuration may add to them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field

SIZES = ("1024x1024", "1536x1024", "1024x1536")


class ModelCapabilities(BaseModel):
    """One model's table: what it would reject is refused before it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sizes: tuple[str, ...] = SIZES
    """The values of ``size`` besides ``auto``."""
    max_images: int = Field(default=16, ge=1)
    """Pictures in one request, the guest's photo included."""
    input_fidelity: bool = True
    """Whether the model knows the parameter."""
    typical_seconds: float = Field(default=30.0, gt=0)
    """How long an answer usually takes, until it has been measured."""


DEFAULT_MODELS: Mapping[str, ModelCapabilities] = MappingProxyType({"gpt-image-1.5": ModelCapabilities()})


def nearest_size(width: int, height: int, sizes: tuple[str, ...]) -> str:
    """The size of ``sizes`` closest in shape to ``width`` x ``height`` pixels; ``auto`` without sizes."""

    def distance(size: str) -> float:
        across, _, down = size.partition("x")
        shape, wanted = width / height, int(across) / int(down)
        return max(shape, wanted) / min(shape, wanted)

    return min(sizes, key=distance, default="auto")
