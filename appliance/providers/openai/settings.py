"""The parameters of OpenAI's operation: the admin form and the API schema are made from them.

Which sizes and qualities there are is a matter of the model, so it is the catalogue's.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from appliance.core.language import Message
from appliance.providers.base import Operation, Params
from appliance.providers.openai.sizes import SIZE_PATTERN
from appliance.providers.params import prompt_field


def _shape_or_pixels(size: str) -> str:
    if not re.fullmatch(SIZE_PATTERN, size):
        raise ValueError(Message("choose a shape, or write width x height in pixels, such as 1216x1824"))
    return size


class ImageEditParams(Params):
    """Change the photo as the prompt says."""

    timed_by = ("size", "quality", "complexity")
    # Written of for edits here and there, but the official client (3.57.0, 2026-11-26) has it for new
    # pictures only, and an unknown parameter would fail every photo.
    retired = ("moderation",)

    prompt: str = prompt_field(32_000)
    size: Annotated[str, AfterValidator(_shape_or_pixels)] = Field(
        default="photo",
        title="Picture size",
        description="A shape, portrait or landscape like the photo, or width x height in pixels: 1216x1824.",
    )
    quality: str = Field(
        default="auto",
        pattern=r"^[a-z]{2,12}$",
        title="Quality",
        description="Higher is slower and costs more.",
    )
    output_format: Literal["jpeg", "png", "webp"] = Field(
        default="jpeg", title="File type", description="JPEG is fastest; transparency needs PNG or WebP."
    )
    output_compression: int | None = Field(
        default=None,
        title="Output quality",
        description="For JPEG and WebP, 0 to 100 percent; empty leaves it to the model.",
        ge=0,
        le=100,
    )
    background: Literal["auto", "opaque", "transparent"] = Field(
        default="auto", title="Background", description="Transparent is for cut-outs, as PNG or WebP."
    )
    input_fidelity: str = Field(
        default="auto",
        pattern=r"^[a-z]{2,12}$",
        title="Likeness",
        description="'high' keeps faces as they are and costs more; 'auto' is the highest the model offers.",
    )
    complexity: str = Field(
        default="auto",
        pattern=r"^[a-z]{2,12}$",
        title="Complexity",
        description="How much effort the model puts in; less is faster.",
    )


OPERATIONS: dict[str, Operation] = {
    "image_edit": Operation(ImageEditParams, "Image edit", {"reference": False}),
}
