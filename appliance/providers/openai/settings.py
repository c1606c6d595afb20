"""The parameters of OpenAI's operation: the admin form and the API schema are made from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from appliance.providers.base import Operation, Params


class ImageEditParams(Params):
    """Change the photo as the prompt says."""

    timed_by = ("size", "quality")

    prompt: str = Field(
        title="Prompt",
        description="What to change in the photo. The photo is the first image, references follow it.",
        min_length=1,
        max_length=32_000,
        json_schema_extra={"x-multiline": True},
    )
    size: Literal["photo", "auto", "1024x1024", "1536x1024", "1024x1536"] = Field(
        default="photo",
        title="Picture size",
        description="In pixels. 'photo': closest in shape to the guest's photo; 'auto': the model's choice.",
    )
    quality: Literal["auto", "low", "medium", "high"] = Field(
        default="auto", title="Quality", description="Higher is slower and costs more."
    )
    output_format: Literal["jpeg", "png", "webp"] = Field(
        default="jpeg", title="File type", description="JPEG is the fastest; transparency needs PNG or WebP."
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
    input_fidelity: Literal["high", "low"] = Field(
        default="high", title="Likeness", description="'high' keeps faces as they are and costs more."
    )


OPERATIONS: dict[str, Operation] = {
    "image_edit": Operation(ImageEditParams, "Image edit", {"reference": False}),
}
