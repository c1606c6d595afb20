"""The parameters of the operation: the admin form and the API schema are made from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from appliance.providers.base import Operation, Params
from appliance.providers.params import prompt_field, seed_field


class ImageEditParams(Params):
    """Change the photo as the prompt says."""

    timed_by = ("megapixels",)

    prompt: str = prompt_field(32_000)
    aspect_ratio: str = Field(
        default="photo",
        title="Aspect ratio",
        description="'photo' comes closest to the guest's photo, 'auto' is the model's choice; "
        "or a ratio such as 3:4.",
        pattern=r"^(photo|auto|[1-9]\d?:[1-9]\d?)$",
    )
    megapixels: Literal["1", "2", "4"] = Field(
        default="1",
        title="Megapixels",
        description="Size of the picture; FLUX.2 only. Larger is slower and costs more.",
    )
    output_format: Literal["jpeg", "png"] = Field(default="jpeg", title="File type")
    safety_tolerance: int = Field(
        default=2,
        title="Safety tolerance",
        description="0 is the strictest, 5 the most permissive.",
        ge=0,
        le=5,
    )
    seed: int | None = seed_field(2**32 - 1)


OPERATIONS: dict[str, Operation] = {
    "image_edit": Operation(ImageEditParams, "Image edit", {"reference": False}),
}
